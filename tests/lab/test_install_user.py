"""User mode: without root, on the user's own systemd."""

import json
from collections.abc import Iterator

import pytest

from tests.lab.base import Base, LabError
from tests.lab.host import CHECKOUT, Host
from tests.lab.previous import WHEELS, wheels

pytestmark = pytest.mark.timeout(300)

HOME = "/home/ops"
SETTINGS = f"{HOME}/.config/autonomous-orchestrator"
INSTALL = "/srv/product/scripts/install --user"
SHOP = "[Service]\nExecStart=/bin/sh %h/shop/run\n[Install]\nWantedBy=default.target\n"
DECLARED = f"""
[daemon]
boot_grace_seconds = 0
relapse_seconds = 1
[[service]]
name = "shop"
unit = "shop.service"
config_files = ["{HOME}/shop/run"]
probes = [{{ command = ["/bin/test", "-e", "{HOME}/shop/run"] }}]
"""


def said(host: Host, script: str, timeout: float = 60) -> str:
    """What the user's own shell says after a login; the command lies where his profile finds it."""
    login = f"export XDG_RUNTIME_DIR=/run/user/$(id -u) HOME={HOME} PATH={HOME}/.local/bin:$PATH; cd; {script}"
    return host.ok(login, timeout, user="ops")


@pytest.fixture(scope="module")
def mine(base: Base) -> Iterator[Host]:
    """A host on which the user ops has installed it, and root nothing."""
    wheels()
    with Host(base) as host:
        host.ok(f"mkdir /srv/product && cp -r {CHECKOUT}/scripts {CHECKOUT}/systemd {WHEELS} /srv/product && chmod -R a+rX /srv/product")
        host.ok("loginctl enable-linger ops")
        host.wait_until(lambda: host.sh("test -S /run/user/$(id -u ops)/bus").status == 0, 30, "ops's own systemd")
        host.ok("touch /var/tmp/began")
        said(host, f"{INSTALL} --wheels /srv/product/wheels", timeout=150)
        host.write(f"{HOME}/shop/run", "exec sleep infinity\n", mode=0o755)
        host.write(f"{HOME}/.config/systemd/user/shop.service", SHOP)
        host.write(f"{SETTINGS}/conf.d/shop.toml", DECLARED)
        host.ok(f"chown -R ops: {HOME}")
        said(host, "systemctl --user daemon-reload; systemctl --user enable --now shop; systemctl --user restart autonomous-orchestrator")
        yield host


def incidents(host: Host) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(said(host, "orchestrator incidents --json"))
    return found


def healed(host: Host, broken_by: str, timeout: float = 90) -> dict[str, object]:
    """The newest incident, once one more was fixed than before."""
    known = len(incidents(host))
    said(host, broken_by)
    try:
        host.wait_until(lambda: len(incidents(host)) > known and incidents(host)[0]["status"] == "fixed", timeout)
    except LabError:
        raise LabError(
            said(host, "orchestrator show $(orchestrator incidents --json | sed -n 's/.*\"id\": //p' | tr -d , | head -n 1)")
        ) from None
    return incidents(host)[0]


def test_it_runs_as_the_user_and_says_what_is_not_his(mine: Host) -> None:
    """The commands need no --config; what only root could see is not blind for ever, but left to the host's own daemon."""
    mine.wait_until(lambda: mine.sh("runuser -u ops -- bash -lc '~/.local/bin/orchestrator status'").status == 0, 60, "a daemon that ticks")
    pid = said(mine, "systemctl --user show -P MainPID autonomous-orchestrator").strip()
    assert mine.ok(f"ps -o user:32= -p {pid}").strip() == "ops"
    checks = {row["name"]: row["state"] for row in json.loads(said(mine, "orchestrator checks --json"))}
    assert checks["kernel_messages"] == "not here"
    assert checks["unit_failed"] == "ok"
    assert "blind" not in checks.values()
    found = {row["part"]: row["what"] for row in json.loads(said(mine, "orchestrator doctor --json || true"))}
    assert found["config"] == "3 files; the daemon can read them"
    assert found["watchdog"] == "systemd starts a daemon that hangs again"
    assert ", for ops and " in found["state"]
    assert f"{SETTINGS}/config.toml" in said(mine, "orchestrator audit")
    port = said(mine, "orchestrator dashboard url").partition("127.0.0.1:")[2][:4]
    said(mine, f"curl -sf --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:{port}/ready")


def test_the_line_that_mends_speaks_to_the_users_own_systemd(mine: Host) -> None:
    """Pasted as it stands by the user, it starts his dead daemon."""
    said(mine, "systemctl --user disable --now autonomous-orchestrator")
    found = {row["part"]: row for row in json.loads(said(mine, "orchestrator doctor --json || true"))}
    assert found["daemon"]["state"] == "bad"
    said(mine, found["daemon"]["mend"])
    mine.wait_until(lambda: "watched" in mine.sh("runuser -u ops -- bash -lc '~/.local/bin/orchestrator status'").out, 60, "a tick")


def test_a_failed_unit_of_the_user_is_healed_proved_and_learned(mine: Host) -> None:
    """Killed, it is started again by his own systemd, settled, and becomes a pattern."""
    mine.wait_until(lambda: "watched" in mine.sh("runuser -u ops -- bash -lc '~/.local/bin/orchestrator status'").out, 60, "a tick")
    row = healed(mine, "systemctl --user restart shop; systemctl --user kill -s KILL shop")
    assert (row["target"], row["fix_successful"]) == ("shop.service", 1)
    assert said(mine, "systemctl --user is-active shop").strip() == "active"
    assert "shop.service" in said(mine, "orchestrator patterns")


def looked_at(host: Host, check: str) -> str:
    rows = json.loads(said(host, "orchestrator checks --json"))
    return str(next(row["looked_at"] for row in rows if row["name"] == check))


def test_a_stop_by_the_user_stays(mine: Host) -> None:
    """His own `systemctl --user stop` is an administrator's stop: nobody starts the unit behind his back."""
    known = len(incidents(mine))
    said(mine, "systemctl --user stop shop")
    stopped = looked_at(mine, "timer_idle")  # the slow one: the others have looked more than once by then
    mine.wait_until(lambda: looked_at(mine, "timer_idle") > stopped, 120, "a look after the stop")
    assert len(incidents(mine)) == known
    assert said(mine, "systemctl --user is-active shop || true").strip() == "inactive"
    said(mine, "systemctl --user start shop")


def test_a_broken_file_of_his_is_brought_back(mine: Host) -> None:
    """What he declared lies in his home, and is remembered and restored there, with his rights."""
    remembered = "grep -rqs 'sleep infinity' ~/.local/state/autonomous-orchestrator/state-hands/known-good && echo yes || true"
    mine.wait_until(lambda: said(mine, remembered).strip() == "yes", 120, "a good copy")
    healed(mine, "echo 'exit 3' >~/shop/run; systemctl --user restart shop || true", timeout=120)
    assert mine.read(f"{HOME}/shop/run") == "exec sleep infinity\n"


def test_nothing_of_the_host_was_touched(mine: Host) -> None:
    """Where the host keeps programs, settings and data, no file is newer than the installation."""
    new = "find /etc /opt /usr /var/lib -xdev -newer /var/tmp/began -type f ! -path '/var/lib/systemd/*'"
    assert mine.ok(new) == ""
    assert "orchestrator" not in mine.ok("systemctl list-unit-files --no-pager; getent group")


def test_the_second_run_and_the_removal(mine: Host) -> None:
    """Again it changes nothing; removed, his settings and his data are there, and nothing of the program."""
    assert "nothing to change" in said(mine, f"{INSTALL} --wheels /srv/product/wheels", timeout=100)
    assert f"rm -r {SETTINGS}" in said(mine, f"{INSTALL} --uninstall").splitlines()[-1]
    said(mine, f"test -e {SETTINGS}/config.toml && test -e ~/.local/state/autonomous-orchestrator/state/tasks.db")
    said(mine, "! command -v orchestrator && ! test -e ~/.local/share/autonomous-orchestrator")
    assert said(mine, "systemctl --user is-active autonomous-orchestrator || true").strip() == "inactive"
