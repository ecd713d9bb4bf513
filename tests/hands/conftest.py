"""Hands over a declared directory that was remembered with mode 2750, and is open to everybody now."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Config
from orchestrator.hands.hands import Hands
from orchestrator.host import View
from orchestrator.host.machine import Machine
from tests.hands.closed import Place

Make = Callable[..., Hands]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    directory = tmp_path / "log"
    directory.mkdir()
    directory.chmod(0o2750)
    return directory


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "state" / "hands.record"


@pytest.fixture
def hands(tmp_path: Path, log: Path, record: Path) -> Iterator[Make]:
    """Makes hands: over the same record each time, as a restart of the daemon does."""
    view = View(tmp_path / "state")
    machine = Machine(view, tmp_path / "state" / "quarantine")
    state = view.files.look(str(log))
    assert state
    view.known_good.put(str(log), b"", state, loaded_at=0.0)
    log.chmod(0o777)

    def make(file: Path = record, **tables: Any) -> Hands:
        settings = {"service": [{"name": "shop", "files": [str(log)]}], **tables}
        return Hands(Config.model_validate(settings), file, machine, view)

    yield make
    machine.close()
    view.close()


@pytest.fixture
def place() -> Iterator[Place]:
    """Where an ordinary user gets to: pytest's own directory is closed, by whoever uses it next."""
    root = Path(tempfile.mkdtemp(dir="/var/tmp"))
    made = Place(root)
    yield made
    made.view.close()
    shutil.rmtree(root)
