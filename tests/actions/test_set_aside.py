"""Moving aside what stands where systemd must make a directory. With a unit: the scoreboard's cases."""

from pathlib import Path

import pytest

from orchestrator.actions.set_aside import SetAside
from orchestrator.host import View
from orchestrator.host.machine import Machine
from orchestrator.model import Risk


def aside(path: Path, view: View, *, holds_data: bool = False) -> SetAside:
    state = view.files.look(str(path))
    assert state
    return SetAside(
        unit="web.service", path=str(path), inode=state.inode, device=state.device, holds_data=holds_data, link_target=state.link_target
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "web"


def test_a_file_is_kept_and_comes_back(place: Path, view: View, machine: Machine) -> None:
    """The directory that came instead goes again if nothing is in it."""
    place.write_text("precious")
    action = aside(place, view, holds_data=True)
    action.do(machine)
    assert (place.exists(), action.verify(view)) == (False, "")
    place.mkdir()
    action.undo(machine, {})
    assert place.read_text() == "precious"
    assert "as it was" in action.undo(machine, {})


def test_a_link_is_only_the_link(place: Path, tmp_path: Path, view: View, machine: Machine) -> None:
    """Where it leads to is not touched, and undo makes the same link."""
    place.symlink_to(tmp_path / "gone")
    action = aside(place, view)
    action.do(machine)
    assert not place.is_symlink()
    action.undo(machine, {})
    assert place.readlink() == tmp_path / "gone"


def test_where_somebodys_data_may_be_a_person_is_asked(place: Path, view: View) -> None:
    """A file with something in it is his; what is empty or leads nowhere is nobody's."""
    place.touch()
    assert aside(place, view).level is Risk.MEDIUM
    assert aside(place, view, holds_data=True).level is Risk.HIGH
