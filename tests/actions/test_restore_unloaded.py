"""Bringing back what was changed under a running service and read by it without a reload."""

from pathlib import Path

import pytest

from orchestrator.actions.restore_unloaded import RestoreUnloaded
from orchestrator.host import View
from orchestrator.model import Case
from tests.actions.conftest import case_of
from tests.actions.test_restore_config import declared, remember


@pytest.fixture
def names(tmp_path: Path, view: View) -> Path:
    path = tmp_path / "names.map"
    path.write_text("ledger 7351\n")
    remember(path, view)
    path.write_text("ledger 7315\n")
    return path


def seen_by(check: str, path: Path) -> Case:
    case = case_of("names", path)
    fault = case.fault.model_copy(update={"check": check})
    return case.model_copy(update={"incident": case.incident.model_copy(update={"fault": fault})})


@pytest.mark.parametrize(("answered", "offered"), [(-1.0, True), (+1.0, False), (-1e12, False)], ids=["until then", "since", "never"])
def test_only_who_stopped_answering_with_the_change_suspects_it(names: Path, view: View, answered: float, *, offered: bool) -> None:
    """Whoever answered after the change, or was never seen to answer, tells nothing of it."""
    case = seen_by("probe_failing", names)
    view.answered[case.fault.target] = max(0.0, names.stat().st_ctime + answered)
    found = RestoreUnloaded.candidates(case, view, declared(names))
    assert [action.path for action in found] == ([str(names)] if offered else [])


def test_it_is_for_what_runs_and_does_not_answer(names: Path, view: View) -> None:
    """What is down reads its files when it is started: that is another action's."""
    case = seen_by("unit_failed", names)
    view.answered[case.fault.target] = names.stat().st_ctime - 1
    assert not RestoreUnloaded.candidates(case, view, declared(names))
