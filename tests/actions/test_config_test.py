"""What a service's own test tells before it is started."""

from pathlib import Path

from orchestrator.actions.units import config_test
from orchestrator.host import Unit, View
from tests.actions.conftest import settings


def test_a_test_that_misses_a_directory_of_the_start_tells_nothing(tmp_path: Path, view: View) -> None:
    """systemd makes the runtime directory with the process, so that a test beside it fails whatever stands in the files."""
    runtime = tmp_path / "run"
    complaint = f"echo 'Missing directory: {runtime}'; exit 1"
    config = settings(service=[{"name": "shop", "unit": "shop.service", "config_test": ["/bin/sh", "-c", complaint]}])
    unit = Unit(name="shop.service", active_state="failed", runtime_directories=(str(runtime),))
    before = config_test(view, config, unit)
    runtime.mkdir()
    after = config_test(view, config, unit)
    other = config_test(view, config, Unit(name="shop.service", active_state="failed", runtime_directories=(str(tmp_path / "other"),)))
    assert [result and (result.ok, result.blind) for result in (before, after, other)] == [(False, True), (False, False), (False, False)]
