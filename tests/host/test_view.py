"""The reading door works where there is no systemd, and says so."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.host import Baseline, Unavailable, View

NO_SYSTEMD = pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd runs here")
COSTLY = ("asyncio", "requests", "psutil", "anthropic", "httpx")


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    opened = View(tmp_path)
    yield opened
    opened.close()


@NO_SYSTEMD
def test_without_systemd_units_are_unknown(view: View) -> None:
    """Every question about units says why it has no answer; never an empty list."""
    for ask in (view.units.list, view.units.failed, view.units.jobs, view.units.booted_at, view.units.system_state):
        with pytest.raises(Unavailable, match="systemd does not run here"):
            ask()
    with pytest.raises(Unavailable, match="systemd does not run here"):
        view.units.get("web.service")
    with pytest.raises(Unavailable, match="systemd does not run here"):
        Baseline.read(view)


def test_the_rest_works_without(view: View, tmp_path: Path) -> None:
    """Time, mounts, files, processes; the baseline is empty, good files lie in the directory of the hands."""
    assert view.now() == pytest.approx(time.time(), abs=5)
    assert view.baseline == Baseline()
    assert view.mounts.of_path("/proc").point == "/proc"
    assert view.processes.get(1) is not None
    assert view.known_good.paths() == ()
    assert view.known_good._directory == tmp_path / "known-good"


@pytest.mark.parametrize("name", ["", "x" * 300, "caf\u00e9.service", "a\nb.service", "\udcff.service"])
def test_no_name_is_no_unit(view: View, name: str) -> None:
    """What can be no unit's name is not found, without asking anybody."""
    assert view.units.get(name).load_state == "not-found"


def test_it_is_light() -> None:
    """The door alone takes less than 45 MB, and nothing that costs more is imported with it."""
    program = (
        "import json, sys; from orchestrator.host import View; View().close(); "
        "rss = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmRSS')); "
        f"print(json.dumps([int(rss), [name for name in {COSTLY} if name in sys.modules]]))"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    kilobytes, imported = json.loads(said.stdout)
    assert kilobytes < 45_000
    assert imported == []
