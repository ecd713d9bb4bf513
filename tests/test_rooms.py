"""What the linter of imports cannot see: what a process really loads."""

import subprocess
import sys

import pytest

LOADED = """
import importlib, pkgutil, sys
for name in sys.argv[2:]:
    room = importlib.import_module(name)
    for module in pkgutil.walk_packages(getattr(room, "__path__", []), name + "."):
        if not module.name.endswith(".__main__") and not module.name.startswith("phases.backends."):  # a child of its own
            importlib.import_module(module.name)
print(sys.argv[1] in sys.modules)
"""


ABOVE_THE_HOST = ["orchestrator.checks", "orchestrator.actions", "orchestrator.policy", "phases", "dashboard", "escalation"]


@pytest.mark.parametrize("room", ABOVE_THE_HOST)
def test_the_changing_door_stays_shut(room: str) -> None:
    """Who loads a room above the host does not get the changing door with it: it is the hands' alone."""
    assert _loads("orchestrator.host.machine", room) is False


def test_the_hands_open_it() -> None:
    """The same look does find the changing door where it belongs."""
    assert _loads("orchestrator.host.machine", "orchestrator.hands") is True


@pytest.mark.parametrize("library", ["anthropic", "opentelemetry", "requests", "apprise"])
def test_the_daemon_does_not_carry_the_libraries_of_its_children(library: str) -> None:
    """Loading everything loads none of them: a model's costs more memory than all the rest."""
    assert _loads(library, "orchestrator", "phases", "escalation", "dashboard") is False


def _loads(module: str, *rooms: str) -> bool:
    """Whether a fresh interpreter that loads all of `rooms` has `module` loaded in the end."""
    run = subprocess.run([sys.executable, "-c", LOADED, module, *rooms], check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip() == "True"
