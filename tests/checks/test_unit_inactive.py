"""A unit that is wanted and does not run."""

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.checks import all_checks
from orchestrator.config import Config
from orchestrator.host import Unit


@pytest.mark.parametrize(("name", "faults"), [("dev-vda2.swap", 0), ("spare.service", 1)])
def test_a_swap_that_was_switched_off_stays_off(name: str, faults: int) -> None:
    """`swapoff -a` leaves no job behind; what was a service's end without a job is a swap's switching off."""
    unit = Unit(
        name=name, load_state="loaded", unit_file_state="generated", result="success", active_enter_at=1.0, active_exit_at=100.0,
        inactive_enter_at=100.0,
    )  # fmt: skip
    view: Any = SimpleNamespace(
        baseline=SimpleNamespace(active=frozenset((name,))),
        packages=SimpleNamespace(half_done_of=lambda _paths: ""),
        units=SimpleNamespace(
            list=tuple, get=lambda _name: unit, needs=lambda _name: (), below=lambda *_: (), stopped_by_hand=lambda _unit: None,
            ordering_cycle=lambda _unit: (), was_taken_back=lambda _unit: False,
        ),
    )  # fmt: skip
    seen = all_checks()["unit_inactive"].ask(view, Config())
    assert isinstance(seen, tuple), seen
    assert len(seen) == faults
