"""Removing what the operator declared, and nothing else."""

import os
import time
from pathlib import Path

import pytest

from orchestrator.actions.clean_path import CleanPath
from orchestrator.config import Config
from orchestrator.host import ChangeFailed, View
from orchestrator.host.machine import Machine
from tests.actions.conftest import case_of, settings


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "cache"
    directory.mkdir()
    for name in ("a.tmp", "b.tmp", "c.db"):
        (directory / name).write_text(name)
        os.utime(directory / name, (time.time() - 7200,) * 2)
    return directory


def declared(place: Path) -> Config:
    return settings(path=[{"path": str(place), "remove_older_than": "1h", "pattern": "*.tmp"}])


def test_a_declared_place_in_scope_is_offered(place: Path, view: View, machine: Machine) -> None:
    """With exactly the declared pattern and age; carried out, only what fits is gone."""
    (action,) = CleanPath.candidates(case_of("/srv", place), view, declared(place))
    assert (action.pattern, action.older_than_seconds) == ("*.tmp", 3600)
    assert action.refusal(view, declared(place)) == ""
    assert action.do(machine).startswith("removed 2 files")
    assert [path.name for path in place.iterdir()] == ["c.db"]


def test_a_place_where_nothing_may_go_is_not_offered(place: Path, view: View) -> None:
    """Files younger than declared, and an old one of another name, free nothing."""
    for path in place.glob("*.tmp"):
        path.touch()
    assert CleanPath.candidates(case_of("/srv", place), view, declared(place)) == ()


def test_a_place_outside_the_scope_is_not_offered(place: Path, view: View) -> None:
    """A declared place on another file system than the full one does not help it."""
    assert CleanPath.candidates(case_of("/srv", "/var/cache/else"), view, declared(place)) == ()


def test_a_link_in_its_place_is_refused(place: Path, tmp_path: Path, view: View, machine: Machine) -> None:
    """The place was replaced by a link to other data: refused, and even if it were not, nothing is followed."""
    (action,) = CleanPath.candidates(case_of("/srv", place), view, declared(place))
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert "is a link" in action.refusal(view, declared(place))
    with pytest.raises(ChangeFailed, match="links are not followed"):
        action.do(machine)
    assert len(list((tmp_path / "elsewhere").iterdir())) == 3


def test_nothing_to_remove_is_no_success(place: Path, view: View, machine: Machine) -> None:
    """Where nothing may go the change says so, and the next plan has its turn."""
    (action,) = CleanPath.candidates(case_of("/srv", place), view, declared(place))
    action.do(machine)
    with pytest.raises(ChangeFailed, match="nothing beneath"):
        action.do(machine)
