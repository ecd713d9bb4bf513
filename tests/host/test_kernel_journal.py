"""The kernel's lines as the journal has them: each once, whatever becomes of the clock."""

from typing import cast

import pytest

from orchestrator.host.journal import Journal, Line
from orchestrator.host.kernel_journal import KernelJournal

HOUR = 3600.0


class Says:
    def __init__(self) -> None:
        self.lines = [Line(at=10 * HOUR, message="first")]

    def kernel_lines(self, since: float, lines: int = 200) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.at >= since)[-lines:]


def test_a_clock_that_was_set_back_makes_nobody_deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel says from then on has a time that was there before."""
    says = Says()
    kernel = KernelJournal(cast("Journal", says))
    monkeypatch.setattr("time.time", lambda: 10 * HOUR)
    assert [line.message for line in kernel.new(9 * HOUR)] == ["first"]
    assert kernel.new(9 * HOUR) == ()
    monkeypatch.setattr("time.time", lambda: 5 * HOUR)
    says.lines = [Line(at=5 * HOUR - 10, message="damage"), *says.lines]
    assert "damage" in [line.message for line in kernel.new(4 * HOUR)]
    assert "damage" not in [line.message for line in kernel.new(4 * HOUR)]
