"""kill -9 at every step of an attempt, then a new start: looked at first, nothing done twice, nothing lost (law 11)."""

import json
import shlex
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.lab.base import Base
from tests.lab.host import CONFIG, DAEMON, HANDS, STATE, Host, Row

SETTINGS = """
[daemon]
settle_seconds = 0.3
boot_grace_seconds = 0
poll_seconds = 2
[mail]
host = "127.0.0.1"
port = 9
"""
TILL = """
[[service]]
name = "till"
unit = "till.service"
"""
STARTS, MARK, GOOD = "/srv/starts", "/run/died", "/srv/good-state"
CRASHED = f"systemctl start till; until test -s {STARTS}; do sleep 0.01; done; systemctl kill -s KILL till"
COUNTED = f"[Service]\nExecStart=/bin/sh -c 'echo >>{STARTS}; exec sleep infinity'\n"


class Mortal:
    """A host whose daemon dies at one step of its work, and is started again by systemd."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def runs_until(self, step: str, config: str, dead_seconds: float = 0.05) -> None:
        """Start the daemon that is to die, and to stay dead for a while; with an empty step it lives."""
        died_at = shlex.join([sys.executable, "-m", "tests.lab.dying", MARK, step, "run", "--config", CONFIG])
        start = f"ExecStart=\nExecStart={died_at}\n" if step else ""
        self.host.write(f"/etc/systemd/system/{DAEMON}.d/mortal.conf", f"[Service]\n{start}RestartSec={dead_seconds}\n")
        self.host.start_daemon(SETTINGS + config, one_process=True)  # each step of both parts, in one that dies

    def starts(self) -> int:
        return int(self.host.ok(f"wc -l <{STARTS}"))

    def performed(self) -> Counter[int]:
        """How often the hands began each change, by their own record."""
        lines = map(json.loads, self.host.read(f"{HANDS}/record").splitlines())
        return Counter(line["id"] for line in lines if line.get("op") == "perform")

    def died_and_lives(self) -> None:
        """It died at the step and not again, did no change twice, and left nothing half done."""
        lives_again = {"ActiveState": "active", "NRestarts": "1"}
        self.host.wait_until(lambda: self.host.show(DAEMON, *lives_again) == lives_again, 10, "one death, and life after it")
        assert max(self.performed().values(), default=0) <= 1
        assert self.host.sql("SELECT id FROM attempts WHERE outcome IS NULL") == []

    def one(self, query: str, db: str = "tasks") -> Row:
        """The only row."""
        [row] = self.host.sql(query, db=db)
        return row

    def remembers_good(self, path: str, config: str) -> None:
        """Have the state in which a daemon that does not die left the host while all was well."""
        if self.host.sh(f"cp -a {GOOD} {STATE} && cp -a {GOOD}-hands {HANDS}").status:
            self.runs_until("", config)
            copy = f"grep -lr {path} {HANDS}/known-good/paths"
            self.host.wait_until(lambda: self.host.sh(copy).status == 0, 10, f"a good copy of {path}")
            self.host.ok(f"systemctl stop {DAEMON}; cp -a {STATE} {GOOD}; cp -a {HANDS} {GOOD}-hands")

    def bury(self) -> None:
        """As it was before: no daemon, no state, no service."""
        self.host.ok(f"systemctl stop {DAEMON} till; systemctl reset-failed; pkill -x nc; rm -rf {STATE} {HANDS} {MARK} {STARTS}")


@pytest.fixture(scope="module")
def shared(base: Base) -> Iterator[Host]:
    with Host(base) as host:
        yield host


@pytest.fixture
def mortal(shared: Host) -> Iterator[Mortal]:
    """A host where nothing is left of the death before."""
    mortal = Mortal(shared)
    yield mortal
    sys.stdout.write(shared.ok(f"journalctl --no-pager -o cat --sync; journalctl --no-pager -o cat -u {DAEMON} -n 60"))
    mortal.bury()


HEALING = (
    "Store.observe>", "Store.scope>", "Store.add_evidence>", "Store.begin_phase>",
    ">Store.begin_attempt", "Store.begin_attempt>", ">Store.begin_change", "Store.begin_change>",
    ">Hands.perform", "Record.append>", "UnitChanges.job>", "Hands.perform>", "Store.change_done>",
    ">Store.settle", "Store.settle>", "Store.settle>#2", "Store.wait>",
    ">Store.end_attempt", "Store.end_attempt>", "Store.teach>", "Store.credit>", ">Store.close", "Store.close>",
    ">Desk.went_away", "Desk.went_away>",
)  # fmt: skip


@pytest.mark.parametrize("step", HEALING)
def test_a_repair_survives_a_death(mortal: Mortal, step: str) -> None:
    """Wherever it dies: the crashed service runs again, started once, and counts once as healed and learned."""
    mortal.host.unit("till.service", COUNTED)
    mortal.host.ok(CRASHED)
    mortal.runs_until(step, TILL)
    row = mortal.host.incident("till.service", "fixed", "cleared", "escalated")
    mortal.died_and_lives()
    assert (row["status"], row["fix_successful"], row["occurrences"], row["phase"]) == ("fixed", 1, 1, 1)
    assert len(mortal.host.incidents()) == 1
    assert mortal.starts() == 2
    assert mortal.one("SELECT wins, losses, relapses FROM patterns") == {"wins": 1, "losses": 0, "relapses": 0}
    assert mortal.host.sql("SELECT id FROM escalations", db="escalations") == []


PICKY = f"""[Service]
ExecStart=/bin/sh -c 'echo >>{STARTS}; grep -q good /etc/till.conf && test -e /srv/stock && exec sleep infinity; exit 3'
"""
PICKY_TILL = f"""{TILL}
config_files = ["/etc/till.conf"]
config_test = ["/bin/grep", "-q", "good", "/etc/till.conf"]
probes = [{{ file = "/srv/stock" }}]
"""
UNDOING = (
    "Hands.perform>", "Store.change_done>", ">Store.begin_change#2", ">Hands.perform#2", "Hands.perform>#2", ">Store.settle",
    ">Hands.undo", "Record.append>#4", "Hands.undo>", ">Store.change_undone", "Store.change_undone>", "Store.change_undone>#2",
    ">Store.end_attempt", "Store.end_attempt>", "Store.retry>",
    ">Desk.hand_off", "Desk.hand_off>", "Store.hand_off>", "Store.begin_phase>#2", "Store.begin_phase>#3", "Desk.minutes>",
    ">Desk.escalate", "Desk.escalate>", ">Store.escalated", "Store.escalated>",
)  # fmt: skip


@pytest.mark.parametrize("step", UNDOING)
def test_an_undo_and_an_escalation_survive_a_death(mortal: Mortal, step: str) -> None:
    """A plan that cannot help is undone wholly, wherever it dies: the file is the operator's again, and one person hears of it once."""
    mortal.host.write("/etc/till.conf", "good\n")
    mortal.host.unit("till.service", PICKY)
    mortal.host.ok("touch /srv/stock; systemctl start till")
    mortal.remembers_good("/etc/till.conf", PICKY_TILL)
    mortal.host.ok(
        "echo broken >/etc/till.conf; rm /srv/stock; systemctl restart till; until systemctl is-failed till; do sleep 0.01; done"
    )
    mortal.runs_until(step, PICKY_TILL)
    row = mortal.host.incident("till.service", "fixed", "cleared", "escalated")
    mortal.died_and_lives()
    assert (row["status"], row["fix_successful"], row["occurrences"], row["phase"]) == ("escalated", 0, 1, 4)
    assert mortal.host.read("/etc/till.conf") == "broken\n"
    assert mortal.host.sql("SELECT * FROM changes WHERE undone_at IS NULL") == []
    escalation = mortal.one("SELECT * FROM escalations", db="escalations")
    assert (escalation["task_id"], escalation["status"]) == (row["id"], "open")
    assert mortal.one("SELECT status FROM interventions", db="escalations") == {"status": "pending"}
    assert mortal.one("SELECT kind FROM tellings", db="escalations") == {"kind": "problem"}
    passed_on = mortal.host.sql("SELECT from_phase, to_phase, ended FROM v_handoffs ORDER BY id", db="escalations")
    assert [tuple(handoff.values()) for handoff in passed_on] == [(1, 2, "passed on"), (2, 3, "a person"), (3, 4, None)]


def test_an_undo_is_finished_whatever_was_mended_meanwhile(mortal: Mortal) -> None:
    """A plan that was half undone when the death came has healed nothing, though a person did so before the next start."""
    mortal.host.write("/etc/till.conf", "good\n")
    mortal.host.unit("till.service", PICKY)
    mortal.host.ok("touch /srv/stock; systemctl start till")
    mortal.remembers_good("/etc/till.conf", PICKY_TILL)
    mortal.host.ok(
        "echo broken >/etc/till.conf; rm /srv/stock; systemctl restart till; until systemctl is-failed till; do sleep 0.01; done"
    )
    mortal.runs_until("Store.change_undone>", PICKY_TILL, dead_seconds=3)
    mortal.host.wait_until(lambda: mortal.host.sh(f"test -e {MARK}").status == 0, 10, "its death")
    mortal.host.ok("echo good, and mine >/etc/till.conf; touch /srv/stock; systemctl start till")
    row = mortal.host.incident("till.service", "fixed", "cleared", "escalated")
    mortal.died_and_lives()
    assert row["fix_successful"] != 1
    assert mortal.host.sql("SELECT id FROM patterns") == []
    assert mortal.host.read("/etc/till.conf") == "good, and mine\n"


MUTE = f"""{TILL}
probes = [{{ file = "/srv/stock" }}]
"""


def test_what_is_stopped_again_is_not_taken_for_well(mortal: Mortal) -> None:
    """A start that was cut short and did not help is undone by a stop, which is no person's: the service is down, and one is told."""
    mortal.host.unit("till.service", COUNTED)
    mortal.host.ok(f"rm -f /srv/stock; {CRASHED}")
    mortal.runs_until("Hands.perform>", MUTE)
    row = mortal.host.incident("till.service", "fixed", "cleared", "escalated", timeout=90)
    mortal.died_and_lives()
    assert (row["status"], row["fix_successful"]) == ("escalated", 0)
    assert mortal.one("SELECT task_id, status FROM escalations", db="escalations") == {"task_id": row["id"], "status": "open"}


APPROVED = (
    "Desk.escalate>", ">Store.ask", "Store.ask>", "Store.take_clicks>", "Store.approve>", "Desk.answer>", ">Store.answer_click",
    "Store.answer_click>", "Store.begin_attempt>#2", "Hands.perform>", "Store.settle>", "Store.end_attempt>#2", "Store.close>",
    ">Desk.went_away",
)  # fmt: skip


@pytest.mark.parametrize("step", APPROVED)
def test_an_approval_survives_a_death(mortal: Mortal, step: str) -> None:
    """Asked once, approved once, done once, wherever it dies between the question and the proof."""
    mortal.host.unit("till.service", COUNTED)
    mortal.host.ok(CRASHED)
    mortal.runs_until(step, f'{TILL}mode = "approve"\n')
    mortal.host.incident("till.service", "waiting")
    assert mortal.starts() == 1
    mortal.host.wait_until(lambda: mortal.host.orchestrator("escalations", "approve", "1").status == 0, 10, "a question to approve")
    row = mortal.host.incident("till.service", "fixed", "cleared", "escalated")
    mortal.died_and_lives()
    assert (row["status"], row["fix_successful"], mortal.starts()) == ("fixed", 0, 2)
    assert mortal.one("SELECT status FROM interventions", db="escalations") == {"status": "approved"}
    assert mortal.one("SELECT status FROM escalations", db="escalations") == {"status": "resolved"}
    assert mortal.one("SELECT result FROM inbox")["result"].startswith("approved")


SLOW = f"""
[[service]]
name = "till"
start = ["/bin/sh", "-c", "echo >>{STARTS}; (sleep 3; exec nc -lk 127.0.0.1 7310) &"]
probes = [{{ tcp = "127.0.0.1:7310", timeout_seconds = 1 }}]
"""


@pytest.mark.parametrize("step", ["Hands.perform>", "Store.change_done>", ">Store.settle", "Store.settle>"])
def test_what_cannot_be_undone_is_not_repeated(mortal: Mortal, step: str) -> None:
    """A service that takes its time after its start command is waited for, and not started a second time."""
    mortal.runs_until(step, SLOW)
    row = mortal.host.incident("till", "fixed", "cleared", "escalated")
    mortal.died_and_lives()
    assert (row["status"], row["fix_successful"], mortal.starts()) == ("fixed", 1, 1)
