"""Days, similar incidents, and what a plan that is taught would have met."""

import time
from pathlib import Path

from orchestrator.model import Outcome, Status, utc
from orchestrator.store import Reader, Store
from orchestrator.store.past import DAYS_SHOWN
from tests.store.made import a_begun_change, a_fault, an_incident

DAY = 86_400.0


def ended(store: Store, name: str, *, ago: float, status: Status = Status.FIXED, seconds: float = 10, phase: int = 1) -> int:
    """An incident of that name which opened so long ago and took so many seconds."""
    began = time.time() - ago
    row = an_incident(store, a_fault(f"{name}.service", name), began)
    healed = {Status.FIXED: True}.get(status)
    store.close(row, status, phase=phase, fix_successful=healed, resolution="")
    store.ledger.run("UPDATE tasks SET resolved_at = ? WHERE id = ?", (utc(began + seconds), row))
    return row


def test_each_day_has_its_numbers(store: Store, state_dir: Path) -> None:
    """Days without anything are there too; a symptom counts with its root; the times are those of what was healed."""
    for n, seconds in enumerate((10, 20, 30)):
        ended(store, f"a{n}", ago=DAY, seconds=seconds, phase=1 + n % 2)
    ended(store, "gone", ago=DAY, status=Status.CLEARED)
    ended(store, "long", ago=(DAYS_SHOWN + 1) * DAY)
    store.escalated(an_incident(store, a_fault("b", "b")), reason="nothing left")
    store.observe("c", (a_fault("m", "c"), a_fault("n", "c")), time.time(), lambda _faults: {"c:m": "c:n"})
    quiet, yesterday, today = Reader(state_dir).series(3)
    assert quiet == {**dict.fromkeys(quiet, 0), "at": utc(time.time() - 2 * DAY)[:10], "median_seconds": None, "p90_seconds": None}
    assert {name: yesterday[name] for name in ("detected", "needed", "fixed", "cleared", "phase_1", "phase_2")} == {
        "detected": 4, "needed": 3, "fixed": 3, "cleared": 1, "phase_1": 2, "phase_2": 1,
    }  # fmt: skip
    assert (yesterday["median_seconds"], yesterday["p90_seconds"]) == (20.0, 28.0)
    assert (today["detected"], today["with_person"], today["fixed"]) == (2, 1, 0)
    assert len(Reader(state_dir).series(10**9)) == DAYS_SHOWN


def test_one_day_is_told_by_the_hour(store: Store, state_dir: Path) -> None:
    """The last 24 hours, this one last; what was yesterday at this hour is not taken for it."""
    ended(store, "now", ago=1, seconds=1)
    ended(store, "then", ago=DAY, seconds=1)
    hours = Reader(state_dir).series(1)
    assert len(hours) == 24
    assert [hour["at"] for hour in hours][-1] >= utc(time.time() - 60)[:13]
    assert sum(hour["fixed"] for hour in hours) == sum(hour["fixed"] for hour in hours[-2:]) == 1


def test_similar_ones_tell_what_healed_them(store: Store, state_dir: Path) -> None:
    """Incidents of the same kind, without the one that is asked about, and with the plan that worked."""
    row = an_incident(store)
    attempt, _ = a_begun_change(store, row)
    store.end_attempt(attempt, Outcome.HEALED, "")
    store.close(row, Status.FIXED, phase=1, fix_successful=True, resolution="")
    an_incident(store, a_fault("else"))
    again = an_incident(store, now=time.time() + 4000)
    (found,) = Reader(state_dir).similar(again)
    assert (found["id"], found["status"], found["seconds"] >= 0) == (row, "fixed", True)
    assert found["healed_by"]["plan"] == [{"kind": "start_unit", "unit": "web.service"}]
    assert [met["healed_by"] for met in Reader(state_dir).similar(row)] == [None]


def test_a_preview_counts_what_would_have_been_met(store: Store, state_dir: Path) -> None:
    """How many of that kind there were, how they ended, and the newest of them."""
    fault = a_fault("web.service", "w")
    for n in range(3):
        row = an_incident(store, fault, time.time() + n * 4000)
        store.close(row, Status.FIXED if n else Status.DISMISSED, phase=1, fix_successful=None, resolution="")
        store.ledger.run("UPDATE tasks SET resolved_at = ? WHERE id = ?", (utc(0), row))
    met = Reader(state_dir).preview(fault.signature)
    assert (met["total"], met["ended"], [row["id"] for row in met["incidents"]]) == (3, {"dismissed": 1, "fixed": 2}, [3, 2, 1])
    assert Reader(state_dir).preview("v1:unknown")["total"] == 0
