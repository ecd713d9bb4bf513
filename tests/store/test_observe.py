"""One look of one check becomes opened, reopened and cleared incidents."""

import time

import pytest

from orchestrator.actions.quarantine_file import QuarantineFile
from orchestrator.model import Blind, Outcome, Proposal, Severity, Status, utc
from orchestrator.store import CLEAR_AFTER_SECONDS, Observed, Store
from tests.store.made import ALLOWED, SEVERE_FIRST, a_begun_change, a_fault, a_proposal, an_incident, rows, task, the_due_case

NOW = time.time()


def test_a_new_fault_opens_an_incident_that_is_due_at_once(store: Store) -> None:
    """A fault never seen before is one open row, due whatever the clock says."""
    fault = a_fault(severity="critical")
    observed = store.observe("unit_failed", (fault,), NOW)
    case = store.case(observed.opened[0])
    assert case is not None
    assert case.fault == fault
    assert (case.incident.status, case.incident.phase, case.incident.occurrences) == (Status.OPEN, 1, 1)
    assert case.scope.target == "web.service"
    assert store.next_due() == 0.0
    assert [turn.incident for turn in store.turns(1.0)] == list(observed.opened)
    assert task(store, case.incident.id)["fingerprint"] == fault.signature


def test_a_standing_fault_stays_one_row(store: Store) -> None:
    """Seeing a fault again updates its row: the message and severity of now, counted, and nothing else opens."""
    task_id = an_incident(store)
    worse = a_fault(message="web.service failed again", severity="critical")
    assert store.observe("unit_failed", (worse,), NOW + 30) == Observed()
    row = task(store, task_id)
    assert (row["seen"], row["title"], row["severity"]) == (2, "web.service failed again", "critical")
    assert len(rows(store, "SELECT id FROM tasks")) == 1


def test_a_fault_that_looks_different_later_is_still_the_kind_that_it_opened_as(store: Store) -> None:
    """A start that did not help ends in another way than the crash; what heals it is learned for the crash."""
    crash, refused = a_fault(reason="KilledBySignal"), a_fault(reason="ExitCode")
    task_id = an_incident(store, crash)
    store.observe("unit_failed", (refused,), NOW + 30)
    case = store.case(task_id)
    assert case is not None
    assert (case.fault, case.incident.signature) == (refused, crash.signature)
    attempt_id, _ = a_begun_change(store, task_id)
    store.end_attempt(attempt_id, Outcome.HEALED, "")
    taught = store.teach(case.incident.signature, a_proposal().plan, "instant")
    store.close(task_id, Status.FIXED, phase=1, fix_successful=True, resolution="")
    store.observe("unit_failed", (refused,), time.time())
    assert store.pattern_of(task_id) == taught


def test_the_most_severe_is_due_first_then_the_oldest(store: Store) -> None:
    """Turns are told by severity, then by age."""
    for n, severity in enumerate(reversed(SEVERE_FIRST)):
        store.observe(f"c{n}", (a_fault(f"old{n}", f"c{n}", severity=severity), a_fault(f"new{n}", f"c{n}", severity=severity)), NOW + n)
    by_severity = {severity: number for number, severity in enumerate(reversed(SEVERE_FIRST))}
    wanted = [f"{age}{by_severity[severity]}" for severity in SEVERE_FIRST for age in ("old", "new")]
    assert [turn.target for turn in store.turns(NOW)] == wanted


def test_a_target_named_twice_is_one_fault(store: Store) -> None:
    """Of two faults with one key in one look the more severe counts."""
    (task_id,) = store.observe("unit_failed", (a_fault(severity="info"), a_fault(severity="critical")), NOW).opened
    assert task(store, task_id)["severity"] == Severity.CRITICAL


def test_a_check_may_not_speak_for_another(store: Store) -> None:
    """A fault under another check's name is refused whole: nobody would ever clear its incident."""
    with pytest.raises(ValueError, match="would never clear"):
        store.observe("disk_full", (a_fault(),), NOW)
    assert rows(store, "SELECT * FROM tasks") == rows(store, "SELECT * FROM checks") == []


def test_a_blind_look_opens_and_clears_nothing(store: Store) -> None:
    """Blindness is noted for its check, counted while it lasts, and touches no incident."""
    task_id = an_incident(store)
    before = task(store, task_id)
    for seconds in (30, 60):
        assert store.observe("unit_failed", Blind(reason="no D-Bus"), NOW + seconds) == Observed()
    assert task(store, task_id) == before
    (check,) = rows(store, "SELECT state, detail, blind_count FROM checks")
    assert check == {"state": "blind", "detail": "no D-Bus", "blind_count": 2}
    store.observe("unit_failed", (a_fault(),), NOW + 90)
    assert rows(store, "SELECT state, blind_count FROM checks") == [{"state": "fault", "blind_count": 0}]


def test_an_untouched_fault_that_goes_away_is_cleared_at_once(store: Store) -> None:
    """An open incident that nobody began to heal ends as cleared, neither a success nor a failure."""
    task_id = an_incident(store)
    assert store.observe("unit_failed", (), NOW + 5).cleared == (task_id,)
    row = task(store, task_id)
    assert (row["status"], row["fix_successful"], row["next_at"]) == ("cleared", None, None)
    assert store.turns(float("inf")) == ()


def test_only_the_own_check_clears(store: Store) -> None:
    """A look of another check says nothing about this fault."""
    task_id = an_incident(store)
    assert store.observe("disk_full", (), NOW).cleared == ()
    assert task(store, task_id)["status"] == "open"


@pytest.mark.parametrize("begun", [True, False])
def test_what_is_being_healed_is_the_engine_s_to_judge(store: Store, *, begun: bool) -> None:
    """A fault that vanishes under a repair does not clear its incident, in whatever state the repair is."""
    task_id = an_incident(store)
    if begun:
        a_begun_change(store, task_id)
    else:
        store.begin_phase(task_id, 1)
    assert store.observe("unit_failed", (), NOW + 500).cleared == ()
    assert task(store, task_id)["resolved_at"] is None


def test_what_shows_at_a_target_under_repair_opens_only_after_it(store: Store) -> None:
    """A repair's own doings are no fault and no relapse, in looks that began before its end; what still stands then is one."""
    down = a_fault(check="unit_inactive", reason="WentAway")
    earlier = an_incident(store, down)
    store.close(earlier, Status.FIXED, phase=1, fix_successful=True, resolution="")
    attempt_id, _ = a_begun_change(store, an_incident(store))
    looked_at = time.time() - 1
    assert store.observe("unit_inactive", (down, a_fault("other.service", "unit_inactive")), looked_at).opened != ()
    store.end_attempt(attempt_id, Outcome.NO_EFFECT, "")
    assert store.observe("unit_inactive", (down,), looked_at).reopened == ()
    assert task(store, earlier)["status"] == "fixed"
    assert store.observe("unit_inactive", (down,), time.time() + 1).reopened == (earlier,)


@pytest.mark.parametrize("state", ["waiting", "escalated"])
def test_what_a_person_has_clears_after_a_continuous_absence(store: Store, state: str) -> None:
    """A flicker does not take a case out of a person's hands; a minute without the fault does."""
    task_id = an_incident(store)
    store.ask(task_id, "may I?") if state == "waiting" else store.escalated(task_id, reason="nothing left")
    assert store.observe("unit_failed", (), NOW + 1).cleared == ()
    assert store.observe("unit_failed", (a_fault(),), NOW + 40).cleared == ()
    assert store.observe("unit_failed", (), NOW + 50).cleared == ()
    assert store.observe("unit_failed", (), NOW + 50 + CLEAR_AFTER_SECONDS - 1).cleared == ()
    assert store.observe("unit_failed", (), NOW + 50 + CLEAR_AFTER_SECONDS).cleared == (task_id,)
    row = task(store, task_id)
    assert (row["status"], row["fix_successful"]) == ("cleared", 0 if state == "escalated" else None)


def test_a_fault_back_soon_after_its_fix_reopens_the_same_row(store: Store) -> None:
    """A relapse takes the success back, counts as an occurrence, and starts again at phase 1."""
    task_id = an_incident(store, now=NOW)
    store.close(task_id, Status.FIXED, phase=2, fix_successful=True, resolution="started it")
    observed = store.observe("unit_failed", (a_fault(),), time.time() + 60)
    assert (observed.opened, observed.reopened) == ((), (task_id,))
    row = task(store, task_id)
    assert (row["status"], row["phase"], row["fix_successful"], row["resolved_at"]) == ("open", 1, None, None)
    assert (row["occurrences"], row["relapses"]) == (2, 1)
    case = the_due_case(store, NOW)
    assert case.incident.occurrences == 2


@pytest.mark.parametrize(("status", "later"), [(Status.FIXED, 101.0), (Status.CLEARED, 5.0), (Status.DISMISSED, 5.0)])
def test_another_ending_or_a_later_return_is_a_new_incident(store: Store, status: Status, later: float) -> None:
    """Only what was fixed, and only within `relapse_seconds`, opens again."""
    task_id = an_incident(store)
    store.close(task_id, status, phase=1, fix_successful=status == Status.FIXED or None, resolution="")
    observed = store.observe("unit_failed", (a_fault(),), time.time() + later, relapse_seconds=100)
    assert observed.reopened == ()
    assert observed.opened == (task_id + 1,)


def test_a_relapsed_incident_shows_what_was_tried_and_may_try_it_again(store: Store) -> None:
    """After a relapse the phases see the plan that did not last; it may have its turn again, within the budget of relapses."""
    task_id = an_incident(store)
    attempt_id, _ = a_begun_change(store, task_id)
    store.end_attempt(attempt_id, Outcome.HEALED, "")
    store.close(task_id, Status.FIXED, phase=1, fix_successful=True, resolution="")
    store.observe("unit_failed", (a_fault(),), time.time() + 1)
    case = store.case(task_id)
    assert case is not None
    assert [attempt.proposal.hash for attempt in case.tried] == [a_proposal().hash]
    assert not case.has_tried(a_proposal())


def test_secrets_in_a_message_never_reach_the_disk(store: Store) -> None:
    """The message is masked in the title, the stored fault and the check's line."""
    store.observe("unit_failed", (a_fault(message="exec --password hunter2\nfailed"),), NOW)
    text = str(rows(store, "SELECT * FROM tasks") + rows(store, "SELECT * FROM checks"))
    assert "hunter2" not in text
    assert "[masked]" in text


def test_a_row_whose_fault_cannot_be_read_is_left_out(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """One damaged row is told and skipped; the others are still there and still observed."""
    bad, good = an_incident(store, a_fault("bad.service")), an_incident(store, a_fault("good.service", "other"))
    store.ledger.run("UPDATE tasks SET fault = '{\"check\": 1}' WHERE id = ?", (bad,))
    assert [number for number in (bad, good) if store.case(number)] == [good]
    assert f"incident {bad} cannot be read" in caplog.text
    store.observe("unit_failed", (), NOW)
    assert task(store, bad)["status"] == "cleared"


def test_what_ended_ahead_of_the_clock_hides_nothing(store: Store) -> None:
    """The clock was set back: a repair that ended days ahead does not keep what shows at its target now from being seen."""
    task_id = an_incident(store)
    attempt_id, _ = a_begun_change(store, task_id)
    store.end_attempt(attempt_id, Outcome.HEALED, "")
    store.close(task_id, Status.FIXED, phase=1, fix_successful=True, resolution="")
    store.ledger.run("UPDATE attempts SET ended_at = ?", (utc(time.time() + 2 * 86_400),))
    assert store.observe("unit_inactive", (a_fault(check="unit_inactive"),), time.time()).opened


def test_an_absence_ahead_of_the_clock_is_counted_from_now(store: Store) -> None:
    """The clock was set back by days: what a person has is over a minute after it was seen last, and not in two days."""
    task_id = an_incident(store)
    store.escalated(task_id, reason="nothing left")
    store.observe("unit_failed", (), NOW + 2 * 86_400)
    store.observe("unit_failed", (), NOW)
    assert store.observe("unit_failed", (), NOW + CLEAR_AFTER_SECONDS + 1).cleared == (task_id,)


def test_what_a_person_has_is_not_over_while_its_target_stands_wrong_in_another_way(store: Store) -> None:
    """Told as part of it, so that its own fault's absence says nothing."""
    task_id = an_incident(store)
    store.escalated(task_id, reason="nothing left")
    besides = a_fault(check="unit_inactive")
    store.observe("unit_inactive", (besides,), NOW, lambda _: {besides.key: a_fault().key})
    for later in (0, CLEAR_AFTER_SECONDS + 1):
        assert store.observe("unit_failed", (), NOW + later, lambda _: {besides.key: a_fault().key}) == Observed()
    store.observe("unit_inactive", (), NOW + 100)
    store.observe("unit_failed", (), NOW + 100)
    assert store.observe("unit_failed", (), NOW + 101 + CLEAR_AFTER_SECONDS).cleared == (task_id,)


def test_of_a_half_blind_look_what_was_seen_opens_and_nothing_clears(store: Store) -> None:
    """One service cannot be asked: what stands elsewhere is an incident, and its own is not over."""
    unseen = an_incident(store)
    for seconds in (30, 30 + CLEAR_AFTER_SECONDS):
        observed = store.observe("unit_failed", Blind(reason="no such program", seen=(a_fault("other.service"),)), NOW + seconds)
        assert observed.cleared == ()
    assert [(row["id"] == unseen, row["resolved_at"]) for row in rows(store, "SELECT * FROM tasks ORDER BY id")] == [
        (True, None),
        (False, None),
    ]


def test_what_failed_for_one_file_is_not_tried_for_the_next_at_its_place(store: Store) -> None:
    """A config test leaves a new stale PID file behind each time: to move that aside as well is no new idea."""
    task_id = an_incident(store)

    def aside(inode: int, path: str = "/run/shop.pid") -> Proposal:
        return a_proposal(plan=(QuarantineFile(service="shop.service", path=path, inode=inode, device=1),))

    attempt_id, _ = a_begun_change(store, task_id, aside(7))
    store.end_attempt(attempt_id, Outcome.ROLLED_BACK, "")
    case = store.case(task_id)
    assert case is not None
    assert case.has_tried(aside(8))
    assert not case.has_tried(aside(8, "/run/other.pid"))
    refused = store.begin_attempt(task_id, 1, aside(9, "/run/other.pid"), ALLOWED, time.time())
    store.end_attempt(refused, Outcome.DENIED, "it is not the same any more")
    case = store.case(task_id)
    assert case is not None
    assert case.has_tried(aside(9, "/run/other.pid"))
    assert not case.has_tried(aside(10, "/run/other.pid"))  # nothing was tried there


def test_what_was_looked_at_beside_one_that_cannot_be_seen_clears(store: Store) -> None:
    """Of the hidden one nothing is known; the other one is well again, however long the first stays hidden."""
    hidden, well = an_incident(store, a_fault("hidden.service")), an_incident(store, a_fault("well.service", "other"))
    store.ledger.run("UPDATE tasks SET check_name = 'unit_failed', key = 'unit_failed:well.service' WHERE id = ?", (well,))
    for seconds in (0.0, CLEAR_AFTER_SECONDS + 1, 2 * CLEAR_AFTER_SECONDS + 2):
        store.observe("unit_failed", Blind(reason="no such program", unseen=frozenset({"hidden.service"})), NOW + seconds)
    assert (task(store, hidden)["status"], task(store, well)["status"]) == ("open", "cleared")
