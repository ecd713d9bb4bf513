"""How long the daemon waits for the host to come up."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.config import Config
from orchestrator.daemon.loop import Daemon


@pytest.mark.parametrize(
    ("began", "finished", "booting"),
    [(60, 0, True), (3600, 0, False), (200, 30, True), (3600, 3000, False)],
    ids=["it still boots", "a job of the boot hangs since an hour", "it has just booted", "it booted long ago"],
)
def test_a_boot_that_never_ends_keeps_nobody_from_healing(*, began: float, finished: float, booting: bool) -> None:
    """A oneshot has no time-out by default: one that hangs keeps systemd at `starting` for ever."""
    now = time.time()
    units = SimpleNamespace(
        booted_at=lambda: now - finished if finished else 0.0, seconds_since_start=lambda: began, jobs=lambda: ("a job",)
    )
    daemon: Any = SimpleNamespace(
        view=SimpleNamespace(units=units, now=lambda: now),
        config=Config(),
        looks=SimpleNamespace(idle=True),
        store=SimpleNamespace(due=lambda _now: ()),
    )
    assert Daemon._is_booting(daemon) is booting
