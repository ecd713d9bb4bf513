"""Many incidents at once, and a model that takes its time: the short form of `scripts/bench agents`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agents_bench.field import Field, thinking
from tests.models.stub import Stub

SERVICES, CALLS = 10, 3


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub(thinking(0.3)) as served:
        yield served


def test_all_are_healed_within_the_calls_and_the_same_again_costs_none(tmp_path: Path, stub: Stub) -> None:
    """As many calls in flight as are configured, never more, and no incident is lost."""
    field = Field(tmp_path, SERVICES, stub, calls=CALLS)
    first = field.break_all(100)
    assert (first.healed, first.lost, first.calls) == (SERVICES, 0, 2 * SERVICES)
    assert stub.most_at_once == CALLS
    assert first.dollars == pytest.approx(field.spent)
    second = field.break_all(60)
    assert (second.healed, second.lost, second.calls, len(stub.asked)) == (SERVICES, 0, 0, 2 * SERVICES)
    once, again = field.reader.measured(1)["occurrences"]
    assert (once["incidents"], once["calls"], again["calls"], again["healed"]) == (SERVICES, 2.0, 0.0, SERVICES)
    field.close()


def test_with_too_little_money_all_are_decided_and_the_cap_holds(tmp_path: Path, stub: Stub) -> None:
    """What it is enough for is healed, the rest is with a person; a person is told of the budget, once."""
    cap = 0.06
    field = Field(tmp_path, SERVICES, stub, calls=CALLS, day_dollars=cap, answer_tokens=2048)
    told = field.break_all(100)
    assert told.lost == 0
    assert told.healed > 0
    assert told.with_person > 0
    assert 0 < field.spent <= cap
    today = field.purse.spent_today()
    assert today is not None
    assert today["dollars"] == pytest.approx(field.spent)
    failed = field.desk.ledger.rows("SELECT reasoning FROM agent_consultations WHERE stance = 'failed'")
    assert any("the day's budget is spent" in row["reasoning"] for row in failed)
    field.close()
