"""What a brain that was taken over may say of units and disks, with a person's word or without: each action proves its reason itself.

Beside each misuse stands the honest use, which still works. Without systemd: tests/actions/test_misuse.py.
"""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from orchestrator.host import View
from orchestrator.model import Json
from tests.lab.acting import Here, act, by_the_hands, split
from tests.lab.host import Host
from tests.lab.shipped import SPLIT

SLEEPER = "[Service]\nExecStart=/bin/sleep infinity\n"


@pytest.fixture(params=["one process", "split"] if SPLIT else ["one process"], autouse=True)
def shape(request: pytest.FixtureRequest) -> Iterator[str]:
    """By hands in this very process, and by the shipped hands behind their socket."""
    with split() if request.param == "split" else nullcontext():
        yield request.param


def perform(here: Here, action: Json) -> Json:
    return here.perform(action)


def perform_all(here: Here, plan: list[Json]) -> list[Json]:
    return [here.perform(action) for action in plan]


def undo(here: Here, change: Json, action: Json) -> Json:
    return here.undo(change["id"], action, change["before"])


def offered(here: Here, kind: str, **case: object) -> list[Json]:
    return here.offered(kind, case)


def process_of(here: Here, pid: int) -> Json:
    process = here.view.processes.get(pid)
    assert process
    return {"pid": pid, "started_at": process.started_at, "holder": process.unit}


def inode_of(here: Here, path: str) -> int:
    state = here.view.files.look(path)
    assert state
    return state.inode


def refused(answer: Json, why: str) -> bool:
    assert why in answer["detail"], answer
    return bool(answer["refused"])


def pid_of(lab: Host, unit: str) -> int:
    return int(lab.show(unit, "MainPID")["MainPID"])


def active(lab: Host, unit: str) -> bool:
    return lab.sh(f"systemctl is-active --quiet {unit}").status == 0


SHOP: Json = {"service": [{"name": "shop", "unit": "shop.service", "port": 7777}]}


# ---- units ----


def test_only_a_job_that_hangs_is_ended(lab: Host) -> None:
    """Neither a service that starts, nor a job of a timer that is at work since a moment."""
    lab.unit("slow.service", "[Service]\nType=notify\nTimeoutStartSec=300\nExecStart=/bin/sleep infinity\n")
    lab.unit("job.timer", "[Timer]\nOnCalendar=daily\n")
    lab.unit("job.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 300\n")
    lab.ok("systemctl start job.timer; systemctl start --no-block slow job; sleep 0.3")
    for unit, why in (("slow", "no job of a timer's"), ("job", "nothing tells that the run")):
        run = lab.show(unit, "InvocationID")["InvocationID"]
        assert refused(act(lab, perform, action={"kind": "end_job", "unit": f"{unit}.service", "invocation": run}), why)
        assert lab.show(unit, "InvocationID")["InvocationID"] == run


def test_only_a_timer_is_switched_on(lab: Host) -> None:
    """`enable --now` of anything else is a way to keep a program for ever."""
    lab.unit("shop.service", SLEEPER + "[Install]\nWantedBy=multi-user.target\n")
    assert refused(act(lab, perform, action={"kind": "resume_timer", "unit": "shop.service"}), "is no timer")
    assert lab.sh("systemctl is-enabled -q shop").status != 0


def test_what_has_not_failed_is_not_forgotten(lab: Host) -> None:
    """A start limit counts what a service did, and is not wiped for nothing."""
    lab.unit("shop.service", SLEEPER)
    lab.ok("systemctl start shop")
    assert refused(act(lab, perform, action={"kind": "reset_failed", "unit": "shop.service"}, config=SHOP), "is active")


def test_a_socket_is_not_opened_at_the_cost_of_a_protected_service(lab: Host) -> None:
    """systemd opens none under a service that runs, so that the service would be stopped for it."""
    lab.unit("shop.socket", "[Socket]\nListenStream=127.0.0.1:7777\n[Install]\nWantedBy=sockets.target\n")
    lab.unit("shop.service", SLEEPER)
    lab.ok("systemctl start shop.socket shop.service; systemctl stop shop.socket 2>/dev/null; systemctl is-active -q shop.service")
    pid = pid_of(lab, "shop")
    config: Json = {"service": [{"name": "door", "unit": "shop.socket"}]}
    action = {"kind": "start_unit", "unit": "shop.socket"}
    closed: Json = {**config, "protect": {"units": ["shop.service"]}}
    assert refused(act(lab, perform, action=action, config=closed), "shop.service is protected")
    assert (pid_of(lab, "shop"), active(lab, "shop.socket")) == (pid, False)
    assert act(lab, perform, action=action, config=config)["ok"]
    assert (active(lab, "shop.service"), active(lab, "shop.socket")) == (True, True)


def test_a_process_that_is_in_nobodys_way_lives(lab: Host) -> None:
    """Whatever unit is named as the one that it blocks; and what it is said to have is what it has, or nothing is done."""
    lab.unit("shop.service", SLEEPER)
    lab.ok("systemd-run -q --unit=innocent sleep infinity; systemd-run -q --unit=stranger nc -lk 127.0.0.1 7777; sleep 0.3")
    innocent = act(lab, process_of, pid=pid_of(lab, "innocent"))
    action = {"kind": "stop_process", "unit": "shop.service", **innocent, "exe": "/usr/bin/sleep"}
    assert refused(act(lab, perform, action=action, config=SHOP), "is not in the way of shop.service")
    (honest,) = act(lab, offered, kind="stop_process", config=SHOP, target="shop.service")
    assert refused(act(lab, perform, action={**honest, "has": "attacks this host"}, config=SHOP), "is not in the way")
    lab.ok("systemctl start shop")
    assert refused(act(lab, perform, action=honest, config=SHOP), "is not in the way")
    assert (active(lab, "innocent"), active(lab, "stranger")) == (True, True)


def test_a_package_is_configured_for_its_own_unit_alone(lab: Host) -> None:
    """Its scripts run as root: not for a unit that has nothing to do with it."""
    lab.unit("shop.service", SLEEPER)
    lab.ok(
        "sed -i '/^Package: nginx$/,/^$/s/^Status: .*/Status: install ok half-configured/' /var/lib/dpkg/status; dpkg -s nginx | grep half"
    )
    action = {"kind": "configure_package", "unit": "shop.service", "package": "nginx"}
    assert refused(act(lab, perform, action=action), "shop.service is not of nginx")
    assert "half-configured" in lab.ok("dpkg -s nginx")


@by_the_hands
def remember(here: Here, path: str) -> None:
    """What the daemon does while all is well."""
    state = here.view.files.look(path)
    assert state
    here.view.known_good.put(path, here.view.files.read(path), state, loaded_at=state.ctime)


@by_the_hands
def remembered(here: Here, path: str) -> str:
    """The digest of the good copy, as the hands tell it."""
    remember(here, path)
    return digest_of(here, path)


@by_the_hands
def digest_of(here: Here, path: str) -> str:
    view = View(here.config.hands_dir, apart=True)
    return view.known_good.digest(path)


def test_a_version_that_somebody_put_back_is_not_taken_out_again(lab: Host) -> None:
    """Where nothing proves it bad. Once it may be tried whether the older one helps; a person who insists means it."""
    lab.unit("shop.service", SLEEPER)
    lab.write("/etc/shop.conf", "mode = old\n")
    lab.ok("systemctl start shop")
    config: Json = {"service": [{"name": "shop", "unit": "shop.service", "config_files": ["/etc/shop.conf"]}]}
    act(lab, remember, path="/etc/shop.conf")
    scope: Json = {"target": "shop.service", "service": "shop", "paths": ["/etc/shop.conf"]}
    lab.ok("echo 'mode = new' >/etc/shop.conf; systemctl restart shop")
    (action,) = act(lab, offered, kind="restore_config", config=config, **scope)
    done = act(lab, perform, action=action, config=config)
    assert act(lab, undo, change=done, action=action, config=config)["ok"]
    lab.ok("systemctl restart shop")
    assert act(lab, perform, action=action, config=config)["ok"]
    assert lab.read("/etc/shop.conf") == "mode = old\n"
    lab.ok("echo 'mode = new' >/etc/shop.conf; systemctl restart shop")
    assert refused(act(lab, perform, action=action, config=config), "somebody put it back")
    assert lab.read("/etc/shop.conf") == "mode = new\n"


WEB: Json = {
    "name": "web",
    "unit": "web.service",
    "config_files": ["/srv/www/word"],
    "probes": [{"http": "http://127.0.0.1:7000/word", "contains": "good"}],
}


def test_the_hands_ask_themselves_whether_users_are_served(lab: Host, shape: str) -> None:
    """That a service is silent since a change is the brain's word; they have no network, and ask by a unit that has one."""
    if shape == "one process":
        pytest.skip("here both have seen the same answers")
    lab.unit("web.service", "[Service]\nWorkingDirectory=/srv/www\nExecStart=/usr/bin/python3 -m http.server 7000 --bind 127.0.0.1\n")
    lab.unit("other.service", SLEEPER)
    lab.write("/srv/www/word", "good\n")
    lab.ok("systemctl start web other; until curl -sf -o /dev/null http://127.0.0.1:7000/word; do sleep 0.05; done")
    config: Json = {"service": [WEB, {"name": "other", "unit": "other.service"}]}
    good = act(lab, remembered, path="/srv/www/word")
    for word, failing, why in (("good too", "web.service", "did not stop answering"), ("bad", "other.service", "did not stop answering")):
        lab.ok(f"echo {word} >/srv/www/word")
        action = {"kind": "restore_unloaded", "service": "web", "path": "/srv/www/word", "failing": failing, "good_digest": good}
        bad = act(lab, digest_of, path="/srv/www/word")
        assert refused(act(lab, perform, action={**action, "bad_digest": bad}, config=config), why)
    assert act(lab, perform, action={**action, "failing": "web.service", "bad_digest": bad}, config=config)["ok"]
    assert lab.ok("curl -s http://127.0.0.1:7000/word") == "good\n"


# ---- disks and mounts ----


@pytest.fixture
def full(lab: Host) -> Host:
    """A small disk that gull.service fills with a log, and on which two others have files of theirs open."""
    lab.disk("/srv/quay", 48)
    for name in ("wren", "gull"):
        lab.unit(f"{name}.service", f"[Service]\nExecStart=/bin/bash -c 'exec >>/srv/quay/{name}.log; echo started; exec sleep infinity'\n")
    lab.ok("systemctl start wren gull; echo precious >/srv/quay/ledger.db; sleep 0.3")
    return lab


def written_by(lab: Host, unit: str) -> Json:
    fields = act(lab, process_of, pid=pid_of(lab, unit))
    return {"kind": "stop_writer", "path": "/srv/quay", "file": f"/srv/quay/{unit}.log", "exe": "/usr/bin/sleep", **fields}


def emptied(lab: Host, name: str) -> Json:
    return {"kind": "empty_file", "path": f"/srv/quay/{name}", "inode": act(lab, inode_of, path=f"/srv/quay/{name}")}


def test_only_who_fills_a_full_disk_is_stopped_and_emptied(full: Host) -> None:
    """Not while there is room; then neither who only writes there too, nor another unit under its name, nor what is no log."""
    lab = full
    for action in (written_by(lab, "gull"), emptied(lab, "gull.log")):
        assert refused(act(lab, perform, action=action), "has room")
    lab.sh("cat /dev/zero >>/proc/$(systemctl show -P MainPID gull)/fd/1")
    assert refused(act(lab, perform, action=written_by(lab, "wren")), "is not what fills /srv/quay")
    assert refused(act(lab, perform, action={**written_by(lab, "gull"), "holder": "wren.service"}), "not the same")
    for name in ("ledger.db", "wren.log"):
        assert refused(act(lab, perform, action=emptied(lab, name)), "no log that fills")
    assert lab.read("/srv/quay/ledger.db") == "precious\n"
    assert (active(lab, "wren"), active(lab, "gull")) == (True, True)
    case: Json = {"target": "/srv/quay", "check": "disk_full", "paths": ["/srv/quay"]}
    (stop,), (empty,) = (act(lab, offered, kind=kind, **case) for kind in ("stop_writer", "empty_file"))
    stopped, done = act(lab, perform_all, plan=[stop, empty])
    assert (stopped["ok"], active(lab, "gull"), active(lab, "wren")) == (True, False, True)
    assert (done["ok"], done["unproved"], lab.read("/srv/quay/gull.log")) == (True, "", "")


def test_a_service_is_not_restarted_for_room_that_is_there(full: Host) -> None:
    """It may hold a deleted file as long as it likes, where nobody misses the room."""
    lab = full
    lab.sh("head -c 8M /dev/zero >>/proc/$(systemctl show -P MainPID gull)/fd/1; rm /srv/quay/gull.log")
    action = {"kind": "release_space", "unit": "gull.service", "point": "/srv/quay", "verb": "restart", "certain": True}
    config: Json = {"service": [{"name": "gull", "unit": "gull.service"}]}
    pid = pid_of(lab, "gull")
    assert refused(act(lab, perform, action=action, config=config), "has room")
    assert pid_of(lab, "gull") == pid
    lab.ok("head -c 40M /dev/zero >/srv/quay/fill 2>/dev/null; true")
    done = act(lab, perform, action=action, config=config)
    assert (done["ok"], pid_of(lab, "gull") != pid) == (True, True)


def test_a_dead_mount_restarts_no_other_unit(lab: Host) -> None:
    """Any user can make a FUSE mount, and kill what serves it: only the unit that brings it back is touched."""
    lab.unit("hurdle.service", "[Service]\nExecStart=/usr/bin/bindfs -f /srv/real /srv/fold\n")
    lab.unit("innocent.service", SLEEPER)
    lab.ok("mkdir -p /srv/real /srv/fold; systemctl start hurdle innocent; until mountpoint -q /srv/fold; do sleep 0.05; done")
    lab.ok("systemctl kill -s KILL hurdle; until systemctl is-failed -q hurdle; do sleep 0.05; done")
    config: Json = {"service": [{"name": name, "unit": f"{name}.service"} for name in ("hurdle", "innocent")]}
    pid = pid_of(lab, "innocent")
    action = {"kind": "revive_mount", "unit": "innocent.service", "point": "/srv/fold", "standing": "dead"}
    assert refused(act(lab, perform, action=action, config=config), "is not what brings /srv/fold back")
    assert pid_of(lab, "innocent") == pid
    done = act(lab, perform, action={**action, "unit": "hurdle.service"}, config=config)
    assert (done["ok"], done["unproved"], lab.sh("mountpoint -q /srv/fold").status) == (True, "", 0)
