"""Signals where nobody sends any. What they hear is proved on a real systemd, in tests/lab."""

import time
from pathlib import Path

import pytest

from orchestrator.host import Signals, View

NO_SYSTEMD = pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd runs here")


@NO_SYSTEMD
def test_without_systemd_it_is_not_alive_and_ends(tmp_path: Path) -> None:
    """It goes on trying, says that it hears nothing, wakes nobody, and ends when it is told to."""
    view = View(tmp_path)
    heard: list[frozenset[str]] = []
    signals = Signals(view.units, heard.append)
    signals.start()
    assert not signals.alive
    began = time.monotonic()
    signals.close()
    assert time.monotonic() - began < 2
    assert not signals.alive
    assert heard == []
    view.close()


def test_one_that_never_began_ends_too(tmp_path: Path) -> None:
    """Closing without a start leaves nothing open."""
    view = View(tmp_path)
    heard: list[frozenset[str]] = []
    signals = Signals(view.units, heard.append)
    signals.close()
    assert not signals.alive
    view.close()
