"""Declared patterns in the news of a log."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.host import Unavailable, View
from orchestrator.host.helper import Helper
from orchestrator.host.journal import Journal, Line
from orchestrator.host.kernel import Kernel
from orchestrator.host.log_watch import MOST_RULES, READ_BYTES, LogWatch

NOW = 1000.0


@pytest.fixture
def watch() -> Iterator[LogWatch]:
    view = View()
    yield view.logs
    view.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "depot.log"
    path.write_text("deadlock at noon\n", encoding="utf-8")
    return path


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_what_was_there_before_is_no_news(watch: LogWatch, log: Path) -> None:
    """An old line is no event; a new one is, once, and stays known with its time."""
    assert watch.look(str(log), "deadlock", NOW) is None
    append(log, "deadlock again\nfine\n")
    match = watch.look(str(log), "deadlock", NOW + 1)
    assert match
    assert (match.at, match.line, match.count) == (NOW + 1, "deadlock again", 1)
    assert watch.look(str(log), "deadlock", NOW + 9) == match


def test_half_a_line_waits_for_its_end(watch: LogWatch, log: Path) -> None:
    """A line is judged when it is whole, and neither lost nor counted twice."""
    watch.look(str(log), "lock$", NOW)
    append(log, "dead")
    assert watch.look(str(log), "lock$", NOW) is None
    append(log, "lock\n")
    match = watch.look(str(log), "lock$", NOW)
    assert match
    assert match.count == 1


@pytest.mark.parametrize("how", ["rotated", "cut"])
def test_a_log_that_begins_anew_is_read_from_its_beginning(watch: LogWatch, log: Path, how: str) -> None:
    """After a rotation, and after one that copies and cuts short."""
    append(log, "x" * 100 + "\n")
    watch.look(str(log), "deadlock", NOW)
    if how == "rotated":
        log.rename(log.with_suffix(".1"))
    log.write_text("deadlock\n", encoding="utf-8")
    assert watch.look(str(log), "deadlock", NOW)


def test_a_log_that_is_yet_to_be_written(watch: LogWatch, tmp_path: Path) -> None:
    """No file is no trouble, and when it comes all of it is news."""
    path = tmp_path / "late.log"
    assert watch.look(str(path), "deadlock", NOW) is None
    path.write_text("deadlock\n", encoding="utf-8")
    assert watch.look(str(path), "deadlock", NOW)


def test_a_flood_is_read_at_its_end(watch: LogWatch, log: Path) -> None:
    """More than can be read at once: the newest counts, and what was passed over is known."""
    watch.look(str(log), "deadlock", NOW)
    append(log, "noise\n" * READ_BYTES + "deadlock\n")
    match = watch.look(str(log), "deadlock", NOW)
    assert match
    assert match.unread > READ_BYTES


def test_a_line_of_a_megabyte_and_bytes_of_any_kind(watch: LogWatch, log: Path) -> None:
    """They cost nothing but their own tail, and what comes after them is found."""
    watch.look(str(log), "deadlock", NOW)
    with log.open("ab") as file:
        file.write(b"\x00\xff\x1b[31m" * READ_BYTES)
    watch.look(str(log), "deadlock", NOW)
    append(log, "\n\x1b[31mdeadlock\u202e\n")
    match = watch.look(str(log), "deadlock", NOW)
    assert match
    assert match.line.strip() == "deadlock"


def test_a_link_out_of_its_directory_is_not_followed(watch: LogWatch, log: Path, tmp_path: Path) -> None:
    """Whoever may write beside a log must not have another file read; a link to a neighbour is a usual thing."""
    (tmp_path / "elsewhere").mkdir()
    secret = tmp_path / "elsewhere" / "secret"
    secret.write_text("deadlock\n", encoding="utf-8")
    (tmp_path / "out.log").symlink_to(secret)
    (tmp_path / "current.log").symlink_to(log)
    with pytest.raises(Unavailable, match="another directory"):
        watch.look(str(tmp_path / "out.log"), "deadlock", NOW)
    assert watch.look(str(tmp_path / "current.log"), "deadlock", NOW) is None


def test_a_pattern_that_backtracks_hangs_nobody(watch: LogWatch, log: Path) -> None:
    """It is given up after a second or two, never tried again, and the other patterns go on."""
    for pattern in (r"(a+)+$", "deadlock"):
        watch.look(str(log), pattern, NOW)
    append(log, "a" * 60 + "!\ndeadlock\n")
    began = time.monotonic()
    with pytest.raises(Unavailable, match="too long"):
        watch.look(str(log), r"(a+)+$", NOW)
    assert time.monotonic() - began < 8
    with pytest.raises(Unavailable, match="not tried any more"):
        watch.look(str(log), r"(a+)+$", NOW)
    assert watch.look(str(log), "deadlock", NOW)


def test_what_was_seen_to_is_forgotten(watch: LogWatch, log: Path) -> None:
    """After a repair only a new line is an event."""
    watch.look(str(log), "deadlock", NOW)
    append(log, "deadlock\n")
    assert watch.look(str(log), "deadlock", NOW)
    watch.seen_to(str(log), "deadlock", NOW + 1)
    assert watch.look(str(log), "deadlock", NOW) is None


class Written(Journal):
    """A journal that tells no more than some bytes at once, as the real one; and notes since when it was asked."""

    def __init__(self) -> None:
        super().__init__(Kernel())
        self.lines: list[Line] = []
        self.asked: list[tuple[tuple[str, ...], float]] = []

    def of_units(self, units: Sequence[str], since: float, lines: int) -> tuple[tuple[Line, ...], bool]:
        self.asked.append((tuple(units), since))
        found = [line for line in self.lines if line.unit in units and line.at >= since]
        told = found[-min(lines, 500) :]  # long lines: the bytes are used up before the lines are
        return tuple(told), len(told) == len(found)


@pytest.fixture
def journal(watch: LogWatch) -> Written:
    watch.journal = Written()
    return watch.journal


def test_who_writes_long_lines_hides_nobody_elses(watch: LogWatch, journal: Written) -> None:
    """The flood is cut by its bytes before its lines are counted: the others are asked after one by one all the same."""
    for unit in ("loud.service", "shop.service"):
        assert watch.look(unit, "deadlock", NOW) is None
    journal.lines.append(Line(at=NOW + 1, message="deadlock", unit="shop.service"))
    journal.lines += [Line(at=NOW + 2 + n / 1000, message="x" * 2000, unit="loud.service") for n in range(900)]
    assert watch.look("loud.service", "deadlock", NOW + 15) is None
    assert watch.look("shop.service", "deadlock", NOW + 15)


def test_who_is_silent_does_not_have_all_of_a_long_day_read_again(watch: LogWatch, journal: Written) -> None:
    """What was read once is read: a little further back alone, for what journald took in late."""
    for n in range(3):
        watch.look("shop.service", "deadlock", NOW + 3600 * n)
    assert [since >= NOW + 3600 * (n - 1) - 60 for n, (_, since) in enumerate(journal.asked)] == [True] * 3


def test_a_clock_that_was_set_back_makes_nobody_deaf(watch: LogWatch, journal: Written) -> None:
    """What is written from now on has times that were there before."""
    watch.look("shop.service", "deadlock", NOW)
    assert watch.look("shop.service", "deadlock", NOW - 500) is None
    journal.lines.append(Line(at=NOW - 490, message="deadlock", unit="shop.service"))
    assert watch.look("shop.service", "deadlock", NOW - 480)


def test_a_look_that_began_before_the_repair_ended_sees_nothing_new(watch: LogWatch, journal: Written) -> None:
    """The check takes the time once for all its patterns; what was seen to meanwhile stays seen to."""
    watch.look("shop.service", "deadlock", NOW)
    journal.lines.append(Line(at=NOW + 5, message="deadlock", unit="shop.service"))
    assert watch.look("shop.service", "deadlock", NOW + 6)
    watch.seen_to("shop.service", "deadlock", NOW + 8)
    assert watch.look("shop.service", "deadlock", NOW + 7) is None


def test_patterns_that_nobody_declares_any_more_take_no_place(watch: LogWatch, log: Path) -> None:
    """Each reload may bring others."""
    for n in range(MOST_RULES):
        watch.look(str(log), f"old {n}", NOW)
    with pytest.raises(Unavailable):
        watch.look(str(log), "new", NOW)
    watch.keep([(str(log), "new")])
    assert watch.look(str(log), "new", NOW) is None


class NoHelper(Helper):
    """All that there may be hang already, on mounts that nobody answers for."""

    def ask(self, question: str, path: str, timeout: float = 3.0, *, about: str = "", **more: Any) -> Any:
        del question, path, timeout, about, more
        raise Unavailable("16 helpers hang already")


@pytest.mark.parametrize("where", ["a file", "a journal"])
def test_a_pattern_that_nobody_could_try_is_tried_again_on_the_same_lines(watch: LogWatch, log: Path, journal: Written, where: str) -> None:
    """It did not take too long: there was nobody to be asked."""
    name = str(log) if where == "a file" else "shop.service"
    watch.look(name, "deadlock", NOW)
    append(log, "deadlock\n")
    journal.lines.append(Line(at=NOW + 1, message="deadlock", unit="shop.service"))
    able, watch.helper = watch.helper, NoHelper()
    with pytest.raises(Unavailable, match="16 helpers"):
        watch.look(name, "deadlock", NOW + 2)
    watch.helper = able
    assert watch.look(name, "deadlock", NOW + 3)
