"""A declared service that fails its users."""

from pathlib import Path

from orchestrator.checks import all_checks
from orchestrator.config import Config
from orchestrator.host import View


def test_an_answer_proves_what_ran_when_it_was_asked_for(tmp_path: Path) -> None:
    """What is started while the answer is on its way was not proved by it, and must not be remembered as good for its sake."""
    stamp = tmp_path / "asked"
    slow = ["/bin/sh", "-c", f"touch {stamp}; sleep 0.5"]
    config = Config.model_validate({"service": [{"name": "shop", "probes": [{"command": slow}]}]})
    view = View(tmp_path)
    try:
        assert all_checks()["probe_failing"].ask(view, config) == ()
        assert 0 < view.answered["shop"] < stamp.stat().st_mtime + 0.2  # the kernel's stamps lag behind by a tick
    finally:
        view.close()
