"""A unit that is wanted and does not run."""

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.checks import all_checks
from orchestrator.config import Config
from orchestrator.host import Unit


@pytest.mark.parametrize(
    ("name", "result", "faults"),
    [("dev-vda2.swap", "success", 0), ("spare.service", "success", 1), ("spare.service", "exec-condition", 0)],
    ids=["a swap that was switched off", "a service that went away", "a service that its own condition keeps down"],
)
def test_what_somebody_wants_down_is_not_missed(name: str, result: str, faults: int) -> None:
    """`swapoff -a` leaves no job behind, and no swap goes away by itself; ExecCondition= is how a standby knows that it is one."""
    unit = Unit(
        name=name, load_state="loaded", unit_file_state="generated", result=result, active_enter_at=1.0, active_exit_at=100.0,
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
