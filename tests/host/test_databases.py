"""What SQLite itself says of a service's databases."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.host import View
from orchestrator.host.databases import _is_database, _wrong

_SECONDS = 20.0


@pytest.fixture
def view() -> Iterator[View]:
    view = View()
    yield view
    view.close()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Some pages of rows."""
    file = tmp_path / "a b?.db"
    with sqlite3.connect(file) as made:
        made.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, v TEXT)")
        made.executemany("INSERT INTO t (v) VALUES (?)", [("x" * 100,)] * 2000)
    made.close()
    return file


def test_a_sound_one_has_nothing_wrong(view: View, base: Path) -> None:
    """And it is left as it was, to the byte."""
    before = base.read_bytes()
    assert _is_database(view, str(base))
    assert _wrong(view, str(base), _SECONDS) == ""
    assert (base.read_bytes(), [file.name for file in base.parent.iterdir()]) == (before, [base.name])


def test_overwritten_pages_are_found(view: View, base: Path) -> None:
    """In words of SQLite's own."""
    with base.open("r+b") as file:
        file.seek(4096 * 5)
        file.write(b"\xa5" * 4096 * 10)
    assert _wrong(view, str(base), _SECONDS)


def test_one_that_is_locked_is_unknown(view: View, base: Path) -> None:
    """Somebody writes to it: nothing is said of it, and nobody waits for long."""
    writer = sqlite3.connect(base, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    assert _wrong(view, str(base), _SECONDS) == ""
    writer.close()


def test_other_files_are_no_databases(view: View, tmp_path: Path) -> None:
    """Empty ones, texts, directories and what is not there."""
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("SQLite format 2 and more")
    assert not any(_is_database(view, str(path)) for path in (tmp_path, tmp_path / "empty.db", tmp_path / "text.db", tmp_path / "none"))
