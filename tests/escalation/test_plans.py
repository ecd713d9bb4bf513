"""Plans as people write them."""

import pytest

from escalation.plans import parse_step


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (
            "restrat_unit unit=shop.service",
            "'restrat_unit unit=shop.service': there is no such action; `orchestrator actions` lists what there is",
        ),
        ('{"kind": "nope"}', "there is no such action"),
        ("restart_unit", "restart_unit.unit: Field required"),
    ],
)
def test_a_slip_is_told_in_a_line(written: str, why: str) -> None:
    """What was written, and what is wrong with it; not all forty actions that it is not."""
    with pytest.raises(ValueError, match=r".") as raised:
        parse_step(written)
    assert why in str(raised.value)
    assert len(str(raised.value)) < 160
