"""Giving back owner and mode that were remembered."""

import stat
from pathlib import Path

import pytest

from orchestrator.actions.restore_owner_mode import RestoreOwnerMode
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.machine import Machine
from tests.actions.conftest import case_of, settings


@pytest.fixture
def log(tmp_path: Path, view: View) -> Path:
    """A declared directory, remembered with mode 2750 and then opened to everybody, with a file in it."""
    directory = tmp_path / "log"
    directory.mkdir()
    (directory / "inner").write_text("x")
    directory.chmod(0o2750)
    remember(directory, view)
    directory.chmod(0o777)
    return directory


def remember(path: Path, view: View) -> None:
    state = view.files.look(str(path))
    assert state
    view.known_good.put(str(path), b"", state, loaded_at=0.0)


def declared(path: Path) -> Config:
    return settings(service=[{"name": "shop", "files": [str(path)]}])


def test_a_changed_mode_is_restored_and_undone(log: Path, view: View, machine: Machine) -> None:
    """Only the directory itself; undo brings back what was there before, twice without harm."""
    (action,) = RestoreOwnerMode.candidates(case_of("shop", log), view, declared(log))
    before = action.remember(view)
    action.do(machine)
    assert (action.verify(view), stat.S_IMODE(log.stat().st_mode)) == ("", 0o2750)
    assert stat.S_IMODE((log / "inner").stat().st_mode) != 0o2750
    for _ in range(2):
        action.undo(machine, before)
        assert stat.S_IMODE(log.stat().st_mode) == 0o777


def test_what_is_as_it_was_is_not_offered(log: Path, view: View) -> None:
    """Nor what was never remembered, nor what is not declared, nor what lies outside the scope."""
    assert len(RestoreOwnerMode.candidates(case_of("shop", log), view, declared(log))) == 1
    assert RestoreOwnerMode.candidates(case_of("shop", log), view, settings(service=[{"name": "shop"}])) == ()
    assert RestoreOwnerMode.candidates(case_of("shop", "/elsewhere"), view, declared(log)) == ()
    assert RestoreOwnerMode.candidates(case_of("other", log), view, declared(log)) == ()
    log.chmod(0o2750)
    assert RestoreOwnerMode.candidates(case_of("shop", log), view, declared(log)) == ()


def test_another_mode_than_the_remembered_one_is_refused(log: Path, view: View) -> None:
    """A brain cannot ask for a mode of its own liking."""
    (action,) = RestoreOwnerMode.candidates(case_of("shop", log), view, declared(log))
    assert "while all was well" in action.model_copy(update={"mode": 0o4777}).refusal(view, declared(log))
    assert "not declared" in action.model_copy(update={"path": "/etc/shadow"}).refusal(view, declared(log))


def test_a_link_in_its_place_is_refused(log: Path, tmp_path: Path, view: View) -> None:
    """A link would lead the change to any file of the host."""
    (action,) = RestoreOwnerMode.candidates(case_of("shop", log), view, declared(log))
    log.rename(tmp_path / "elsewhere")
    log.symlink_to(tmp_path / "elsewhere")
    assert "is a link" in action.refusal(view, declared(log))
