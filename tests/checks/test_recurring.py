"""Which heals are one too many, and how the pattern is told."""

import pytest

from orchestrator.checks.recurring import DAY, kinds, pattern
from orchestrator.model import Heal

NOW = 100 * DAY
MINUTE = 60.0


def _heals(*ago: float, key: str = "probe_failing:shop.service", signature: str = "v1:a") -> tuple[Heal, ...]:
    """Healed so long ago, each repair of 10 s."""
    return tuple(
        Heal(incident=n, key=key, signature=signature, began_at=NOW - before - 10, healed_at=NOW - before, plan=("restart_unit",))
        for n, before in enumerate(ago)
    )


@pytest.mark.parametrize(
    ("ago", "recurs"),
    [
        ((5 * 3600, 4 * 3600, 3600), True),
        ((5 * 3600, 3600), False),
        ((30 * 3600, 4 * 3600, 3600), False),
        ((6 * DAY, 5 * DAY, 3 * DAY, 2 * DAY, 3600), True),
        ((8 * DAY, 5 * DAY, 3 * DAY, 2 * DAY, 3600), False),
    ],
    ids=["three in a day", "two in a day", "two in a day and one before", "five in a week", "four in a week and one before"],
)
def test_the_third_in_a_day_or_the_fifth_in_a_week(ago: tuple[float, ...], *, recurs: bool) -> None:
    """Less than that is an accident, and more is a cause."""
    assert bool(list(kinds(_heals(*ago), NOW))) is recurs


def test_different_faults_of_one_service_do_not_add_up() -> None:
    """Three faults that have nothing in common but their service are three accidents."""
    heals = (*_heals(7200, signature="v1:a"), *_heals(3600, signature="v1:b"), *_heals(60, signature="v1:c"))
    assert list(kinds(heals, NOW)) == []


def test_the_pattern_says_how_often_by_what_and_how_long_it_lasted() -> None:
    """What a person needs to find the cause: a restart each hour is a leak, one each night is a job."""
    heals = _heals(3 * 3600, 3 * 3600 - 40 * MINUTE, 3600)
    assert pattern(heals) == "healed 3 times in 2 h by restart_unit, and each time it lasted 40 min to 80 min"
