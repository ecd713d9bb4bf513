"""Threads that wait in the kernel."""

from pathlib import Path

import pytest

from orchestrator.host.blocked import stuck_in_kernel


def _thread(proc: Path, tid: int, name: str, state: str) -> None:
    (proc / "7/task" / str(tid)).mkdir(parents=True)
    (proc / "7/task" / str(tid) / "stat").write_text(f"{tid} ({name}) {state} 1 7 7 0 -1\n")


def test_a_thread_behind_a_quiet_main_one_is_seen(tmp_path: Path) -> None:
    """The main thread sleeps, a worker with an odd name waits in the kernel."""
    _thread(tmp_path, 7, "main", "S")
    _thread(tmp_path, 8, "a) D (b", "D")
    assert stuck_in_kernel(7, tmp_path) == ("a) D (b",)


def test_who_only_reads_a_disk_is_not_stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In state D at one look, and not at the next."""
    _thread(tmp_path, 8, "reader", "D")
    stat = tmp_path / "7/task/8/stat"
    monkeypatch.setattr("time.sleep", lambda _: stat.write_text("8 (reader) S 1\n"))
    assert stuck_in_kernel(7, tmp_path) == ()


def test_what_is_gone_waits_for_nothing(tmp_path: Path) -> None:
    """No such process."""
    assert stuck_in_kernel(9, tmp_path) == ()
