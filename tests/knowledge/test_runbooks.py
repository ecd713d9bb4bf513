"""Runbooks: what is shipped loads, what somebody wrote wrongly is told, and text can only choose among candidates."""

from pathlib import Path

import pytest

from orchestrator import actions
from orchestrator.knowledge import runbooks
from orchestrator.knowledge.runbooks import RunbookError, load, read
from orchestrator.model import Action, Attempt, Case, Evidence, Fault, Incident, Json, Outcome, Proposal, Scope, Verdict

START = actions.parse({"kind": "start_unit", "unit": "shop.service"})
RESTART = actions.parse({"kind": "restart_unit", "unit": "shop.service"})


def _case(*evidence: Evidence, offered: tuple[Action, ...] = (START,), check: str = "unit_failed", reason: str = "KilledBySignal") -> Case:
    fault = Fault(check=check, target="shop.service", reason=reason, message="m")
    return Case(
        incident=Incident(id=1, fault=fault, detected_at=0.0), scope=Scope(target="shop.service"), evidence=evidence, candidates=offered
    )


def _seen(number: int, source: str, **facts: str) -> Evidence:
    return Evidence(id=number, source=source, text="", facts={name.replace("__", "."): value for name, value in facts.items()})


def _write(folder: Path, text: str) -> Path:
    file = folder / "own.toml"
    file.write_text(text)
    return file


GOOD = """
[[runbook]]
name = "own"
about = "mine"
phase = 1
when = { reason = "KilledBySignal" }
cause = "because"
plan = ["bring_up"]
"""


def test_everything_shipped_loads() -> None:
    """The shipped runbooks are valid, and each has a name of its own."""
    names = [book.name for book in load()]
    assert len(names) > 20
    assert len(set(names)) == len(names)


def test_the_operators_runbook_comes_first_and_replaces_its_namesake(tmp_path: Path) -> None:
    """He knows his host better."""
    _write(tmp_path, GOOD.replace('"own"', '"start-after-a-crash"'))
    books = load(tmp_path)
    assert books[0].cause == "because"
    assert sum(book.name == "start-after-a-crash" for book in books) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('plan = ["bring_up"]', 'plan = ["rm_rf"]'), "unknown action 'rm_rf'"),
        (('plan = ["bring_up"]', ""), "either a plan or hand_over"),
        (("phase = 1", "phase = 9"), "phase"),
        (("about = ", "abuot = "), "abuot"),
        (('"KilledBySignal"', '"~("'), "no regular expression"),
        (('{ reason = "KilledBySignal" }', '{ journal = "~.*boom.*", "log.config" = "*" }'), "text of a log alone"),
        (('plan = ["bring_up"]', 'plan = ["start_unit {needed}"]'), "{needed} is no named group"),
        (("[[runbook]]", "[[runbok]]"), "runbok"),
        (("[[runbook]]", "[["), "own.toml"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_place(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    """A runbook that cannot be used names its file and what was expected."""
    with pytest.raises(RunbookError, match=r"own\.toml") as error:
        read(_write(tmp_path, GOOD.replace(*change)))
    assert said in str(error.value)


def test_a_mistake_in_the_second_runbook_is_told_with_its_line(tmp_path: Path) -> None:
    """The place is the table's own first line."""
    second = GOOD.replace('"own"', '"other"').replace("phase = 1", "phase = 9")
    with pytest.raises(RunbookError, match=r"own\.toml:10: runbook other: phase: "):
        read(_write(tmp_path, f"{GOOD}{second}"))


def test_what_a_line_names_becomes_a_target_only_in_scope(tmp_path: Path) -> None:
    """The log says what it cannot reach: if that is what the incident may touch, it is started, and the sentence says which."""
    text = GOOD.replace('"KilledBySignal" }', '"KilledBySignal", journal = "~.*cannot reach (?P<needed>[^ ]+)" }').replace(
        '["bring_up"]', '["start_unit {needed}"]'
    )
    [book] = read(_write(tmp_path, text.replace('"because"', '"it cannot reach {needed}"')))
    for said, plan in (("shop.service", [(START,)]), ("ssh.service", [])):
        lines = Evidence(id=3, source="journal_lines", text=f"web: cannot reach {said}")
        found = list(runbooks.proposals((book,), _case(lines), (START,), phase=1, proposer="p"))
        assert [proposal.plan for proposal in found] == plan
        assert [(proposal.cause, proposal.evidence_ids) for proposal in found] == [("it cannot reach shop.service", (3,))] * len(plan)


def test_a_plan_consists_of_candidates_alone(tmp_path: Path) -> None:
    """Without a candidate of the kind there is no plan: a runbook cannot name a target (law 5)."""
    books = read(_write(tmp_path, GOOD))
    assert [proposal.plan for proposal in runbooks.proposals(books, _case(), (START,), phase=1, proposer="p")] == [(START,)]
    assert list(runbooks.proposals(books, _case(offered=()), (), phase=1, proposer="p")) == []


def test_the_conditions_cite_the_newest_evidence_that_holds_them() -> None:
    """What a diagnosis rests on is named by id."""
    case = _case(_seen(1, "unit_state", unit__exit="crash"), _seen(2, "unit_state", unit__exit="crash"))
    assert runbooks.cited(case, {"unit.exit": "crash"}) == (2,)


def test_damaged_data_goes_to_a_person_in_phase_one() -> None:
    """Whatever could be started: signs of corruption end every plan."""
    case = _case(_seen(1, "journal_lines", danger__corruption="page is corrupt"), _seen(2, "unit_state", unit__exit="crash"))
    answer = runbooks.hand_over(load(), case)
    assert answer is not None
    assert "page is corrupt" in answer.reason
    assert answer.evidence_ids == (1,)


CRASH: Json = {"unit__load": "loaded", "unit__exit": "crash"}


@pytest.mark.parametrize(
    ("facts", "healed"),
    [
        ({}, True),
        ({"config__test": "passes"}, True),
        ({"config__test": "fails"}, False),
        ({"config__missing": "/etc/shop.conf"}, False),
        ({"config__changed_recently": "/etc/shop.conf"}, False),
        ({"disk__full": "/"}, False),
        ({"below__masked": "db.service"}, False),
        ({"port__foreign": "8080"}, False),
    ],
)
def test_a_crash_is_started_again_only_when_nothing_stands_against_it(facts: Json, *, healed: bool) -> None:
    """Law 10: a restart is no cure for a broken configuration, a full disk, a mask or a taken port."""
    case = _case(_seen(1, "unit_state", **CRASH), _seen(2, "others", **facts))
    found = [proposal.origin for proposal in runbooks.proposals(load(), case, (START,), phase=1, proposer="p")]
    assert bool(found) is healed, found


def test_what_was_tried_is_not_proposed_again() -> None:
    """The next plan, not the same one."""
    case = _case(_seen(1, "unit_state", **CRASH))
    first = next(runbooks.proposals(load(), case, (START,), phase=1, proposer="p"))
    assert first.plan == (START,)
    tried = case.model_copy(update={"tried": (_ended(first),)})
    assert list(runbooks.proposals(load(), tried, (START,), phase=1, proposer="p")) == []


def _ended(proposal: Proposal) -> Attempt:
    return Attempt(id=1, phase=1, proposal=proposal, verdict=Verdict(answer="allow", rule="auto"), outcome=Outcome.NO_EFFECT, began_at=1.0)


def test_what_was_tried_in_vain_alone_is_tried_together() -> None:
    """Two causes at once: each plan was undone for the other's sake. Once, and only what is possible still."""
    aside = actions.parse({"kind": "clean_path", "path": "/srv/a", "pattern": "*", "older_than_seconds": 1.0})
    room = actions.parse({"kind": "clean_path", "path": "/srv/b", "pattern": "*", "older_than_seconds": 1.0})
    one, two = (Proposal(cause=name, plan=(step, START), proposer="p", evidence_ids=(1,)) for name, step in (("a", aside), ("b", room)))
    case = _case(offered=(START, aside, room)).model_copy(update={"tried": (_ended(one), _ended(two))})
    both = runbooks.together(case, case.candidates, proposer="p")
    assert both
    assert (both.plan, both.evidence_ids) == ((aside, room, START), (1,))
    assert runbooks.together(case, (START, aside), proposer="p") is None
    again = case.model_copy(update={"tried": (*case.tried, _ended(both))})
    assert runbooks.together(again, case.candidates, proposer="p") is None
    alone = case.model_copy(update={"tried": (_ended(one),)})
    assert runbooks.together(alone, case.candidates, proposer="p") is None
