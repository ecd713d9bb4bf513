"""A unit that is wanted and does not run."""

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.checks import all_checks
from orchestrator.config import Config
from orchestrator.host import Stop, Unit
from orchestrator.host.unit import EXITED


@pytest.mark.parametrize(
    ("name", "fields", "pulled", "faults"),
    [
        ("dev-vda2.swap", {}, "", 0),
        ("data-swap.swap", {}, "data.mount", 1),
        ("spare.service", {}, "", 1),
        ("spare.service", {"result": "exec-condition"}, "", 0),
        ("spare.service", {"result": "exec-condition", "exec_statuses": {"ExecCondition": 203}}, "", 1),
        ("import.service", {"exec_main_code": EXITED, "type": "simple"}, "", 0),
        ("routes.service", {"exec_main_code": EXITED, "type": "oneshot", "remain_after_exit": True}, "", 1),
        ("import.service", {"exec_main_code": EXITED, "type": "simple"}, "data.mount", 1),
    ],
    ids=[
        "a swap that was switched off", "a swap that went with its mount", "a service that went away", "its own condition keeps it down",
        "its condition is gone", "a job that ends each time", "one that should have remained", "a job that went with its mount",
    ],
)  # fmt: skip
def test_what_somebody_wants_down_is_not_missed(name: str, fields: dict[str, Any], pulled: str, faults: int) -> None:
    """`swapoff -a` leaves no job behind, and no swap goes away by itself; ExecCondition= is how a standby knows that it is one.

    What went with what it needs is missed as soon as that is back.
    """
    unit = Unit(
        name=name, load_state="loaded", unit_file_state="generated", active_enter_at=1.0, active_exit_at=100.0, inactive_enter_at=100.0,
        **{"result": "success", "active_state": "inactive", **fields},
    )  # fmt: skip
    stop = Stop(at=100.0, with_dependency=pulled) if pulled else None
    needs = Unit(name=pulled, active_state="active")
    view: Any = SimpleNamespace(
        baseline=SimpleNamespace(active=frozenset((name,))),
        packages=SimpleNamespace(half_done_of=lambda _paths: ""),
        units=SimpleNamespace(
            list=tuple, get=lambda asked: needs if asked == pulled else unit, needs=lambda _name: (), below=lambda *_: (),
            stopped_by_hand=lambda _unit: stop, ordering_cycle=lambda _unit: (), was_taken_back=lambda _unit: False,
            ends_by_itself=lambda _unit: True,
        ),
    )  # fmt: skip
    seen = all_checks()["unit_inactive"].ask(view, Config())
    assert isinstance(seen, tuple), seen
    assert len(seen) == faults
