"""The hands' own directory: whose it is, what comes there from before, and the room that it keeps."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.hands.moving import move_in
from orchestrator.hands.place import RESERVE_BYTES, Place
from orchestrator.host import Unavailable
from tests.hands.talking import NOBODY

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "hands")
    place.take()
    yield place
    place.leave()


def test_it_is_theirs_alone(tmp_path: Path) -> None:
    """Closed to everybody else, whatever it was before; and one pair of hands works in it."""
    (tmp_path / "hands").mkdir(mode=0o777)
    place = Place(tmp_path / "hands")
    place.take()
    assert (tmp_path / "hands").stat().st_mode & 0o7777 == 0o700
    with pytest.raises(Unavailable, match=f"other hands work in .* \\(pid {os.getpid()}\\)"):
        Place(tmp_path / "hands").take()
    place.leave()


@root_only
def test_a_strangers_directory_is_not_used(tmp_path: Path) -> None:
    """Nor one behind a link: whoever owns it would own the record."""
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", NOBODY, NOBODY)
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    for name in ("theirs", "link"):
        with pytest.raises(Unavailable, match="own"):
            Place(tmp_path / name).take()


def test_it_keeps_room(place: Place) -> None:
    """Given back once when a disk is full, and had again later."""
    assert not place.make_room()
    place.keep_room()
    reserve = place.directory / "reserve"
    assert reserve.stat().st_size == RESERVE_BYTES
    assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES
    assert place.make_room()
    assert not place.make_room()
    assert not reserve.exists()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """As an older version left it."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "hands.record").write_text("{}\n")
    (state / "hands.record").chmod(0o600)
    for name in ("known-good", "quarantine"):
        (state / name).mkdir(mode=0o700)
        (state / name / "kept").write_text(name)
    return state


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_what_was_kept_before_moves_in(state: Path, place: Place) -> None:
    """All of it, once: what comes to lie there later stays there."""
    move_in(state, place.directory)
    assert names(place.directory) == {"lock", "record", "known-good", "quarantine"}
    assert names(state) == set()
    (state / "hands.record").write_text("forged")
    (state / "hands.record").chmod(0o600)
    move_in(state, place.directory)
    assert (place.directory / "record").read_text() == "{}\n"
    move_in(state / "none", place.directory)


def linked(path: Path) -> None:
    path.rename(path.with_suffix(".other"))
    path.symlink_to(path.with_suffix(".other"))


def given_away(path: Path) -> None:
    os.chown(path, NOBODY, NOBODY)


def named_twice(path: Path) -> None:
    os.link(path, path.with_suffix(".other"))


@root_only
@pytest.mark.parametrize("spoil", [linked, given_away, named_twice, lambda path: path.chmod(0o620)])
def test_what_may_be_a_strangers_stays(state: Path, place: Place, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture) -> None:
    """A group may write in the state directory; the rest is taken all the same."""
    spoil(state / "hands.record")
    move_in(state, place.directory)
    assert names(place.directory) == {"lock", "known-good", "quarantine"}
    assert "hands.record was not taken over" in caplog.text
