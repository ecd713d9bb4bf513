"""The clock, as the kernel tells of it."""

import subprocess
from typing import Any

import pytest

from orchestrator.host.clock import Clock
from orchestrator.host.errors import NoRight
from orchestrator.host.runs import ours


class Told:
    """Whoever may ask the kernel."""

    def ask(self, question: str, **about: Any) -> Any:
        return (question, about) == ("clock_kept", {})


def test_it_is_only_ever_read() -> None:
    """The kernel answers anybody, and what was seen once is remembered."""
    clock = Clock()
    kept = clock.synchronised()
    assert clock.was_synchronised is kept
    assert abs(clock.stepped()) < 5


def test_a_step_is_what_the_two_clocks_disagree_by() -> None:
    """The one of the host's life is not set with the other."""
    clock = Clock()
    clock._offset -= 3600
    assert 3595 < clock.stepped() < 3605


def test_whoever_may_not_ask_the_kernel_asks_the_hands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else on the host is started for it, and with nobody to ask it is blind."""
    monkeypatch.setattr("orchestrator.host.clock.kept_by_the_kernel", lambda: None)
    assert Clock(Told()).synchronised()
    with pytest.raises(NoRight):
        Clock().synchronised()


def test_a_program_of_its_own_tells() -> None:
    """It is what the hands ask."""
    said = subprocess.run(
        ours("orchestrator.host.asking_clock"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    ).stdout
    assert said == ("yes" if Clock().synchronised() else "no")
