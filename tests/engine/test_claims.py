"""Which due cases may be worked on now."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.engine.claims import Claims
from orchestrator.host import View
from orchestrator.store import Store
from tests.store.made import a_begun_change, a_fault, an_incident


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    opened = View(tmp_path / "hands")
    yield opened
    opened.close()


def test_a_case_whose_step_ends_meanwhile_is_not_taken_as_it_was(store: Store, view: View) -> None:
    """A round takes its time: what it read of a case before that one's step changed something is not what stands now."""
    first = an_incident(store, a_fault("a.service", "unit_failed", severity="critical"))
    other = an_incident(store, a_fault("b.service", "probe_failing", severity="warning"))
    claims, config = Claims(view, store), Config()
    claimed = [case.incident.id for case in claims.due(time.time(), config, lambda _case: True)]
    assert claimed == [first, other]
    claims.let_go(first)
    round_ = claims.due(time.time(), config, lambda _case: True)
    assert next(round_).incident.id == first
    a_begun_change(store, other)
    claims.let_go(other)
    assert list(round_) == []
    (now,) = claims.due(time.time(), config, lambda _case: True)
    assert now.open_attempt is not None


def test_an_attempt_of_what_is_over_hides_nothing(store: Store) -> None:
    """However it was left open: what shows at its target is seen."""
    number = an_incident(store, a_fault("web.service"))
    a_begun_change(store, number)
    store.ledger.run("UPDATE tasks SET status = 'cleared', resolved_at = detected_at")
    assert store.observe("unit_inactive", (a_fault("web.service", "unit_inactive"),), 4_000_000_000.0).opened


def test_what_cannot_be_taken_keeps_nothing_else_back(store: Store, view: View) -> None:
    """However many severe ones wait for a thinker: what needs none has its turn; and nobody is woken again and again for the others."""
    severe = tuple(a_fault(f"thought-{n}.service", severity="critical") for n in range(150))
    store.observe("unit_failed", severe, time.time())
    store.ledger.run("UPDATE tasks SET phase = 2")
    mild = an_incident(store, a_fault("quick.service", "probe_failing", severity="warning"))
    claims, config = Claims(view, store), Config()
    claimed = [case.incident.id for case in claims.due(time.time(), config, lambda turn: turn.phase == 1)]
    assert claimed == [mild]
    assert claims.next_due() is None


def test_what_cannot_be_read_wakes_nobody(store: Store, view: View) -> None:
    """A damaged row is due for ever, and nobody can take it."""
    number = an_incident(store)
    store.ledger.run("UPDATE tasks SET fault = 'x' WHERE id = ?", (number,))
    claims = Claims(view, store)
    assert list(claims.due(time.time(), Config(), lambda _turn: True)) == []
    assert claims.next_due() is None


def test_a_scope_is_free_when_a_person_ends_what_was_proved_there(store: Store, view: View) -> None:
    """A word that cuts an attempt short between two of its steps leaves no step that could let go of it."""
    first = an_incident(store, a_fault("a.service", "unit_failed", severity="critical"))
    other = an_incident(store, a_fault("a.service", "probe_failing", severity="warning"))
    claims, config = Claims(view, store), Config()
    assert [case.incident.id for case in claims.due(time.time(), config, lambda _turn: True)] == [first]
    a_begun_change(store, first)
    store.wait(first, time.time() + 60, "it is being proved")
    claims.let_go(first)
    assert list(claims.due(time.time(), config, lambda _turn: True)) == []
    store.escalated(first, reason="ann rejected the plan")
    assert [case.incident.id for case in claims.due(time.time(), config, lambda _turn: True)] == [other]
