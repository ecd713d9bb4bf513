"""What the files of a service say, and what nobody can know of them."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.knowledge.evidence.configuration import configuration
from orchestrator.model import Case, Fault, Incident, Scope, Severity


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    opened = View(tmp_path / "state")
    yield opened
    opened.close()


def test_a_file_that_was_never_seen_well_is_not_called_unchanged(tmp_path: Path, view: View) -> None:
    """Declared just now and broken a moment before the fault: that it was changed is told, not that nothing differs."""
    file = tmp_path / "shop.conf"
    file.write_text("prot = 8080\n")
    config = Config.model_validate({"service": [{"name": "shop", "probes": [{"tcp": "127.0.0.1:1"}], "config_files": [str(file)]}]})
    fault = Fault(check="service_down", target="shop", reason="Probe", message="m", severity=Severity.HIGH)
    case = Case(incident=Incident(id=1, fault=fault, detected_at=time.time() + 2), scope=Scope(target="shop", service="shop"))
    (seen,) = configuration(view, config, case)
    assert seen.text == f"{file}: changed 2 s before the fault; no good copy is known: it was not seen yet while all was well"
    assert seen.facts == {}
