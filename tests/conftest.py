"""A host's state, as the daemon leaves it where nobody is mailed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from escalation import Desk
from orchestrator.config import Mail
from orchestrator.store import Store


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def store(state_dir: Path) -> Iterator[Store]:
    with Store(state_dir) as opened:
        yield opened


@pytest.fixture
def mail() -> Mail:
    return Mail.model_validate({"enabled": False})


@pytest.fixture
def desk(state_dir: Path, mail: Mail) -> Iterator[Desk]:
    with Desk(state_dir, mail, "web1") as opened:
        yield opened
