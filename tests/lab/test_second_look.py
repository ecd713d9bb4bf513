"""A person has it, and did something about it: the daemon notices, does the rest, and says so."""

import sys
from collections.abc import Iterator

import pytest

from tests.lab.host import DAEMON, Host
from tests.lab.watched import SETTINGS, Watched, Web

AT_ONCE = SETTINGS.replace("[daemon]", "[daemon]\nboot_grace_seconds = 0")
LEDGER = Web("ledger", declared=Web("ledger").config_test)
VAULT = Web("vault", port=7101, directory="/lib/systemd/system")
CLERK = Web("clerk", port=7102, unit="Requires=vault.service\nAfter=vault.service")


@pytest.fixture
def watched(lab: Host) -> Iterator[Watched]:
    yield Watched(lab)
    sys.stdout.write(lab.sh(f"journalctl --no-pager -o short-precise -u {DAEMON}").out)


def _broken_from_the_first(watched: Watched) -> Web:
    """A service whose configuration never worked: no good copy is known, so that it is a person's."""
    watched.host.write(LEDGER.config_file, "port = 7100\nnonsense\n")
    watched.host.unit(LEDGER.target, LEDGER.unit_text)
    watched.host.ok(f"systemctl enable {LEDGER.target}; systemctl start {LEDGER.target}; true")
    watched.host.start_daemon(AT_ONCE + LEDGER.declaration)
    watched.host.incident(LEDGER.target, "escalated")
    return LEDGER


def _resolved(watched: Watched, target: str) -> None:
    """Healed after all, with a person's help, and the escalation says how it ended."""
    row = watched.host.incident(target, "fixed", timeout=60)
    assert row["fix_successful"] == 0
    [escalation] = watched.escalations()
    assert (escalation["status"], escalation["resolution"].startswith("healed")) == ("resolved", True)


def test_a_mask_that_is_taken_off_makes_it_due_again(watched: Watched) -> None:
    """What stood in the way is gone: what was masked and what needs it are started."""
    webs = [watched.web(web) for web in (VAULT, CLERK)]
    watched.begin()
    watched.host.ok("systemctl mask vault; systemctl kill -s KILL vault clerk")
    row = watched.host.incident(VAULT.target, "escalated")
    assert watched.changes() == []
    watched.host.ok("systemctl unmask vault")
    watched.host.wait_until(lambda: [watched.answers(web, "/health") for web in webs] == ["ok"] * 2, 60, "both answer")
    watched.host.wait_until(lambda: all(row["status"] == "resolved" for row in watched.escalations()), 90, "nobody is needed any more")
    assert row["id"] in [told["task_id"] for told in watched.escalations()]


def test_a_file_that_is_mended_makes_it_due_again(watched: Watched) -> None:
    """No good copy is known of what was broken from the first: a person mends it, and the daemon starts the service."""
    web = _broken_from_the_first(watched)
    assert not watched.answers(web)
    watched.host.write(web.config_file, "port = 7100\n")
    watched.host.wait_until(lambda: watched.answers(web), 60, "it answers")
    _resolved(watched, web.target)


def test_what_a_person_has_taken_in_hand_is_left_to_that_person(watched: Watched) -> None:
    """He acknowledged it: whatever he does meanwhile is his work, and nothing is started under his hands."""
    web = _broken_from_the_first(watched)
    [escalation] = watched.escalations()
    assert watched.host.orchestrator("escalations", "ack", str(escalation["id"])).status == 0
    before = watched.changes()
    watched.host.write(web.config_file, "port = 7100\n")
    watched.sweeps(5)
    assert (watched.changes(), watched.answers(web)) == (before, "")
