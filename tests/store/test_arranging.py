"""Roots and symptoms: who is merged into whom, and what happens when a root goes."""

import time
from collections.abc import Callable, Mapping

import pytest

from orchestrator.model import Fault, Outcome, Status
from orchestrator.store import Arrange, Observed, Store
from tests.store.made import a_begun_change, a_fault, a_proposal, task, the_due_case

NOW = time.time()


def arranged(**roots: str) -> Arrange:
    """Symptom -> root, by the bare names of units."""

    def arrange(faults: tuple[Fault, ...]) -> Mapping[str, str]:
        del faults
        return {f"c:{symptom}": f"c:{root}" for symptom, root in roots.items()}

    return arrange


def see(store: Store, *targets: str, after: float = 0, **roots: str) -> Observed:
    return store.observe("c", tuple(a_fault(target, "c") for target in targets), NOW + after, arranged(**roots))


def roots_of(store: Store) -> dict[str, str | None]:
    """Every live target with its root's target."""
    sql = "SELECT t.target, r.target AS root FROM tasks t LEFT JOIN tasks r ON r.id = t.root_id WHERE t.resolved_at IS NULL"
    return {row["target"]: row["root"] for row in store.ledger.rows(sql)}


def test_ten_units_of_one_mount_are_one_incident(store: Store) -> None:
    """Symptoms merge into their root, only the root is due, and its case names them all."""
    units = [f"u{n}" for n in range(10)]
    observed = see(store, "mount", *units, after=0, **dict.fromkeys(units, "mount"))
    assert len(observed.opened) == 1
    assert len(observed.merged) == 10
    case = the_due_case(store, NOW)
    assert case.fault.target == "mount"
    assert {fault.target for fault in case.incident.symptoms} == set(units)


def test_a_root_that_shows_later_takes_its_symptoms(store: Store) -> None:
    """An incident that is open already becomes a symptom when its root appears."""
    (symptom,) = see(store, "unit").opened
    observed = see(store, "unit", "mount", unit="mount")
    assert observed.merged == (symptom,)
    assert roots_of(store) == {"unit": "mount", "mount": None}
    assert see(store, "unit", "mount", unit="mount").merged == ()


def test_a_symptom_that_was_looked_into_before_its_root_showed_belongs_to_it(store: Store) -> None:
    """As long as nothing was begun for it; a change that is under way is ended first."""
    (symptom,) = see(store, "unit").opened
    store.begin_phase(symptom, 2)
    attempt_id, _ = a_begun_change(store, symptom)
    assert see(store, "unit", "mount", unit="mount").merged == ()
    store.end_attempt(attempt_id, Outcome.NO_EFFECT, "it needs the mount")
    assert see(store, "unit", "mount", unit="mount").merged == (symptom,)
    assert [turn.target for turn in store.turns(NOW)] == ["mount"]


def test_a_chain_ends_at_its_last_root(store: Store) -> None:
    """The symptom of a symptom belongs to the root itself, also when the root shows last."""
    see(store, "app", "db", app="db")
    see(store, "app", "db", "mount", app="db", db="mount")
    assert roots_of(store) == {"app": "mount", "db": "mount", "mount": None}


def test_a_root_that_becomes_a_symptom_hands_its_symptoms_on(store: Store) -> None:
    """Symptoms that the arrangement does not name again follow their old root to the new one."""
    see(store, "app", "db", app="db")
    see(store, "app", "db", "mount", db="mount")
    assert roots_of(store) == {"app": "mount", "db": "mount", "mount": None}


def test_faults_that_blame_each_other_keep_one_root(store: Store) -> None:
    """A circle never leaves an outage without an incident that is due."""
    see(store, "a", "b", "c", "d", a="b", b="c", c="a", d="b")
    assert roots_of(store) == {"a": None, "b": "a", "c": "a", "d": "a"}
    assert len(store.turns(NOW)) == 1


def test_a_symptom_that_turns_out_to_be_the_root_changes_places(store: Store) -> None:
    """When the arrangement turns round, so do the rows."""
    see(store, "a", "b", b="a")
    observed = see(store, "a", "b", a="b")
    assert roots_of(store) == {"a": "b", "b": None}
    assert (observed.opened, observed.merged) == ((2,), (1,))


def test_symptoms_of_a_root_that_went_away_stand_alone(store: Store) -> None:
    """When the root clears by itself, what still stands is an incident of its own, due at once."""
    see(store, "unit", "mount", unit="mount")
    observed = see(store, "unit")
    assert (observed.opened, observed.cleared) == ((1,), (2,))
    assert [turn.target for turn in store.turns(NOW)] == ["unit"]


def test_a_symptom_that_goes_away_is_resolved_and_no_clearing(store: Store) -> None:
    """A symptom that vanishes ends as merged; its root stays."""
    see(store, "unit", "mount", unit="mount")
    assert see(store, "mount") == Observed()
    assert (task(store, 1)["status"], task(store, 1)["resolved_at"] is not None) == ("merged", True)
    assert the_due_case(store, NOW).incident.symptoms == ()


def test_what_is_under_repair_stays_an_incident_of_its_own(store: Store) -> None:
    """A row with a change begun is not merged away under its repair, and keeps what was merged into it."""
    see(store, "app", "db", app="db")
    a_begun_change(store, 2, a_proposal("db.service"))
    see(store, "app", "db", "mount", app="db", db="mount")
    assert roots_of(store) == {"app": "db", "db": None, "mount": None}


def test_a_plan_that_a_person_approved_is_not_merged_away(store: Store) -> None:
    """A person's approval is never lost to a merge."""
    see(store, "unit")
    store.approve(1, a_proposal())
    assert see(store, "unit", "mount", unit="mount").merged == ()


def test_a_symptom_joins_a_root_that_is_with_a_person(store: Store) -> None:
    """What a known outage brings along opens nothing beside the escalation."""
    see(store, "mount")
    store.escalated(1, reason="disk is dead")
    observed = see(store, "mount", "unit", unit="mount")
    assert (observed.opened, observed.merged) == ((), (2,))


def test_what_a_person_was_told_of_ends_as_itself(store: Store) -> None:
    """Tried anew, it becomes nobody's symptom, so that the person hears how it ended; a relapse of it is a story of its own."""
    see(store, "unit")
    store.escalated(1, reason="masked")
    store.set_mark(1, "before")
    store.anew(1, NOW)
    assert see(store, "unit", "mount", unit="mount").merged == ()
    store.close(1, Status.FIXED, phase=1, fix_successful=False, resolution="started")
    store.observe("c", (a_fault("mount", "c"),), NOW + 1, arranged())
    assert see(store, "unit", "mount", after=2, unit="mount").merged == (1,)


def test_unknown_names_in_an_arrangement_are_ignored(store: Store) -> None:
    """A root without a standing fault roots nothing."""
    see(store, "unit", unit="ghost", phantom="unit")
    assert roots_of(store) == {"unit": None}


@pytest.mark.parametrize("order", ["release first", "close first"])
def test_symptoms_that_stand_after_the_repair_are_released(store: Store, order: str) -> None:
    """Healing the root resolves its symptoms, but one that still stands becomes an incident, in either order of the calls."""
    see(store, "mount", "gone", "left", gone="mount", left="mount")
    steps: list[Callable[[], object]] = [
        lambda: store.release_symptoms(1, ["c:left"]),
        lambda: store.close(1, Status.FIXED, phase=1, fix_successful=True, resolution=""),
    ]
    for step in steps if order == "release first" else reversed(steps):
        step()
    assert roots_of(store) == {"left": None}
    assert [turn.target for turn in store.turns(NOW)] == ["left"]
    assert task(store, 2)["status"] == "merged"


def test_what_is_being_healed_stays_the_root(store: Store) -> None:
    """A unit in a crash loop that fails for good while its loop is being healed is one incident, not two."""
    loop, failed = a_fault("web", "unit_crash_loop"), a_fault("web", "unit_failed")
    roots = {loop.key: failed.key}
    (number,) = store.observe(loop.check, (loop,), NOW, lambda _: {}).opened
    store.begin_phase(number, 1)
    assert store.observe(failed.check, (failed,), NOW, lambda _: roots).opened == ()
    case = the_due_case(store, NOW)
    assert (case.fault.key, [fault.key for fault in case.incident.symptoms]) == (loop.key, [failed.key])
