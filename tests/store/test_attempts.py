"""What is on disk before anything moves, and what of it survives a kill."""

import os
import signal
import time
from pathlib import Path

import pytest

from orchestrator.model import Evidence, Outcome
from orchestrator.store import Stale, Store
from orchestrator.store.attempts import EVIDENCE_KEPT
from tests.store.made import ALLOWED, a_begun_change, a_fault, a_proposal, an_incident, rows

NOW = time.time()


def test_an_attempt_comes_back_as_it_was(store: Store) -> None:
    """Proposal, verdict, changes and settling times survive the way through the table."""
    task_id = an_incident(store)
    proposal = a_proposal(evidence_ids=(3, 5))
    attempt_id, change_id = a_begun_change(store, task_id, proposal)
    store.change_done(change_id)
    store.settle(attempt_id, ready_by=NOW + 9, clean_since=NOW)
    case = store.case(task_id)
    assert case is not None
    (attempt,) = case.tried
    assert (attempt.proposal, attempt.verdict, attempt.executed, attempt.outcome) == (proposal, ALLOWED, True, None)
    assert [attempt.ready_by, attempt.clean_since] == pytest.approx([NOW + 9, NOW], abs=0.001)
    (change,) = attempt.changes
    assert (change.id, change.n, change.action, change.before) == (change_id, 1, proposal.plan[0], {"running": False})
    assert change.done_at is not None
    store.settle(attempt_id)
    fresh = store.case(task_id)
    assert fresh is not None
    assert (fresh.tried[0].ready_by, fresh.tried[0].clean_since) == (None, None)


def test_an_ended_attempt_takes_nothing_more(store: Store) -> None:
    """An outcome is said once; after it no change begins and nothing settles."""
    attempt_id, _ = a_begun_change(store, an_incident(store))
    store.end_attempt(attempt_id, Outcome.ROLLED_BACK, "the probe failed")
    for again in (
        lambda: store.end_attempt(attempt_id, Outcome.HEALED, ""),
        lambda: store.settle(attempt_id),
        lambda: store.begin_change(attempt_id, 2, a_proposal().plan[0], {}),
    ):
        with pytest.raises(Stale, match="rolled_back"):
            again()
    assert rows(store, "SELECT outcome FROM attempts") == [{"outcome": "rolled_back"}]


def test_an_id_is_higher_than_all_that_the_hands_know(store: Store) -> None:
    """They remember those of a file that was lost or set back to a copy; one that was used would be refused for ever."""
    attempt_id, first = a_begun_change(store, an_incident(store))
    after = [store.begin_change(attempt_id, n, a_proposal().plan[0], {}, above) for n, above in ((2, 700), (3, 20), (4, 701))]
    assert (first, after) == (1, [701, 702, 703])


def test_a_change_is_done_once_and_undone_once(store: Store) -> None:
    """Saying it twice is stale, and so is done after undone."""
    _, change_id = a_begun_change(store, an_incident(store))
    store.change_done(change_id)
    store.change_undone(change_id)
    for again in (store.change_done, store.change_undone):
        with pytest.raises(Stale):
            again(change_id)


def test_a_later_attempt_ends_one_that_never_did(store: Store) -> None:
    """An incident has one attempt at a time: what was left without an outcome counts as interrupted."""
    task_id = an_incident(store)
    a_begun_change(store, task_id)
    a_begun_change(store, task_id)
    assert [row["outcome"] for row in rows(store, "SELECT outcome FROM attempts ORDER BY id")] == ["interrupted", None]


def test_a_change_that_was_begun_survives_kill_9(state_dir: Path) -> None:
    """What was said to be on disk is on disk, whatever kills the daemon; and its id is never used again."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        store = Store(state_dir)
        a_begun_change(store, an_incident(store))
        os.write(told, b"x")
        signal.pause()
    os.read(ready, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with Store(state_dir) as store:
        (case,) = store.unended()
        assert case.tried[0].changes[0].id == 1
        store.ledger.run("DELETE FROM changes")
        assert store.begin_change(case.tried[0].id, 1, a_proposal().plan[0], {}) == 2


def test_changes_are_counted_by_fault_and_host_whatever_became_of_them(store: Store) -> None:
    """Budgets count what was begun: undone ones too, and under the fault that it was begun for."""
    first, second = an_incident(store), an_incident(store, a_fault("db.service", "other"))
    _, change_id = a_begun_change(store, first)
    store.change_undone(change_id)
    a_begun_change(store, second)
    store.progress(first, a_fault("cache.service"))
    a_begun_change(store, first)
    assert store.changes_since(NOW - 1) == 3
    assert store.changes_since(NOW - 1, "unit_failed:web.service") == 1
    assert store.changes_since(NOW - 1, "unit_failed:cache.service") == 1
    assert store.changes_since(time.time() + 60) == 0


def test_what_a_repair_brings_back_counts_as_part_of_it(store: Store) -> None:
    """Fifty units that went down with one mount are one change of the budget, not fifty-one (law 6)."""
    attempt_id, _ = a_begun_change(store, an_incident(store))
    for n in range(2, 52):
        store.begin_change(attempt_id, n, a_proposal().plan[0], {})
    assert store.changes_since(NOW - 1) == 1


def test_an_attempt_whose_plan_no_longer_parses_is_left_out(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """An action that this version does not know is no crash: the rest of the case is there."""
    task_id = an_incident(store)
    a_begun_change(store, task_id)
    a_begun_change(store, task_id)
    store.ledger.run('UPDATE attempts SET plan = \'[{"kind": "rm_rf"}]\' WHERE id = 1')
    case = store.case(task_id)
    assert case is not None
    assert [attempt.id for attempt in case.tried] == [2]
    assert "attempt 1 cannot be read" in caplog.text


def test_evidence_is_masked_numbered_and_capped(store: Store) -> None:
    """Observations come back with ids and without secrets; of one incident only the newest are kept."""
    task_id = an_incident(store)
    first = store.add_evidence(task_id, [Evidence(source="journal", text="DB_PASSWORD=hunter2", facts={"log.url": "http://u:p4ss@h/"})])
    assert first[0].text == "DB_PASSWORD=[masked]"
    assert first[0].facts == {"log.url": "http://u:[masked]@h/"}
    assert "hunter2" not in str(rows(store, "SELECT * FROM evidence"))
    more = store.add_evidence(task_id, [Evidence(source="probe", text=str(n)) for n in range(EVIDENCE_KEPT)])
    assert len(rows(store, "SELECT id FROM evidence")) == EVIDENCE_KEPT
    case = store.case(task_id)
    assert case is not None
    assert case.evidence == tuple(item.model_copy(update={"at": found.at}) for item, found in zip(more[-60:], case.evidence, strict=True))


def test_evidence_for_no_incident_is_stale(store: Store) -> None:
    """An observation belongs to a row."""
    with pytest.raises(Stale):
        store.add_evidence(7, [Evidence(source="probe", text="ok")])
