"""What journalctl says becomes typed lines, however it is said and whoever wrote it."""

import json
from pathlib import Path

import pytest

from orchestrator.host import Journal, Unavailable
from orchestrator.host.commands import LEFT_OUT, CommandResult, run
from orchestrator.host.journal import MESSAGE_CHARACTERS, clean, parse
from orchestrator.host.kernel import Kernel


def _entry(**fields: object) -> str:
    return json.dumps({"__REALTIME_TIMESTAMP": "1795222492394818", "MESSAGE": "hello", "_PID": "7", **fields})


def test_a_line_has_its_time_and_writer() -> None:
    """The common fields of an entry."""
    line = parse(_entry(PRIORITY="3", _COMM="web", _SYSTEMD_UNIT="web.service"))
    assert line is not None
    assert (line.at, line.message, line.priority, line.pid, line.comm, line.unit) == (
        1795222492.394818,
        "hello",
        3,
        7,
        "web",
        "web.service",
    )
    assert not line.trusted


def test_only_pid_1_is_trusted() -> None:
    """A forged line of systemd, written with logger, has another pid and lends no fields; a true one names its unit."""
    fields = {"UNIT": "web.service", "JOB_TYPE": "stop", "MESSAGE_ID": "x", "_SYSTEMD_UNIT": "init.scope"}
    forged, true = parse(_entry(**fields)), parse(_entry(**fields | {"_PID": "1"}))
    assert forged is not None
    assert true is not None
    assert (forged.trusted, forged.unit, dict(forged.fields)) == (False, "init.scope", {})
    assert (true.trusted, true.unit, true.fields["JOB_TYPE"]) == (True, "web.service", "stop")


def test_what_the_kernel_said_long_before_is_told_as_that() -> None:
    """A journal that begins, as in a container, stamps all of the kernel's old words with the time of its own start."""
    times = {"__MONOTONIC_TIMESTAMP": "9000000", "_SOURCE_MONOTONIC_TIMESTAMP": "2500000"}
    old, forged = parse(_entry(_TRANSPORT="kernel", **times)), parse(_entry(_TRANSPORT="syslog", **times))
    assert old is not None
    assert forged is not None
    assert (old.lag, forged.lag) == (6.5, 0.0)
    assert (old.up, forged.up) == (2.5, 9.0)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ([104, 105, 255], "hi\ufffd"),
        (None, ""),
        (["one", "two"], "one two"),
        (["one", [104, 105]], "one hi"),
        ([], ""),
        ({"a": 1}, ""),
        (5, ""),
    ],
)
def test_messages_come_in_many_forms(message: object, text: str) -> None:
    """journald gives bytes as numbers, doubled fields as lists, oversized ones as null."""
    line = parse(_entry(MESSAGE=message))
    assert line is not None
    assert line.message == text


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "-- No entries --", '{"MESSAGE":"x"}', '{"__REALTIME_TIMESTAMP":"soon"}'])
def test_what_is_no_entry_is_none(text: str) -> None:
    """Anything else is passed over."""
    assert parse(text) is None


def test_strange_numbers_have_defaults() -> None:
    """A client may set PRIORITY to anything."""
    line = parse(_entry(PRIORITY=["3", "4"], _PID=None))
    assert line is not None
    assert (line.priority, line.pid) == (3, 0)
    assert getattr(parse(_entry(PRIORITY="urgent")), "priority", None) == 6


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("a\x00b\rc\x9bd", "a b c d"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("safe\u202egnp.exe", "safe gnp.exe"),
        ("half an escape\x1b", "half an escape"),
    ],
)
def test_text_cannot_move_a_terminal(raw: str, plain: str) -> None:
    """Escape sequences, control characters and direction changes are taken out."""
    assert clean(raw) == plain


def test_a_long_line_is_cut() -> None:
    """A line of a megabyte keeps its first 2,000 characters."""
    assert clean("x" * 1_000_000) == "x" * MESSAGE_CHARACTERS


def test_a_journal_of_ones_own_is_not_the_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every user may read what he himself said: that tells nothing of the rest."""
    monkeypatch.setattr("orchestrator.host.journal._DIRECTORIES", (tmp_path,))
    (tmp_path / "machine").mkdir()
    (tmp_path / "machine" / "user-1000.journal").write_bytes(b"")
    journal = Journal(Kernel())
    assert (journal.has_journal(), journal.is_closed()) == (False, False)
    (tmp_path / "machine" / "system.journal").write_bytes(b"")
    assert journal.has_journal()


def test_without_a_journal_it_is_blind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No journal is no empty journal."""
    monkeypatch.setattr("orchestrator.host.journal._DIRECTORIES", (tmp_path,))
    journal = Journal(Kernel())
    assert not journal.has_journal()
    with pytest.raises(Unavailable, match="no journal"):
        journal.tail("web.service")


@pytest.mark.parametrize(("output", "whole"), [("{0}\n{1}", True), ("{0}\n...\n{1}", False)])
def test_what_is_cut_by_its_bytes_is_not_all(monkeypatch: pytest.MonkeyPatch, output: str, whole: bool) -> None:  # noqa: FBT001
    """Fewer lines than were asked for may still be too many."""
    journal = Journal(Kernel())
    said = CommandResult(exit=0, output=output.format(_entry(MESSAGE="new"), _entry(MESSAGE="old")))
    monkeypatch.setattr(journal, "has_journal", lambda: True)
    monkeypatch.setattr("orchestrator.host.journal.commands.run", lambda *_, **__: said)
    lines, is_whole = journal.of_units(("shop.service",), 0.0, 100)
    assert ([line.message for line in lines], is_whole) == (["old", "new"], whole)


def test_the_middle_of_a_long_output_is_left_out_in_a_line_of_its_own() -> None:
    """Whoever reads it line by line sees that."""
    said = run(["seq", "100000"], timeout=20, cap=1000).output.splitlines()
    assert LEFT_OUT in said
