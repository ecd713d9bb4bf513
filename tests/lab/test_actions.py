"""Every action on a real systemd: what it does, what it refuses, and what its undo brings back."""

import json
import os
import pwd
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from orchestrator.hands.hands import Hands
from orchestrator.host import Bus, Refused, Unavailable
from orchestrator.model import Json
from tests.lab.acting import Here, act, by_the_hands, split
from tests.lab.host import HANDS, Host
from tests.lab.shipped import SPLIT, start_hands

SLEEPER = "[Service]\nExecStart=/bin/sleep infinity\n"


@pytest.fixture(params=["one process", "split"] if SPLIT else ["one process"], autouse=True)
def shape(request: pytest.FixtureRequest, lab: Host) -> Iterator[str]:
    """Every action in both: by hands in this very process, and by the shipped hands behind their socket, asked by the sandboxed brain."""
    if request.param == "split":
        start_hands(lab)
    with split() if request.param == "split" else nullcontext():
        yield request.param


# ---- called inside the host ----


def perform(here: Here, action: Json) -> Json:
    return here.perform(action)


def perform_and_undo(here: Here, action: Json) -> list[Json]:
    done = here.perform(action)
    return [done, here.undo(done["id"], action, done["before"])]


def undo(here: Here, change: Json, action: Json) -> Json:
    return here.undo(change["id"], action, change["before"])


def offered(here: Here, kind: str, **case: Any) -> list[Json]:
    return here.offered(kind, case)


@by_the_hands
def remember(here: Here, paths: list[str], loaded_at: float) -> None:
    """What the daemon does while all is well."""
    for path in paths:
        state = here.view.files.look(path)
        assert state
        content = here.view.files.read(path) if state.kind == "file" else b""
        here.view.known_good.put(path, content, state, loaded_at)


# ---- helpers outside ----


def on(unit: str, verb: str) -> Json:
    return {"kind": verb if verb == "reset_failed" else f"{verb}_unit", "unit": unit}


def active(lab: Host, unit: str) -> bool:
    return lab.sh(f"systemctl is-active --quiet {unit}").status == 0


def refused(answer: Json, why: str) -> bool:
    assert why in answer["detail"], answer
    return bool(answer["refused"])


def failed(answer: Json, why: str) -> bool:
    assert why in answer["detail"], answer
    return not answer["ok"] and not answer["refused"]


# ---- start, stop, restart, reload ----


def test_a_start_goes_over_the_start_limit_and_back(lab: Host) -> None:
    """A unit that systemd refuses to start any more is started; undo stops it, since it was down before."""
    lab.unit(
        "shop.service",
        "[Unit]\nStartLimitBurst=2\n[Service]\nRestart=always\nRestartSec=0\n"
        "ExecStart=/bin/sh -c 'test -e /run/ok && exec sleep infinity'\n",
    )
    lab.ok("systemctl start shop")
    lab.wait_until(lambda: "repeated too quickly" in lab.journal("shop"), 10)
    lab.ok("touch /run/ok")
    assert lab.sh("systemctl start shop").status != 0
    done = act(lab, perform, action=on("shop.service", "start"))
    assert (done["ok"], done["unproved"], active(lab, "shop")) == (True, "", True)
    assert act(lab, undo, change=done, action=on("shop.service", "start"))["ok"]
    assert not active(lab, "shop")


def test_the_undo_of_a_start_leaves_alone_what_ran_before(lab: Host) -> None:
    """A unit that somebody had started meanwhile is not stopped."""
    lab.unit("shop.service", SLEEPER)
    lab.ok("systemctl start shop")
    done, undone = act(lab, perform_and_undo, action=on("shop.service", "start"))
    assert (done["ok"], undone["ok"], active(lab, "shop")) == (True, True, True)


def test_the_undo_of_a_start_leaves_a_crash_loop_to_systemd(lab: Host) -> None:
    """A stop amid it would look like a person's word, and nobody would miss the unit any more."""
    start = "Type=notify\nExecStartPre=/bin/sleep 0.5\nExecStart=/bin/false\n"
    lab.unit("shop.service", f"[Unit]\nStartLimitBurst=4\n[Service]\nRestart=always\nRestartSec=0\n{start}")
    done, undone = act(lab, perform_and_undo, action=on("shop.service", "start"))
    assert (done["ok"], undone["ok"]) == (False, True)
    lab.wait_until(lambda: "repeated too quickly" in lab.journal("shop"), 20, "the start limit")


def test_a_crash_loop_is_met_between_two_of_its_jobs(lab: Host) -> None:
    """Most of the time systemd has a start job for it, each over in a moment: that is no other hand at work."""
    loop = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=50ms\n"
    lab.unit("shop.service", f"{loop}ExecStartPre=/bin/sleep 0.4\nExecStart=/bin/false\n")
    lab.ok("systemctl start shop")
    for _ in range(4):
        stopped = act(lab, perform, action=on("shop.service", "stop"))
        assert stopped["ok"], stopped
        lab.ok("systemctl start --no-block shop; sleep 0.1")


def test_a_start_that_cannot_be_is_refused(lab: Host) -> None:
    """Masked, missing, unusable, not by hand: each has its own sentence, and nothing is tried."""
    lab.unit("broken.service", "[Service]\nRestart=always\n")
    lab.unit("shy.service", "[Unit]\nRefuseManualStart=yes\n" + SLEEPER)
    lab.ok("systemctl mask nginx")
    for unit, why in (("nginx", "masked"), ("nosuch", "does not exist"), ("broken", "systemd cannot use"), ("shy", "RefuseManualStart")):
        assert refused(act(lab, perform, action=on(f"{unit}.service", "start")), why)


def test_an_alias_protects_as_well_as_the_name(lab: Host) -> None:
    """What stands behind a name counts, and not how it was called."""
    lab.unit("shop.service", SLEEPER)
    lab.ok("ln -s shop.service /etc/systemd/system/innocent.service; systemctl daemon-reload; systemctl start shop")
    config: Json = {"protect": {"units": ["shop.service"]}}
    for verb in ("start", "stop", "restart", "reload"):
        assert refused(act(lab, perform, action=on("innocent.service", verb), config=config), "shop.service is protected"), verb


def test_a_start_that_a_dependency_holds_back_names_it(lab: Host) -> None:
    """systemd's own result says nothing: inactive and success."""
    lab.unit("base.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n")
    lab.unit("shop.service", "[Unit]\nRequires=base.service\nAfter=base.service\n" + SLEEPER)
    assert failed(act(lab, perform, action=on("shop.service", "start")), "it needs base.service")


def test_a_oneshot_is_up_when_it_ended_well(lab: Host) -> None:
    """And is not when it did not; nor is a service that exits at once."""
    lab.unit("good.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 0.3\n")
    lab.unit("bad.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 4'\n")
    lab.unit("short.service", "[Service]\nType=exec\nExecStart=/bin/true\n")
    assert act(lab, perform, action=on("good.service", "start"))["ok"]
    assert failed(act(lab, perform, action=on("bad.service", "start")), "exited with status 4")
    lab.wait_until(lambda: not act(lab, perform, action=on("short.service", "start"))["ok"], 5)


CONFIG_TEST: Json = {
    "service": [{"name": "shop", "unit": "shop.service", "config_test": ["/usr/bin/grep", "-q", "good", "/etc/shop.conf"]}]
}


def test_a_running_service_is_not_risked_for_a_bad_configuration(lab: Host) -> None:
    """Its own test refuses what is on disk: neither restart nor reload; with a good one it restarts."""
    lab.unit("shop.service", SLEEPER + "ExecReload=/bin/true\n")
    lab.write("/etc/shop.conf", "bad")
    lab.ok("systemctl start shop")
    pid = lab.show("shop", "MainPID")
    for verb in ("restart", "reload"):
        assert refused(act(lab, perform, action=on("shop.service", verb), config=CONFIG_TEST), "config test of shop.service fails")
    assert lab.show("shop", "MainPID") == pid
    lab.write("/etc/shop.conf", "good")
    for verb in ("reload", "restart"):
        assert act(lab, perform, action=on("shop.service", verb), config=CONFIG_TEST)["ok"], verb
    assert lab.show("shop", "MainPID") != pid


def test_a_test_that_cannot_be_run_stops_a_restart_but_no_start(lab: Host) -> None:
    """What runs is not risked blindly; what is down has nothing to lose."""
    lab.unit("shop.service", SLEEPER)
    blind: Json = {"service": [{"name": "shop", "unit": "shop.service", "config_test": ["/nonexistent/test"]}]}
    assert act(lab, perform, action=on("shop.service", "start"), config=blind)["ok"]
    assert refused(act(lab, perform, action=on("shop.service", "restart"), config=blind), "could not be run")


UPGRADE = """
import fcntl, time
file = open("/var/lib/dpkg/lock", "r+b")
fcntl.lockf(file, fcntl.LOCK_EX)
time.sleep(60)
"""


def test_another_hand_at_work_is_not_disturbed(lab: Host) -> None:
    """A queued job would be replaced by ours, and a package upgrade would be met half-way."""
    lab.unit("slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 30\n")
    lab.unit("shop.service", SLEEPER)
    lab.ok("systemctl start shop; systemctl start --no-block slow")
    assert refused(act(lab, perform, action=on("slow.service", "restart")), "systemd is at work on slow.service: a start job")
    lab.write("/opt/upgrade.py", UPGRADE)
    lab.ok("systemd-run -q --unit=upgrade python3 /opt/upgrade.py")
    lab.wait_until(lambda: "upgrade is under way" in act(lab, perform, action=on("shop.service", "restart"))["detail"], 5)
    assert active(lab, "shop")


def test_a_service_on_a_full_disk_is_not_restarted(lab: Host) -> None:
    """It may still serve from memory, and would not come back."""
    lab.disk("/var/lib/shop", 8)
    lab.unit("shop.service", SLEEPER + "StateDirectory=shop\n")
    lab.ok("systemctl start shop; dd if=/dev/zero of=/var/lib/shop/fill bs=64k 2>/dev/null; true")
    assert refused(act(lab, perform, action=on("shop.service", "restart")), "/var/lib/shop, where shop.service keeps its data, is full")
    lab.ok("rm /var/lib/shop/fill")
    assert act(lab, perform, action=on("shop.service", "restart"))["ok"]


def test_a_reload_that_the_service_refuses_has_failed(lab: Host) -> None:
    """systemd says active afterwards; the exit status of ExecReload= says otherwise."""
    lab.unit("shop.service", SLEEPER + "ExecReload=/bin/sh -c 'exit 7'\n")
    lab.ok("systemctl start shop")
    assert failed(act(lab, perform, action=on("shop.service", "reload")), "status 7")
    assert active(lab, "shop")


def test_what_was_stopped_comes_back(lab: Host) -> None:
    """The undo of a stop starts it again."""
    lab.unit("shop.service", SLEEPER)
    lab.ok("systemctl start shop")
    done = act(lab, perform, action=on("shop.service", "stop"))
    assert (done["ok"], active(lab, "shop")) == (True, False)
    assert act(lab, undo, change=done, action=on("shop.service", "stop"))["ok"]
    assert active(lab, "shop")


def test_a_failure_is_forgotten(lab: Host) -> None:
    """The unit is inactive afterwards, and nothing was started."""
    lab.unit("shop.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n")
    lab.sh("systemctl start shop")
    assert act(lab, perform, action=on("shop.service", "reset_failed"))["ok"]
    assert lab.show("shop", "ActiveState")["ActiveState"] == "inactive"


def test_only_what_is_down_and_in_scope_is_offered(lab: Host) -> None:
    """For a start: the target, what it needs, and what ran before; never a protected unit; for a restart the target alone."""
    for name in ("shop", "base", "client"):
        lab.unit(f"{name}.service", SLEEPER)
    scope: Json = {"target": "shop.service", "below": ["base.service", "dbus.service"], "above": ["client.service"]}
    assert [item["unit"] for item in act(lab, offered, kind="start_unit", **scope)] == ["shop.service", "base.service"]
    assert act(lab, offered, kind="restart_unit", **scope) == []
    lab.ok("systemctl start shop")
    assert [item["unit"] for item in act(lab, offered, kind="restart_unit", **scope)] == ["shop.service"]
    assert [item["unit"] for item in act(lab, offered, kind="start_unit", **scope)] == ["base.service"]
    assert act(lab, offered, kind="restart_unit", target="dbus.service") == []


def test_a_wait_for_a_job_survives_the_message_bus(lab: Host) -> None:
    """The bus dies and comes back while a slow start is under way: its end is still seen."""
    lab.unit("slow.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStartPre=/bin/touch /run/began\nExecStart=/bin/sleep 2\n")
    lab.ok("systemd-run -q sh -c 'until test -e /run/began; do sleep 0.05; done; systemctl kill -s KILL dbus'")
    done = act(lab, perform, action=on("slow.service", "start"))
    assert (done["ok"], active(lab, "slow")) == (True, True)
    assert "9/KILL" in lab.journal("dbus")


# ---- unit files ----


def test_only_a_unit_file_that_systemd_would_take_is_loaded(lab: Host) -> None:
    """A broken file on disk is refused, and what was loaded stays; a mended one makes the unit usable again."""
    lab.unit("shop.service", "[Service]\nExecStart=/bin/false\n")
    lab.ok("systemctl start shop; until systemctl is-failed -q shop; do sleep 0.05; done")
    assert act(lab, offered, kind="daemon_reload", target="shop.service") == []
    lab.write("/etc/systemd/system/shop.service", "[Service]\nRestart=always\n")
    (action,) = act(lab, offered, kind="daemon_reload", target="shop.service")
    assert refused(act(lab, perform, action=action), "systemd-analyze verify refuses")
    assert lab.show("shop", "LoadState", "NeedDaemonReload") == {"LoadState": "loaded", "NeedDaemonReload": "yes"}
    lab.write("/etc/systemd/system/shop.service", SLEEPER)
    done = act(lab, perform, action=action)
    assert (done["ok"], done["unproved"], lab.show("shop", "NeedDaemonReload")["NeedDaemonReload"]) == (True, "", "no")
    assert act(lab, perform, action=on("shop.service", "start"))["ok"]
    assert act(lab, offered, kind="daemon_reload", target="shop.service") == []


# ---- processes ----

LEAVER = "[Service]\nKillMode=process\nExecStart=/bin/sh -c 'sleep 1000 & sleep 1001 & exec sleep infinity'\n"


def test_what_the_last_run_left_behind_is_ended(lab: Host) -> None:
    """Only in the unit's own group, and only while it is down."""
    lab.unit("shop.service", LEAVER)
    lab.ok("systemctl start shop; sleep 0.3")
    assert act(lab, offered, kind="stop_leftovers", target="shop.service") == []
    lab.ok("systemctl kill -s KILL --kill-who=main shop")
    lab.wait_until(lambda: not active(lab, "shop"), 5)
    (action,) = act(lab, offered, kind="stop_leftovers", target="shop.service")
    assert len(action["processes"]) == 2
    lab.ok("systemd-run -q --unit=other sleep 1002")
    other = int(lab.show("other", "MainPID")["MainPID"])
    started = act(lab, started_at, pid=other)
    foreign = {**action, "processes": [{"pid": other, "started_at": started}]}
    assert refused(act(lab, perform, action=foreign), "not in the group of shop.service")
    done = act(lab, perform, action=action)
    assert (done["ok"], done["unproved"]) == (True, "")
    assert lab.sh("pgrep -x sleep -a").out.split()[-1] == "1002"


def started_at(here: Here, pid: int) -> float:
    process = here.view.processes.get(pid)
    assert process
    return process.started_at


PORT: Json = {"service": [{"name": "shop", "unit": "shop.service", "port": 7777}]}


def test_a_stranger_on_the_port_is_named_and_ended(lab: Host) -> None:
    """By pid, start time and program; one that systemd would start again is stopped with its unit, a protected one never."""
    lab.unit("shop.service", SLEEPER)
    lab.ok("systemd-run -q --unit=stranger nc -lk 127.0.0.1 7777; sleep 0.3")
    (action,) = act(lab, offered, kind="stop_process", config=PORT, target="shop.service")
    assert (action["holder"], action["exe"].startswith("/")) == ("stranger.service", True)
    assert refused(act(lab, perform, action={**action, "started_at": action["started_at"] - 5}, config=PORT), "not the same")
    assert refused(act(lab, perform, action=action, config={**PORT, "protect": {"units": ["stranger.service"]}}), "protected")
    done = act(lab, perform, action=action, config=PORT)
    assert (done["ok"], done["unproved"], active(lab, "stranger")) == (True, "", False)
    lab.ok("systemd-run -q --unit=phoenix -p Restart=always nc -lk 127.0.0.1 7777; sleep 0.3")
    (action,) = act(lab, offered, kind="stop_process", config=PORT, target="shop.service")
    done = act(lab, perform, action=action, config=PORT)
    assert (done["ok"], done["unproved"], active(lab, "phoenix")) == (True, "", False)


# ---- files ----


def test_a_stale_pid_file_is_moved_out_of_the_way(lab: Host) -> None:
    """Not while the unit runs; a pid that is the main process of another unit is a stranger's; the start works then."""
    refuses = (
        "if test -e /run/shop/shop.pid; then echo 'already running' >&2; exit 1; fi; echo $$$$ >/run/shop/shop.pid; exec sleep infinity"
    )
    lab.unit("shop.service", f'[Service]\nRuntimeDirectory=shop\nRuntimeDirectoryPreserve=yes\nExecStart=/bin/sh -c "{refuses}"\n')
    lab.unit("other.service", SLEEPER)
    lab.ok("systemctl start shop other; sleep 0.3")
    scope: Json = {"target": "shop.service", "paths": ["/run/shop"]}
    assert act(lab, offered, kind="quarantine_file", **scope) == []
    lab.ok("systemctl kill -s KILL shop; sleep 0.3; systemctl show -P MainPID other >/run/shop/shop.pid")
    assert lab.sh("systemctl start shop; sleep 0.3; systemctl is-active shop").out.strip() == "failed"
    (action,) = act(lab, offered, kind="quarantine_file", **scope)
    done, undone = act(lab, perform_and_undo, action=action)
    assert (done["ok"], done["unproved"], undone["ok"]) == (True, "", True)
    assert lab.sh("test -e /run/shop/shop.pid").status == 0
    assert act(lab, perform, action=action)["ok"]
    assert act(lab, perform, action=on("shop.service", "start"))["ok"]
    lab.wait_until(lambda: lab.read("/run/shop/shop.pid").strip() == lab.show("shop", "MainPID")["MainPID"], 5)


NGINX: Json = {
    "service": [
        {"name": "web", "unit": "nginx.service", "config_files": ["/etc/nginx/nginx.conf"], "config_test": ["/usr/sbin/nginx", "-t"]}
    ]
}
WEB: Json = {"target": "nginx.service", "service": "web", "paths": ["/etc/nginx/nginx.conf"]}


def test_a_broken_configuration_is_restored_when_it_was_loaded(lab: Host) -> None:
    """Beside a server that runs well it is left alone; when the server is down by it, the good copy comes back, and it starts."""
    lab.ok("systemctl start nginx")
    act(lab, remember, paths=["/etc/nginx/nginx.conf"], loaded_at=0.0)
    lab.ok("echo 'nonsense;' >>/etc/nginx/nginx.conf")
    assert act(lab, offered, kind="restore_config", config=NGINX, **WEB) == []
    lab.sh("systemctl restart nginx")
    assert refused(act(lab, perform, action=on("nginx.service", "start"), config=NGINX), "config test of nginx.service fails")
    (action,) = act(lab, offered, kind="restore_config", config=NGINX, **WEB)
    done = act(lab, perform, action=action, config=NGINX)
    assert (done["ok"], done["unproved"]) == (True, "")
    assert act(lab, perform, action=on("nginx.service", "start"), config=NGINX)["ok"]
    assert lab.ok("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1/") == "200"
    assert act(lab, undo, change=done, action=action, config=NGINX)["ok"]
    assert "nonsense" in lab.read("/etc/nginx/nginx.conf")


SHOP: Json = {"service": [{"name": "shop", "unit": "shop.service"}]}
UNIT_FILE, DROP_IN = "/etc/systemd/system/shop.service", "/etc/systemd/system/shop.service.d/limits.conf"


@pytest.mark.parametrize(
    ("harm", "path"),
    [
        (f"printf '[Service]\\nExecStart=\\n' >{UNIT_FILE}", UNIT_FILE),
        (f"rm {UNIT_FILE}", UNIT_FILE),
        (f"rm {DROP_IN}", DROP_IN),
        ("echo 'MODE=broken' >/etc/default/shop", "/etc/default/shop"),
    ],
)
def test_a_units_own_files_come_back_and_systemd_reads_them(lab: Host, harm: str, path: str) -> None:
    """Its file, a drop-in and an environment file, changed or gone, are restored unasked for a declared service."""
    lab.write("/etc/default/shop", "MODE=infinity\n")
    lab.write(DROP_IN, "[Service]\nLimitNOFILE=4321\n")
    lab.unit("shop.service", "[Service]\nEnvironmentFile=/etc/default/shop\nExecStart=/bin/sleep $MODE\n")
    lab.ok("systemctl start shop")
    act(lab, remember, paths=[UNIT_FILE, DROP_IN, "/etc/default/shop"], loaded_at=0.0)
    lab.ok(f"{harm}; systemctl daemon-reload; systemctl stop shop")
    lab.sh("systemctl start shop; sleep 0.3; systemctl kill -s KILL shop; sleep 0.2")
    scope: Json = {"target": "shop.service", "service": "shop", "paths": [UNIT_FILE, DROP_IN, "/etc/default/shop"]}
    (action,) = act(lab, offered, kind="restore_config", config=SHOP, **scope)
    assert action["path"] == path
    done = act(lab, perform, action=action, config=SHOP)
    assert (done["ok"], done["unproved"]) == (True, "")
    assert lab.show("shop", "NeedDaemonReload", "LoadState") == {"NeedDaemonReload": "no", "LoadState": "loaded"}
    assert act(lab, perform, action=on("shop.service", "start"), config=SHOP)["ok"]
    assert "4321" in lab.ok("grep 'open files' /proc/$(systemctl show -P MainPID shop)/limits")
    assert act(lab, undo, change=done, action=action, config=SHOP)["ok"]


def test_an_owner_comes_back(lab: Host) -> None:
    """A log directory that a restore left to root is the service's again, and so can the service start."""
    config: Json = {"service": [{"name": "cache", "unit": "redis-server.service", "files": ["/var/log/redis"]}]}
    act(lab, remember, paths=["/var/log/redis"], loaded_at=0.0)
    lab.ok("chown -R root:root /var/log/redis; chmod 750 /var/log/redis; rm -f /var/log/redis/*")
    assert lab.sh("systemctl start redis-server").status != 0
    (action,) = act(lab, offered, kind="restore_owner_mode", config=config, target="redis-server.service", paths=["/var/log/redis"])
    assert act(lab, perform, action=action, config=config)["ok"]
    assert lab.ok("stat -c %U /var/log/redis").strip() == "redis"
    assert act(lab, perform, action=on("redis-server.service", "start"), config=config)["ok"]
    assert lab.ok("redis-cli ping").strip() == "PONG"


def test_a_directory_is_made_again_but_not_under_a_missing_mount(lab: Host) -> None:
    """A service must never write into the mount point of a disk that is away."""
    lab.disk("/srv/data", 8)
    lab.ok("mkdir /srv/data/shop /srv/log && chown redis:adm /srv/log && chmod 2750 /srv/log")
    lab.write("/etc/systemd/system/srv-data.mount", "[Mount]\nWhat=/var/tmp/srv-data.img\nWhere=/srv/data\nOptions=loop\n")
    lab.ok("systemctl daemon-reload")
    places = ["/srv/log", "/srv/data/shop"]
    config: Json = {"service": [{"name": "shop", "files": places}]}
    act(lab, remember, paths=places, loaded_at=0.0)
    lab.ok("rmdir /srv/log; umount /srv/data")
    (action,) = act(lab, offered, kind="restore_directory", config=config, target="shop", paths=places)
    assert action["path"] == "/srv/log"
    done = act(lab, perform, action=action, config=config)
    assert (done["ok"], lab.ok("stat -c '%U %G %a' /srv/log").split()) == (True, ["redis", "adm", "2750"])
    away = {**action, "path": "/srv/data/shop", "uid": 0, "gid": 0, "mode": 0o755}
    assert refused(act(lab, perform, action=away, config=config), "/srv/data is not mounted")
    assert act(lab, undo, change=done, action=action, config=config)["ok"]
    assert lab.sh("test -e /srv/log").status == 1


def test_the_journal_gives_space_back(lab: Host) -> None:
    """Only where it lies in the incident's scope and the disk is full, the gentlest step first; afterwards it takes what may stay."""
    lab.unit(
        "chatter.service",
        "[Service]\nType=oneshot\nLogRateLimitIntervalSec=0\nExecStart=/bin/sh -c 'base64 -w 900 /dev/urandom | head -c 150000000'\n",
    )
    lab.ok("printf '[Journal]\\nSystemMaxUse=1G\\nRateLimitIntervalSec=0\\nSystemMaxFileSize=16M\\n' >/etc/systemd/journald.conf")
    lab.ok("systemctl restart systemd-journald; journalctl --flush; systemctl start chatter", timeout=100)
    scope: Json = {"target": "/", "paths": ["/var/log/journal"], "check": "disk_full"}
    assert act(lab, offered, kind="vacuum_journal", target="/srv", paths=["/srv/x"]) == []
    action, *harder = act(lab, offered, kind="vacuum_journal", **scope)
    assert all(step["keep_bytes"] < action["keep_bytes"] for step in harder)
    assert refused(act(lab, perform, action=action), "has room")
    full: Json = {"disk": [{"mount": lab.ok("findmnt -no TARGET -T /var/log/journal").strip(), "max_used_percent": 0.001}]}
    for step in harder:
        assert refused(act(lab, perform, action=step, config=full), "may keep more")
    done = act(lab, perform, action=action, config=full)
    assert (done["ok"], done["unproved"]) == (True, "")


# ---- the operator's commands ----


@by_the_hands
def run(here: Here, argv: list[str], user: str | None = None, limit: float = 20) -> list[Any]:
    result = here.machine.commands.run(argv, user=user, timeout=limit, name="test")
    return [result.exit, result.output, result.timed_out]


def test_a_command_runs_as_a_unit_of_its_own(lab: Host) -> None:
    """As its user, outside our own group, by an argv in which a dollar is a dollar; its exit status and words come back."""
    assert act(lab, run, argv=["id", "-un"], user="nobody") == [0, "nobody", False]
    assert act(lab, run, argv=["/bin/echo", "$HOME", "%n", "a b"]) == [0, "$HOME %n a b", False]
    assert act(lab, run, argv=["sh", "-c", "echo no luck >&2; exit 3"]) == [3, "no luck", False]
    assert act(lab, run, argv=["sh", "-c", "kill -9 $$"])[0] == -9
    assert "autonomous-orchestrator-run-test-" in act(lab, run, argv=["cat", "/proc/self/cgroup"])[1]
    assert lab.ok("systemctl list-units --all --no-legend 'autonomous-orchestrator-run-*'") == ""


def test_a_command_that_hangs_is_ended_with_all_its_children(lab: Host) -> None:
    """At its deadline; and what another command left running on purpose stays."""
    assert act(lab, run, argv=["sh", "-c", "sleep 1003 & sleep 1004"], limit=0.5) == [None, "", True]
    assert lab.sh("pgrep -x sleep").status == 1
    assert act(lab, run, argv=["sh", "-c", "sleep 1005 & echo left"]) == [0, "left", False]
    assert lab.ok("pgrep -x sleep -a").split()[-1] == "1005"


def test_a_declared_command_says_how_it_ended(lab: Host) -> None:
    """Its words are in the answer; a bad ending or no ending is a failure."""
    argvs = {"good": ["echo", "done"], "bad": ["sh", "-c", "echo broken; exit 2"], "late": ["sleep", "100"]}
    commands = [
        {"name": name, "service": "shop", "argv": argv, "about": "x", "risk": "low", "timeout_seconds": 1} for name, argv in argvs.items()
    ]
    config: Json = {"service": [{"name": "shop"}], "command": commands}
    answers = act(lab, perform_all, kind="run_command", config=config, target="shop")
    assert [(answer["ok"], answer["detail"]) for answer in answers] == [
        (True, "good ended well: done"),
        (False, "bad ended with status 2: broken"),
        (False, "late did not end within 1 s and was ended"),
    ]


def perform_all(here: Here, kind: str, **case: Any) -> list[Json]:
    return [here.perform(action) for action in here.offered(kind, case)]


@pytest.mark.parametrize("daemonize", ["yes", "no"])
def test_a_service_without_a_unit_is_started_and_stopped(lab: Host, daemonize: str) -> None:
    """Whether its start command goes into the background or stays in the foreground, what it started lives on."""
    start = ["/usr/bin/redis-server", "--daemonize", daemonize, "--port", "7001", "--dir", "/var/lib/redis", "--logfile", "/dev/null"]
    stop = ["/usr/bin/redis-cli", "-p", "7001", "shutdown", "nosave"]
    config: Json = {"service": [{"name": "cache", "user": "redis", "start": start, "stop": stop}]}
    (started,) = act(lab, perform_all, kind="start_service", config=config, target="cache")
    assert started["ok"], started
    assert lab.ok("redis-cli -p 7001 ping").strip() == "PONG"
    assert lab.ok("ps -o user= -C redis-server").strip() == "redis"
    (stopped,) = act(lab, perform_all, kind="stop_service", config=config, target="cache")
    assert stopped["ok"], stopped
    lab.wait_until(lambda: lab.sh("pgrep -x redis-server").status == 1, 5)
    assert lab.ok("systemctl list-units --all --no-legend 'autonomous-orchestrator-run-*'") == ""


def test_a_start_command_that_fails_says_why(lab: Host) -> None:
    """And leaves nothing behind."""
    config: Json = {"service": [{"name": "cache", "start": ["sh", "-c", "sleep 1006 & echo port in use; exit 5"]}]}
    (started,) = act(lab, perform_all, kind="start_service", config=config, target="cache")
    assert failed(started, "sh ended with status 5: port in use")
    lab.wait_until(lambda: lab.sh("pgrep -x sleep").status == 1, 10)


# ---- the seam ----


def test_only_the_hands_have_the_right(lab: Host) -> None:
    """A brain without privileges restarts a unit through hands that are another process; by itself it may not."""
    lab.unit("shop.service", SLEEPER)
    lab.ok("systemctl start shop")
    pid = lab.show("shop", "MainPID")
    answers = act(lab, restart_as_nobody, unit="shop.service", config={"service": [{"name": "shop", "unit": "shop.service"}]})
    assert (answers["user"], answers["directly"]) == ("nobody", "refused")
    assert lab.show("shop", "MainPID") != pid
    assert (answers["first"]["ok"], answers["again"]["refused"], answers["garbage"]["refused"]) == (True, True, True)


def test_hands_that_are_killed_do_nothing_twice(lab: Host) -> None:
    """kill -9 in the middle of a start: the id stays used, and the undo brings back what was before."""
    lab.unit("slow.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 100\n")
    answers = act(lab, killed_while_starting, unit="slow.service", config={"service": [{"name": "slow", "unit": "slow.service"}]})
    assert refused(answers["again"], "used before")
    assert answers["undone"]["ok"]
    assert lab.show("slow", "ActiveState")["ActiveState"] != "activating"


@by_the_hands
def killed_while_starting(here: Here, unit: str) -> Json:
    action = {"kind": "start_unit", "unit": unit}
    child = os.fork()
    if child == 0:
        here.hands.perform(5, action)
        os._exit(0)
    while here.view.units.get(unit).active_state != "activating":
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    fresh = Hands(here.config, Path(HANDS) / "record", here.machine, here.view)
    return {"again": fresh.perform(5, action), "undone": fresh.undo(5, action, {"running": False})}


@by_the_hands
def restart_as_nobody(here: Here, unit: str) -> Json:
    brain, privileged = socket.socketpair()
    if os.fork() == 0:
        brain.close()
        serve(here, privileged)
        os._exit(0)
    privileged.close()
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setresgid(*(nobody.pw_gid,) * 3)
    os.setresuid(*(nobody.pw_uid,) * 3)
    action = {"kind": "restart_unit", "unit": unit}
    with brain.makefile("rwb", buffering=0) as line:
        return {
            "user": pwd.getpwuid(os.geteuid()).pw_name,
            "directly": restarted_directly(unit),
            "first": ask(line, [1, action]),
            "again": ask(line, [1, action]),
            "garbage": ask(line, [2, {"kind": "rm", "path": "/"}]),
        }


def serve(here: Here, connection: socket.socket) -> None:
    with connection.makefile("rwb", buffering=0) as lines:
        while line := lines.readline():
            lines.write(json.dumps(here.hands.perform(*json.loads(line))).encode() + b"\n")


def ask(line: Any, order: list[Any]) -> Json:
    line.write(json.dumps(order).encode() + b"\n")
    answer: Json = json.loads(line.readline())
    return answer


def restarted_directly(unit: str) -> str:
    try:
        Bus().call("RestartUnit", "ss", (unit, "replace"))
    except (Refused, Unavailable):
        return "refused"
    return "done"
