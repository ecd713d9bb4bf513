"""What runs against what lies on disk."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.host import Unit, View
from orchestrator.knowledge.evidence.loaded import facts_of


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    opened = View(tmp_path / "state")
    yield opened
    opened.close()


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[tuple[Path, Unit]]:
    """A unit whose program is a file of its own, and runs."""
    program = tmp_path / "sleeper"
    shutil.copy("/bin/sleep", program)
    process = subprocess.Popen([program, "60"])
    while os.readlink(f"/proc/{process.pid}/exe") != str(program):  # noqa: PTH115  # between fork and exec it is still ours
        time.sleep(0.01)
    yield (
        program,
        Unit(name="s.service", active_state="active", main_pid=process.pid, programs=(str(program),), main_started_at=time.time()),
    )
    process.kill()
    process.wait()


def test_a_program_as_it_was_started_is_nothing(sleeper: tuple[Path, Unit], view: View) -> None:
    """Nor is one whose mode alone was changed since: a running program does not miss it."""
    program, unit = sleeper
    program.chmod(0o700)
    assert facts_of(view, unit) == {}


def test_a_program_that_was_replaced_is_told(sleeper: tuple[Path, Unit], view: View) -> None:
    """The kernel still knows the name of what it runs, and that no directory has it any more."""
    program, unit = sleeper
    program.unlink()
    shutil.copy("/bin/sleep", program)
    assert facts_of(view, unit)["loaded.stale"] == str(program)


def test_a_script_and_an_environment_that_are_newer_are_told(sleeper: tuple[Path, Unit], view: View, tmp_path: Path) -> None:
    """Of these the kernel tells nothing, and their times do."""
    _, unit = sleeper
    script, settings = tmp_path / "script", tmp_path / "settings"
    for path in (script, settings):
        path.touch()
        os.utime(path, (unit.main_started_at + 5, unit.main_started_at + 5))
    newer = Unit(
        name="s.service", active_state="active", main_pid=unit.main_pid, main_started_at=unit.main_started_at,
        programs=(str(script),), environment_files=(str(settings), str(tmp_path / "none")),
    )  # fmt: skip
    assert facts_of(view, newer) == {"loaded.program": str(script), "loaded.stale": str(script), "loaded.environment": str(settings)}


def test_a_library_that_was_replaced_is_told(view: View, tmp_path: Path) -> None:
    """An upgrade exchanges libraries under all that run with them."""
    library = tmp_path / "lib.so"
    shutil.copy(next(Path(line.split()[5]) for line in Path("/proc/self/maps").read_text().splitlines() if "libc.so" in line), library)
    code = f"import ctypes, sys; ctypes.CDLL({str(library)!r}); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        library.unlink()
        unit = Unit(name="s.service", active_state="active", main_pid=process.pid, main_started_at=time.time())
        assert facts_of(view, unit) == {"loaded.library": str(library), "loaded.stale": str(library)}
        process.communicate(b"")
