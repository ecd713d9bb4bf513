"""What was learned, and how far it is trusted."""

import pytest

from orchestrator.model import Outcome, Stage, Status
from orchestrator.store import Stale, Store, stage_after
from tests.store.made import ALLOWED, a_begun_change, a_fault, a_proposal, an_incident, rows

PLAN = a_proposal().plan


@pytest.mark.parametrize(
    ("wins", "losses", "relapses", "stage"),
    [
        (0, 0, 0, "probation"),
        (1, 0, 0, "probation"),
        (2, 0, 0, "probation"),
        (3, 0, 0, "trusted"),
        (0, 1, 0, "demoted"),
        (1, 1, 0, "demoted"),
        (2, 1, 0, "probation"),
        (4, 1, 0, "probation"),
        (5, 1, 0, "trusted"),
        (5, 0, 1, "trusted"),
        (5, 1, 1, "probation"),
        (3, 1, 1, "demoted"),
        (1000, 499, 0, "probation"),
    ],
)
def test_the_stage_follows_the_record(wins: int, losses: int, relapses: int, stage: str) -> None:
    """A margin of 3 is trusted, one below 0 demoted; a loss and a relapse weigh two wins each."""
    assert stage_after(wins, losses, relapses) == stage


def test_the_same_plan_for_the_same_signature_is_one_pattern(store: Store) -> None:
    """Teaching twice is knowing once; another plan or another signature is another pattern."""
    one = store.teach("v1:aa", PLAN, "runbook:x")
    assert store.teach("v1:aa", PLAN, "person:eve") == one
    assert store.teach("v1:aa", a_proposal(kind="restart_unit").plan, "x") != one
    assert store.teach("v1:bb", PLAN, "x") != one
    first = next(pattern for pattern in store.patterns("v1:aa") if pattern.id == one)
    assert (first.stage, first.plan, first.origin) == (Stage.PROBATION, PLAN, "runbook:x")
    assert len(store.patterns()) == 3


def test_the_best_record_comes_first(store: Store) -> None:
    """A pattern that won more is offered before one that won less."""
    worse, better = store.teach("s", PLAN, "x"), store.teach("s", a_proposal(kind="restart_unit").plan, "x")
    store.credit(better, "win")
    assert [pattern.id for pattern in store.patterns("s")] == [better, worse]


def test_success_earns_trust_and_failure_takes_it(store: Store) -> None:
    """Three wins trust a pattern; two relapses demote it."""
    number = store.teach("s", PLAN, "x")
    for _ in range(3):
        store.credit(number, "win")
    assert store.patterns()[0].stage == Stage.TRUSTED
    store.credit(number, "relapse")
    assert store.patterns()[0].stage == Stage.PROBATION
    store.credit(number, "relapse")
    pattern = store.patterns()[0]
    assert (pattern.stage, pattern.wins, pattern.losses, pattern.relapses) == (Stage.DEMOTED, 3, 0, 2)


def test_a_person_s_word_holds_until_the_next_failure(store: Store) -> None:
    """Trust that a person gave is not lowered by a win, but the record decides again after a loss."""
    number = store.teach("s", PLAN, "x")
    store.set_stage(number, Stage.TRUSTED, "eve")
    store.credit(number, "win")
    assert store.patterns()[0].stage == Stage.TRUSTED
    store.credit(number, "loss")
    assert store.patterns()[0].stage == Stage.DEMOTED
    told = [(row["actor"], row["what"]) for row in rows(store, "SELECT actor, what FROM audit ORDER BY id")]
    credited = ("orchestrator", "pattern credited")
    assert told == [("orchestrator", "pattern taught"), ("eve", "pattern stage"), credited, credited]


def test_a_forgotten_pattern_is_gone_and_late_credit_is_ignored(store: Store) -> None:
    """Forgetting leaves an audit row; an attempt that still runs from it breaks nothing."""
    number = store.teach("s", PLAN, "x")
    store.forget(number, "eve")
    store.credit(number, "win")
    assert store.patterns() == ()
    with pytest.raises(Stale):
        store.forget(number, "eve")
    with pytest.raises(Stale):
        store.set_stage(number, Stage.TRUSTED, "eve")
    assert store.teach("s", PLAN, "x") != number


@pytest.mark.parametrize("origin", ["pattern:7", "instant"])
def test_a_relapse_finds_the_pattern_to_blame(store: Store, origin: str) -> None:
    """The last healed attempt leads to its pattern: by its origin, or by the plan that it taught."""
    task_id = an_incident(store)
    assert store.pattern_of(task_id) is None
    proposal = a_proposal(origin=origin)
    attempt_id, _ = a_begun_change(store, task_id, proposal)
    store.end_attempt(attempt_id, Outcome.HEALED, "")
    taught = store.teach(a_fault().signature, proposal.plan, origin)
    store.close(task_id, Status.FIXED, phase=1, fix_successful=True, resolution="")
    assert store.pattern_of(task_id) == (7 if origin == "pattern:7" else taught)


def test_a_failed_attempt_has_no_pattern_to_blame(store: Store) -> None:
    """Only what healed was credited."""
    task_id = an_incident(store)
    attempt_id = store.begin_attempt(task_id, 1, a_proposal(origin="pattern:7"), ALLOWED, 0)
    store.end_attempt(attempt_id, Outcome.NO_EFFECT, "")
    assert store.pattern_of(task_id) is None


def test_a_pattern_with_an_unknown_action_is_left_out(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """A plan from another version, or from a hostile hand, is not offered."""
    store.teach("s", PLAN, "x")
    good = store.teach("s", a_proposal(kind="restart_unit").plan, "x")
    store.ledger.run('UPDATE patterns SET plan = \'[{"kind": "start_unit", "unit": "-x; reboot"}]\' WHERE id = 1')
    assert [pattern.id for pattern in store.patterns("s")] == [good]
    assert "pattern 1 cannot be read" in caplog.text
