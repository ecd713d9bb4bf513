"""Each move is one step of a live incident; on any other row it is stale."""

import time
from collections.abc import Callable

import pytest

from orchestrator.model import Handoff, Outcome, Scope, Status
from orchestrator.store import Stale, Store
from tests.store.made import ALLOWED, a_begun_change, a_fault, a_proposal, an_incident, task, the_due_case

NOW = time.time()

MOVES: dict[str, Callable[[Store, int], object]] = {
    "scope": lambda store, number: store.scope(number, Scope(target="web.service")),
    "begin_phase": lambda store, number: store.begin_phase(number, 2),
    "wait": lambda store, number: store.wait(number, NOW, "busy"),
    "hand_off": lambda store, number: store.hand_off(number, Handoff(phase=1, reason="nothing fits")),
    "ask": lambda store, number: store.ask(number, "may I?"),
    "approve": lambda store, number: store.approve(number, a_proposal()),
    "progress": lambda store, number: store.progress(number, a_fault("db.service")),
    "close": lambda store, number: store.close(number, Status.FIXED, phase=1, fix_successful=True, resolution=""),
    "escalated": lambda store, number: store.escalated(number, reason="nothing left"),
    "retry": lambda store, number: store.retry(number, 1, NOW),
    "anew": lambda store, number: store.anew(number, NOW),
    "begin_attempt": a_begun_change,
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("state", ["closed", "merged", "missing"])
def test_a_row_that_is_not_live_is_stale_and_stays_as_it_is(store: Store, move: str, state: str) -> None:
    """Nothing moves an incident that ended, became a symptom, or never was."""
    task_id = an_incident(store)
    if state == "closed":
        store.close(task_id, Status.DISMISSED, phase=1, fix_successful=None, resolution="")
    if state == "merged":
        an_incident(store, a_fault("mount", "c"))
        store.observe("c", (a_fault("mount", "c"),), NOW, lambda _faults: {"unit_failed:web.service": "c:mount"})
    before = task(store, task_id)
    with pytest.raises(Stale, match="moved on"):
        MOVES[move](store, 99 if state == "missing" else task_id)
    assert task(store, task_id) == before


def test_healing_begins_once_and_goes_through_the_phases(store: Store) -> None:
    """`started_at` is the first phase's; each handoff goes on to the next one with all that was ruled out."""
    task_id = an_incident(store)
    store.begin_phase(task_id, 1)
    started = task(store, task_id)["started_at"]
    store.hand_off(task_id, Handoff(phase=1, reason="no pattern", ruled_out=("a full disk",)))
    store.begin_phase(task_id, 2)
    store.hand_off(task_id, Handoff(phase=2, reason="no cause"))
    row = task(store, task_id)
    assert (row["status"], row["phase"], row["started_at"]) == ("healing", 3, started)
    case = the_due_case(store, NOW)
    assert [handoff.reason for handoff in case.handoffs] == ["no pattern", "no cause"]
    assert case.handoffs[0].ruled_out == ("a full disk",)


def test_the_scope_is_kept(store: Store) -> None:
    """A stored scope comes back as it was."""
    task_id = an_incident(store)
    scope = Scope(target="web.service", below=("db.service",), service="web", paths=("/srv/web",))
    store.scope(task_id, scope)
    case = store.case(task_id)
    assert case is not None
    assert case.scope == scope


def test_a_case_that_waits_is_due_when_its_time_has_come(store: Store) -> None:
    """Waiting keeps the status and says for what."""
    task_id = an_incident(store)
    store.wait(task_id, NOW + 60, "the host has just booted")
    assert store.turns(NOW + 59) == ()
    assert store.next_due() == pytest.approx(NOW + 60, abs=0.001)
    case = the_due_case(store, NOW + 61)
    assert (case.incident.status, case.incident.waiting_for) == (Status.OPEN, "the host has just booted")


def test_a_wait_without_end_is_never_due(store: Store) -> None:
    """Infinity is a time too."""
    store.wait(an_incident(store), float("inf"), "for ever")
    assert store.turns(NOW + 1e9) == ()


def test_an_approved_plan_makes_its_case_due_with_exactly_that_plan(store: Store) -> None:
    """Asking takes the case off the clock; the approval puts it back with the plan that was shown."""
    task_id = an_incident(store)
    store.ask(task_id, "a person's word")
    assert (store.turns(float("inf")), store.next_due(), store.with_person()) == ((), None, (task_id,))
    proposal = a_proposal()
    store.approve(task_id, proposal)
    case = the_due_case(store, NOW)
    assert case.approved is not None
    assert case.approved.hash == proposal.hash
    assert (case.incident.status, store.with_person()) == (Status.OPEN, ())


def test_an_approved_plan_that_no_longer_parses_is_not_offered(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """A stored plan is parsed by today's rules: an unknown action means no plan, and a line in the log."""
    task_id = an_incident(store)
    store.approve(task_id, a_proposal())
    store.ledger.run("UPDATE tasks SET approved = replace(approved, 'start_unit', 'format_disk')")
    case = store.case(task_id)
    assert case is not None
    assert case.approved is None
    assert "cannot be read" in caplog.text


def test_progress_makes_the_next_fault_the_row_s_own(store: Store) -> None:
    """When its own fault is gone and another shows, the incident goes on with that one and absorbs its row."""
    both = (a_fault("mount"), a_fault("web.service"))
    store.observe("unit_failed", both, NOW, lambda _faults: {"unit_failed:web.service": "unit_failed:mount"})
    store.progress(1, a_fault("web.service"))
    assert task(store, 1)["key"] == "unit_failed:web.service"
    assert task(store, 2)["status"] == "merged"
    assert task(store, 2)["resolved_at"] is not None
    observed = store.observe("unit_failed", (a_fault("web.service"),), NOW + 30)
    assert (observed.opened, observed.cleared) == ((), ())


def test_progress_into_a_fault_that_a_person_has_is_stale(store: Store) -> None:
    """Two incidents never share a key, and a person's is not taken away."""
    first, second = an_incident(store, a_fault("mount", "c")), an_incident(store)
    store.escalated(second, reason="nothing left")
    with pytest.raises(Stale, match="in hand itself"):
        store.progress(first, a_fault())
    assert task(store, first)["key"] == "c:mount"


def test_closing_resolves_the_symptoms_with_the_root(store: Store) -> None:
    """A healed root's symptoms end with it, and no longer hold their keys."""
    both = (a_fault("mount"), a_fault())
    store.observe("unit_failed", both, NOW, lambda _faults: {"unit_failed:web.service": "unit_failed:mount"})
    store.close(1, Status.FIXED, phase=1, fix_successful=True, resolution="mounted it with token=abc123")
    assert [task(store, number)["status"] for number in (1, 2)] == ["fixed", "merged"]
    assert task(store, 2)["resolved_at"] == task(store, 1)["resolved_at"]
    assert task(store, 1)["resolution"] == "mounted it with token=[masked]"
    case = store.case(1)
    assert case is not None
    assert [fault.target for fault in case.incident.symptoms] == ["web.service"]


def test_an_escalated_case_may_be_tried_again(store: Store) -> None:
    """A person may send a case back: every plan has its turn anew, and that a person had it is not forgotten, healed or not."""
    task_id, proposal = an_incident(store), a_proposal()
    store.end_attempt(store.begin_attempt(task_id, 1, proposal, ALLOWED, time.time()), Outcome.DENIED, "its config test fails")
    store.escalated(task_id, reason="nothing left")
    assert (task(store, task_id)["phase"], task(store, task_id)["fix_successful"]) == (4, 0)
    store.anew(task_id, time.time() + 1)
    case = the_due_case(store, time.time() + 2)
    assert (case.incident.status, case.incident.phase, case.has_tried(proposal)) == (Status.OPEN, 1, False)
    assert (store.with_person(), store.known_to_person()) == ((), (task_id,))
    store.close(task_id, Status.FIXED, phase=1, fix_successful=True, resolution="")
    assert task(store, task_id)["fix_successful"] == 0


def test_what_is_written_together_is_written_wholly_or_not_at_all(store: Store) -> None:
    """An ending whose move is stale leaves no trace of itself."""
    task_id = an_incident(store)
    attempt_id, _ = a_begun_change(store, task_id)

    def end() -> None:
        store.end_attempt(attempt_id, Outcome.HEALED, "")
        store.close(task_id + 1, Status.FIXED, phase=1, fix_successful=True, resolution="")

    with pytest.raises(Stale):
        store.together(end)
    assert [case.tried[0].outcome for case in store.unended()] == [None]


def test_a_case_of_a_person_has_no_attempt_under_way(store: Store) -> None:
    """What a death left without an ending is interrupted when a person is asked, or has it."""
    asked, handed = an_incident(store, a_fault("a", "a")), an_incident(store, a_fault("b", "b"))
    for task_id in (asked, handed):
        a_begun_change(store, task_id)
    store.ask(asked, "may I?")
    store.escalated(handed, reason="nothing left")
    assert store.unended() == ()


def test_what_a_death_left_is_found_at_the_start(store: Store) -> None:
    """A case with a change begun and no outcome is unended; an attempt that changed nothing, or ended, is not."""
    begun, ended, planned = (an_incident(store, a_fault(name, name)) for name in ("a", "b", "c"))
    a_begun_change(store, begun)
    attempt_id, _ = a_begun_change(store, ended)
    store.end_attempt(attempt_id, Outcome.NO_EFFECT, "")
    store.begin_attempt(planned, 1, a_proposal(), ALLOWED, NOW)
    (case,) = store.unended()
    assert case.incident.id == begun
    assert case.tried[0].changes[0].done_at is None


def test_a_clock_that_is_set_makes_everything_due(store: Store) -> None:
    """What waited until a moment of the old clock looks again now."""
    task_id = an_incident(store)
    store.wait(task_id, NOW + 2 * 86_400, "busy")
    assert store.turns(NOW) == ()
    store.wake()
    assert [turn.incident for turn in store.turns(NOW)] == [task_id]


def test_a_symptom_is_not_changed(store: Store) -> None:
    """What became another's symptom while its plan was thought out is left to its root's repair."""
    task_id = an_incident(store)
    attempt_id = store.begin_attempt(task_id, 1, a_proposal(), ALLOWED, NOW)
    an_incident(store, a_fault("mount", "c"))
    store.observe("c", (a_fault("mount", "c"),), NOW, lambda _faults: {"unit_failed:web.service": "c:mount"})
    with pytest.raises(Stale, match="merged"):
        store.begin_change(attempt_id, 1, a_proposal().plan[0], {})
    assert store.ledger.rows("SELECT id FROM changes") == []
