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
