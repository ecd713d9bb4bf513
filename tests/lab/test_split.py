"""The daemon without rights and the hands that have them: what is healed, and what a death of the hands leaves behind."""

import json
import shlex
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.lab.base import Base
from tests.lab.host import CONFIG, DAEMON, HANDS, STATE, Host
from tests.lab.shipped import HANDS_UNIT

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

SETTINGS = """
[daemon]
settle_seconds = 0.3
boot_grace_seconds = 0
poll_seconds = 2
[mail]
enabled = false
[[service]]
name = "till"
unit = "till.service"
"""
STARTS, MARK = "/srv/starts", "/run/died"
SOCKET_UNIT = HANDS_UNIT.replace(".service", ".socket")
TILL = f"[Service]\nExecStartPre=/bin/sleep 0.5\nExecStart=/bin/sh -c 'echo >>{STARTS}; exec sleep infinity'\n"
DROP_IN = f"/etc/systemd/system/{HANDS_UNIT}.d/mortal.conf"


class Split:
    """A host with the shipped units, and one service."""

    def __init__(self, host: Host) -> None:
        self.host = host
        host.unit("till.service", TILL)
        host.ok("systemctl start till")

    def start(self, dies_at: str = "") -> None:
        """`dies_at`: the step at which the hands die, once."""
        if dies_at:
            line = shlex.join([sys.executable, "-m", "tests.lab.dying", MARK, dies_at, "hands", "serve", "--config", CONFIG])
            self.host.write(DROP_IN, f"[Service]\nExecStart=\nExecStart={line}\nRestartSec=0.3\n")
        self.host.start_daemon(SETTINGS, one_process=False)

    def crash(self) -> None:
        self.host.ok("systemctl kill -s KILL till; until systemctl is-failed till; do sleep 0.01; done")

    def performed(self) -> Counter[int]:
        """How often the hands began each change, by their own record."""
        lines = map(json.loads, self.host.read(f"{HANDS}/record").splitlines())
        return Counter(line["id"] for line in lines if line.get("op") == "perform")

    def starts(self) -> int:
        return int(self.host.ok(f"wc -l <{STARTS}"))

    def is_well(self) -> bool:
        """The service runs, and so it is told."""
        runs = self.host.sh("systemctl is-active till").status == 0
        return runs and not self.host.sql("SELECT id FROM tasks WHERE status NOT IN ('fixed', 'cleared')")

    def user_of(self, unit: str) -> str:
        return self.host.ok(f"ps -o user= -p $(systemctl show -P MainPID {unit})").strip()

    def bury(self) -> None:
        """As it was before: no daemon, no hands, no state."""
        units = f"{DAEMON} {HANDS_UNIT} {SOCKET_UNIT} till"
        self.host.ok(f"systemctl stop {units}; systemctl reset-failed; rm -rf {STATE} {HANDS} {MARK} {STARTS} {DROP_IN}")


@pytest.fixture(scope="module")
def shared(base: Base) -> Iterator[Host]:
    with Host(base) as host:
        yield host


@pytest.fixture
def split(shared: Host) -> Iterator[Split]:
    split = Split(shared)
    yield split
    sys.stdout.write(shared.ok(f"journalctl --no-pager -o cat --sync; journalctl --no-pager -o cat -u {DAEMON} -u {HANDS_UNIT} -n 80"))
    split.bury()


def test_what_crashed_is_healed_through_the_hands(split: Split) -> None:
    """By a daemon that is nobody in particular; what is good the hands alone remember, and the two tell the same story."""
    split.start()
    good = f"grep -lr /etc/systemd/system/till.service {HANDS}/known-good/paths"
    split.host.wait_until(lambda: split.host.sh(good).status == 0, 30, "a good copy of the unit's file")
    split.crash()
    row = split.host.incident("till.service", "fixed", "escalated", "cleared")
    assert (row["status"], row["fix_successful"], row["phase"], split.starts()) == ("fixed", 1, 1, 2)
    assert (split.user_of(DAEMON), split.user_of(HANDS_UNIT)) == ("orchestrator", "root")
    assert split.performed() == Counter({1: 1})
    for closed in ("record", "known-good"):
        assert split.host.sh(f"ls {HANDS}/{closed}", user="orchestrator").status
    verified = split.host.orchestrator("audit", "verify")
    assert (verified.status, "record of 1 changes fit each other" in verified.out) == (0, True), verified.out


@pytest.mark.parametrize(
    ("silenced", "given_back"),
    [
        (f"chmod o+w {CONFIG}", f"chmod o-w {CONFIG}"),
        (f"systemctl stop {SOCKET_UNIT} {HANDS_UNIT}", f"systemctl start {SOCKET_UNIT}"),
    ],
    ids=["they distrust the configuration", "they are stopped"],
)
def test_without_an_answer_of_the_hands_a_crash_waits_and_the_daemon_lives(split: Split, silenced: str, given_back: str) -> None:
    """It says what it waits for, and dies of nothing; with their first answer the service is healed."""
    split.start()
    good = f"grep -lr /etc/systemd/system/till.service {HANDS}/known-good/paths"
    split.host.wait_until(lambda: split.host.sh(good).status == 0, 30, "a good copy of the unit's file")
    split.host.ok(silenced)
    split.crash()
    waits = "SELECT id FROM tasks WHERE target = 'till.service' AND waiting_for LIKE '%the hands%'"
    split.host.wait_until(lambda: split.host.sql(waits), 60, "an incident that waits for the hands")
    split.host.wait_until(lambda: "NOTHING IS HEALED: the hands" in split.host.orchestrator("status").out, 30, "a status that says so")
    split.host.ok(given_back)
    assert split.host.incident("till.service", "fixed", "escalated", "cleared")["status"] == "fixed"
    split.host.wait_until(lambda: "NOTHING IS HEALED" not in split.host.orchestrator("status").out, 30, "a status that is well")
    assert split.host.show(DAEMON, "NRestarts") == {"NRestarts": "0"}


STEPS = (
    ">Hands.prepare", "Hands.prepare>", ">Hands.perform", "Record.append>", "UnitChanges.job>", "Hands.perform>", "Hands.verify>",
)  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_a_repair_survives_a_death_of_the_hands(split: Split, step: str) -> None:
    """kill -9 at any line: the service runs again, started once, and nobody is called for it."""
    split.start(step)
    split.crash()
    row = split.host.incident("till.service", "fixed", "escalated", "cleared")
    assert split.host.sh(f"test -e {MARK}").status == 0, "they did not die"
    assert (row["status"], row["fix_successful"], split.starts()) == ("fixed", 1, 2)
    assert max(split.performed().values()) == 1
    assert split.host.sql("SELECT id FROM attempts WHERE outcome IS NULL") == []
    assert split.host.sql("SELECT id FROM escalations", db="escalations") == []


def test_hands_that_are_killed_again_and_again_do_nothing_twice(split: Split) -> None:
    """From outside, at no line in particular, while one service crashes: what was begun is counted once."""
    split.start()
    for crashes in (1, 2, 3):
        split.crash()
        split.host.ok(f"for n in 1 2 3 4; do sleep 0.3; systemctl kill -s KILL {HANDS_UNIT}; done")
        split.host.wait_until(split.is_well, 90, "all is well again")
        assert split.starts() == crashes + 1
    assert max(split.performed().values()) == 1
