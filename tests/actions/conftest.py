"""A reading door, a changing door and a case for actions that need no systemd."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.machine import Machine
from orchestrator.model import Case, Fault, Incident, Scope


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    opened = View(tmp_path / "state")
    yield opened
    opened.close()


@pytest.fixture
def machine(view: View, tmp_path: Path) -> Iterator[Machine]:
    opened = Machine(view, tmp_path / "state" / "quarantine")
    yield opened
    opened.close()


def settings(**tables: Any) -> Config:
    return Config.model_validate(tables)


def case_of(target: str, *paths: Path | str, service: str | None = None) -> Case:
    """An incident of `target` that may touch `paths`."""
    fault = Fault(check="probe_failing", target=target, reason="NoAnswer", message="it does not answer")
    scope = Scope(target=target, service=service, paths=tuple(map(str, paths)))
    return Case(incident=Incident(id=1, fault=fault, detected_at=0.0), scope=scope)
