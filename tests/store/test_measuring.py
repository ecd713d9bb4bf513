"""What thinking cost, and whether it was right: each number with what it is out of."""

from pathlib import Path

import pytest

from escalation import Desk
from orchestrator.model import Json, Outcome, Status
from orchestrator.store import Reader, Store
from tests.store.made import a_fault, an_incident
from tests.store.thought import a_thoughtful_day, asked, voted


@pytest.fixture
def found(state_dir: Path, store: Store, desk: Desk) -> Json:
    a_thoughtful_day(store, desk)
    return Reader(state_dir).measured(30)


def test_votes_are_held_against_what_became_of_them(state_dir: Path, store: Store, desk: Desk) -> None:
    """Right is healed and not back; what was interrupted, asked about or is under way says nothing."""
    for n, outcome in enumerate((Outcome.HEALED, Outcome.HEALED, Outcome.NO_EFFECT, Outcome.INTERRUPTED)):
        voted(store, desk, an_incident(store, a_fault(f"u{n}.service", f"c{n}")), outcome)
    voted(store, desk, an_incident(store, a_fault("u9.service", "c9")), Outcome.HEALED, "vote:3/3")
    store.close(1, Status.FIXED, phase=3, fix_successful=True, resolution="clean")
    assert store.observe("c0", (a_fault("u0.service", "c0"),), 4e9, relapse_seconds=4e9).reopened == (1,)
    assert Reader(state_dir).measured(30)["agreement"] == [
        {"vote": "vote:2/3", "carried_out": 3, "healed": 2, "came_back": 1, "right": 1},
        {"vote": "vote:3/3", "carried_out": 1, "healed": 1, "came_back": 0, "right": 1},
    ]


def test_each_expert_has_a_record_and_a_price(found: Json) -> None:
    """What he said and what asking him cost, whether or not an answer came."""
    experts = {row["expert"]: row for row in found["experts"]}
    told = {
        name: tuple(row[key] for key in ("asked", "proposed", "right", "wrong", "failed", "replaced", "calls"))
        for name, row in experts.items()
    }
    assert told == {
        "storage": (2, 2, 1, 1, 0, 0, 2),
        "network": (2, 2, 1, 1, 0, 0, 2),
        "sceptic": (2, 0, 0, 1, 0, 0, 2),
        "kernel": (2, 0, 0, 0, 2, 2, 2),
        "packages": (2, 0, 0, 0, 0, 0, 0),
    }
    assert experts["network"]["dollars"] == pytest.approx(0.14)
    assert experts["network"]["tokens_in"] + experts["network"]["tokens_out"] == 17_000
    assert experts["network"]["seconds"] == 8.0


def test_each_model_has_its_failures_tokens_and_times(found: Json) -> None:
    """The times are those of answers."""
    (model,) = found["models"]
    assert (model["backend"], model["model"], model["calls"], model["answered"], model["failed"]) == (
        "anthropic", "claude-opus-5-5", 8, 6, {"late": 2}
    )  # fmt: skip
    assert (model["tokens_in"], model["tokens_cached"], model["tokens_out"]) == (64_000, 48_000, 4000)
    assert (model["median_seconds"], model["p90_seconds"]) == (3.0, 4.0)
    assert model["dollars"] == pytest.approx(0.3)


def test_what_an_incident_costs_and_what_a_day(found: Json) -> None:
    """Mean and most of an incident; today beside the days without."""
    cost = found["incident_cost"]
    assert (cost["incidents"], cost["mean_calls"], cost["most_calls"]) == (2, 4.0, 4)
    assert (cost["mean_dollars"], cost["most_dollars"]) == (pytest.approx(0.15), pytest.approx(0.15))
    days = found["cost_by_time"]
    assert (len(days), days[-1]["calls"], days[0]["calls"]) == (30, 8, 0)
    assert days[-1]["dollars"] == pytest.approx(0.3)


def test_the_second_time_is_compared_with_the_first(found: Json) -> None:
    """Of kinds that a model was asked about, and that came again."""
    first, second = found["occurrences"]
    assert (first["time"], first["incidents"], first["calls"], first["tokens"], first["healed"]) == (1, 2, 4.0, 34_000.0, 1)
    assert (second["time"], second["incidents"], second["calls"], second["tokens"], second["dollars"], second["healed"]) == (
        2,
        2,
        0,
        0,
        0,
        2,
    )


def test_what_was_handed_over_and_who_healed_it(found: Json) -> None:
    """From where to where, and how it ended there."""
    told = {
        (row["from_phase"], row["to_phase"]): (row["handed_over"], row["healed"], row["passed_on"], row["person"])
        for row in found["handoffs"]
    }
    assert told == {(1, 2): (2, 0, 2, 0), (2, 3): (2, 1, 0, 1), (1, 4): (1, 0, 0, 0)}


def test_a_question_outside_of_any_incident_costs_too(state_dir: Path, store: Store, desk: Desk) -> None:
    """It counts for the expert and the day, and for no incident."""
    assert desk
    asked(store, 0, "network", 0.02)
    found = Reader(state_dir).measured(1)
    assert found["incident_cost"]["incidents"] == 0
    assert [(row["expert"], row["asked"], row["calls"]) for row in found["experts"]] == [("network", 0, 1)]
    assert len(found["cost_by_time"]) == 24
    assert found["cost_by_time"][-1]["calls"] == 1


def test_before_anything_there_is_nothing(state_dir: Path) -> None:
    """No file, no number, and no error."""
    found = Reader(state_dir).measured(7)
    assert found["incident_cost"] == {"incidents": 0}
    assert [found[name] for name in ("agreement", "experts", "models", "occurrences", "handoffs")] == [[], [], [], [], []]


def test_what_is_under_way_is_told_with_today(state_dir: Path, store: Store, desk: Desk) -> None:
    """Its reservation counts; a refusal is told until a call fits again."""
    a_thoughtful_day(store, desk)
    today = Reader(state_dir).status()["models"]
    assert (today["calls"], today["under_way"], today["spent"]) == (8, 0, None)
    row = {
        "day": store.ledger.rows("SELECT date('now') AS day")[0]["day"],
        "since": "2026-01-01 10:00:00.000",
        "refused": 2,
        "reason": "gone",
    }
    store.ledger.insert("spent_days", {**row, "last_at": "9999"})
    assert Reader(state_dir).status()["models"]["spent"] == {"since": "2026-01-01 10:00:00.000", "refused": 2, "reason": "gone"}
    store.ledger.run("UPDATE spent_days SET last_at = '2000'")
    assert Reader(state_dir).status()["models"]["spent"] is None
