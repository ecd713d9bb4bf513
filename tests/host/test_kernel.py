"""The kernel's counters, from a directory like /proc and from the real one."""

import time
from pathlib import Path

import pytest

from orchestrator.host import Kernel, Memory, Pressure, Unavailable


def test_the_counters_are_read(tmp_path: Path) -> None:
    """Memory in bytes, stalls in percent, kills, handles."""
    (tmp_path / "pressure").mkdir()
    (tmp_path / "sys/fs").mkdir(parents=True)
    (tmp_path / "meminfo").write_text(
        "MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable: 50 kB\nSwapTotal: 10 kB\nSwapFree: 5 kB\nHugePages_Total: 0\n"
    )
    (tmp_path / "pressure/io").write_text(
        "some avg10=1.50 avg60=2.00 avg300=0.00 total=9\nfull avg10=0.50 avg60=0.25 avg300=0.00 total=7\n"
    )
    (tmp_path / "pressure/cpu").write_text("some avg10=1.50 avg60=2.00 avg300=0.00 total=9\n")
    (tmp_path / "vmstat").write_text("nr_free_pages 5\noom_kill 3\n")
    (tmp_path / "sys/fs/file-nr").write_text("928\t0\t9223372036854775807\n")
    kernel = Kernel(tmp_path)
    assert kernel.memory() == Memory(total=102_400, available=51_200, swap_total=10_240, swap_free=5_120)
    assert kernel.pressure("io") == Pressure(1.5, 2.0, 0.5, 0.25)
    assert kernel.pressure("cpu") == Pressure(1.5, 2.0, 0.0, 0.0)
    assert kernel.oom_kills() == 3
    assert kernel.file_handles() == (928, 9223372036854775807)


def test_what_a_kernel_does_not_count_is_unknown(tmp_path: Path) -> None:
    """Never zero for missing."""
    (tmp_path / "vmstat").write_text("nr_free_pages 5\n")
    kernel = Kernel(tmp_path)
    for ask in (kernel.memory, kernel.oom_kills, kernel.file_handles, lambda: kernel.pressure("io")):
        with pytest.raises(Unavailable):
            ask()


def test_this_machine_has_started() -> None:
    """The kernel first, PID 1 then, all before now; and the same each time."""
    kernel = Kernel()
    assert kernel.started_at() <= kernel.init_started_at() <= time.time()
    assert kernel.started_at() == kernel.started_at()
    assert len(kernel.boot_id()) == 36


def test_a_clock_that_is_set_tells_anew_when_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that two programs that began under two clocks call a process alike; the uptime of PID 1 knows no clock."""
    kernel, real = Kernel(), time.time
    with monkeypatch.context() as wrong:
        wrong.setattr(time, "time", lambda: real() + 10_800)
        ahead, up = kernel.started_at(), kernel.init_up()
    assert ahead - kernel.started_at() == pytest.approx(10_800, abs=0.2)
    assert kernel.started_at() == pytest.approx(Kernel().started_at(), abs=0.2)
    assert kernel.init_up() == pytest.approx(up, abs=0.1)
