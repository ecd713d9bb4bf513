"""What an operator reads of one incident, and of all."""

import json
import re
import sqlite3
from pathlib import Path

from escalation import Desk
from escalation.verdict import votes
from orchestrator.model import Minute, utc
from orchestrator.store import Store
from tests.cli.conftest import Call
from tests.cli.scenes import asked, escalated, fault, healed, opened, plan


def test_a_healed_incident_says_so_first(call: Call, store: Store) -> None:
    """The first line is the verdict: who healed it, from what, and how fast. Nothing is left to do."""
    number = healed(store)
    lines = call("show", str(number)).stdout.splitlines()
    assert re.fullmatch(r"HEALED by quick fix \(runbook:start-after-a-crash\) in [4-9]\.\d s, phase 1", lines[0])
    assert lines[1] == f"incident {number}, high, fixed: shop.service failed: main process exited with status 1"
    told = "\n".join(lines)
    assert "1. restart shop.service: systemctl restart shop.service" in told
    assert "policy: allow (auto: low risk, shop.service in scope)" in told
    assert "outcome: healed, the check and all probes are clean for 5 s" in told
    assert "nothing: the fault is gone" in told


def test_an_escalated_incident_tells_why_and_what_remains(call: Call, store: Store, desk: Desk) -> None:
    """Since when and why a person has it; what was tried and undone, who disagreed, and the lines to type next."""
    number, escalation = escalated(store, desk)
    told = call("show", str(number)).stdout
    first = told.splitlines()[0]
    assert first.startswith("WITH A PERSON since ")
    assert first.endswith("because three phases found no fix: the experts disagree")
    order = ["WHAT IS WRONG", "WHAT WAS TRIED", "WHAT WAS RULED OUT", "WHAT THE EXPERTS SAID", "WHAT REMAINS TO DO", "WHAT WAS SEEN"]
    assert sorted(order, key=told.index) == order
    assert ", undone 2" in told
    assert "outcome: rolled_back, the probe still fails: connection refused" in told
    assert "not a full disk" in told
    assert "round 1, log-reader (embedded): propose: restart shop.service\n    the port is taken (confidence 80 %, cites [1])" in told
    assert "round 1, change-reader (embedded): person  [dissents]" in told
    for line in ("systemctl status shop.service", f"orchestrator escalations ack {escalation}", f"orchestrator retry {number} "):
        assert f"    {line}" in told


def test_whose_evidence_names_no_cause_dissents_from_nobody() -> None:
    """To have nothing to say is no vote against the plan of the others."""
    told = list(votes((Minute(expert="log-reader", stance="propose", plan=plan().plan), Minute(expert="host-reader", stance="nothing"))))
    assert told[2] == "round 1, host-reader (embedded): nothing"


def test_an_acknowledged_incident_names_who_has_it(call: Call, store: Store, desk: Desk) -> None:
    """Whoever is woken second sees that somebody is at it."""
    number, escalation = escalated(store, desk)
    desk.ack(escalation, "alice")
    assert call("show", str(number)).stdout.startswith("WITH A PERSON (alice) since ")


def test_a_question_is_told_with_its_plan(call: Call, store: Store, desk: Desk) -> None:
    """What waits for a word shows what would run, and how to say yes or no."""
    number, escalation, _plan = asked(store, desk)
    told = call("show", str(number)).stdout
    assert "$ systemctl stop other.service" in told
    assert f"orchestrator escalations approve {escalation} " in told


def test_what_is_being_healed_says_where_it_is(call: Call, store: Store) -> None:
    """The phase by number and name, and what it waits for."""
    number = opened(store)
    assert call("show", str(number)).stdout.startswith("SEEN 4")
    store.begin_phase(number, 2)
    store.wait(number, 4_000_000_000, "it is being proved")
    assert call("show", str(number)).stdout.startswith("BEING HEALED, phase 2 (research), for 0.")
    assert "it waits: it is being proved" in call("show", str(number)).stdout


def test_a_story_cannot_command_the_terminal(call: Call, store: Store, desk: Desk) -> None:
    """What a log held, in the title and in the evidence, is shown without what a terminal obeys, and cannot look like our lines."""
    number, _escalation = escalated(store, desk, fault(message="shop.service failed: \x1b[2J\x1b[31mHEALED\x9b0m\r\nWHAT REMAINS TO DO"))
    for words in (("show", str(number)), ("show", str(number), "--evidence"), ("status",), ("incidents",), ("escalations",)):
        told = call(*words).stdout
        assert not set(told) & set("\x1b\x9b\x07\r")
        assert told.splitlines().count("WHAT REMAINS TO DO") <= 1
    assert "\n    second line" in call("show", str(number), "--evidence").stdout
    raw = call("show", str(number), "--json").stdout
    assert not set(raw) & set("\x1b\x9b\x07\r")
    assert json.loads(raw)["evidence"][0]["text"].count("\x1b") == 2


def test_a_plan_of_another_version_is_still_told(call: Call, store: Store, state_dir: Path) -> None:
    """An action that this version does not know is shown as what it is, instead of hiding the attempt."""
    number = healed(store)
    with sqlite3.connect(state_dir / "tasks.db") as database:
        database.execute("""UPDATE attempts SET plan = '[{"kind":"reseat_card","slot":3}]'""")
        database.execute("""UPDATE changes SET action = '{"kind":"reseat_card","slot":3}'""")
    database.close()
    told = call("show", str(number)).stdout
    assert '{"kind": "reseat_card", "slot": 3} (this version cannot read it)' in told
    assert "outcome: healed" in told


def test_what_is_not_there_is_1(call: Call, store: Store) -> None:
    """A wrong number says how to find the right one."""
    del store
    result = call("show", "7")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no incident 7; `orchestrator incidents` lists them" in result.stderr


def test_incidents_are_listed_newest_first(call: Call, store: Store) -> None:
    """By status, by time, and as JSON with every column."""
    first, second = healed(store, fault("a.service", "a.service failed")), opened(store, fault("b.service", "b.service failed"))
    lines = call("incidents").stdout.splitlines()
    assert lines[0].split()[:3] == ["n", "status", "severity"]
    assert [line.split()[0] for line in lines[1:]] == [str(second), str(first)]
    assert [row["id"] for row in json.loads(call("incidents", "--json", "--status", "fixed").stdout)] == [first]
    assert call("incidents", "--since", "1s").stdout == "no incidents like that\n"
    assert len(json.loads(call("incidents", "--json", "--since", utc()[:10]).stdout)) == 2


def test_no_state_yet_is_no_error(call: Call) -> None:
    """Before the daemon ran, lists are empty."""
    assert call("incidents").stdout == "no incidents\n"
    assert json.loads(call("incidents", "--json").stdout) == []
    assert call("escalations").stdout == "nothing waits for a person\n"
    assert call("patterns").exit_code == 0


def test_a_lost_file_is_not_told_as_nothing(call: Call, store: Store) -> None:
    """Incidents are there, and what a person has to take is not known: that is no quiet host."""
    assert store
    told = call("escalations")
    assert told.exit_code == 1
    assert "escalations.db is gone" in told.stderr
