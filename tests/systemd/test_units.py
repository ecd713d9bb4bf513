"""The shipped units, as systemd itself reads and rates them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.config import DEFAULT_FILE

UNITS = Path(__file__).resolve().parents[2] / "systemd"
BRAIN, HANDS, DASHBOARD = "autonomous-orchestrator.service", "autonomous-orchestrator-hands.service", "escalation-dashboard.service"
MOST = {BRAIN: 20, HANDS: 25, DASHBOARD: 20}
"""Tenths of a point that `systemd-analyze security` may find."""


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here")
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def _lines(unit: str) -> dict[str, list[str]]:
    rows = re.findall(r"^(\w+)=(.*)$", (UNITS / unit).read_text(encoding="utf-8"), re.MULTILINE)
    return {name: [value for key, value in rows if key == name] for name, _ in rows}


@pytest.mark.parametrize("unit", MOST)
def test_the_sandbox_is_as_tight_as_was_promised(unit: str) -> None:
    """2.0 for what reads the world and talks to it, 2.5 for what has rights."""
    rated = _analyze("security", "--no-pager", "--offline=true", f"--threshold={MOST[unit]}", str(UNITS / unit))
    assert rated.returncode == 0, rated.stdout[-200:]


def test_the_gate_closes(tmp_path: Path) -> None:
    """A unit that lost a part of its sandbox does not pass."""
    loose = tmp_path / BRAIN
    loose.write_text((UNITS / BRAIN).read_text(encoding="utf-8").replace("CapabilityBoundingSet=\n", ""))
    assert _analyze("security", "--offline=true", "--threshold=20", str(loose)).returncode != 0


def test_systemd_understands_every_line() -> None:
    """Nothing is ignored for its syntax; only the programs are not installed here."""
    said = _analyze("verify", "--man=no", *(str(file) for file in UNITS.iterdir() if file.suffix in (".service", ".socket")))
    assert [line for line in said.stderr.splitlines() if "is not executable" not in line and str(UNITS) in line] == []


def test_the_brain_has_no_right_and_the_hands_no_network() -> None:
    """What the split is for."""
    brain, hands = _lines(BRAIN), _lines(HANDS)
    assert (brain["User"], brain["CapabilityBoundingSet"]) == (["orchestrator"], [""])
    assert "User" not in hands
    assert (hands["PrivateNetwork"], hands["RestrictAddressFamilies"]) == (["yes"], ["AF_UNIX"])
    assert _lines(DASHBOARD)["User"] == ["orchestrator-web"]


def test_an_absent_secret_keeps_nothing_from_starting() -> None:
    """Each file of secrets that systemd is to hand over has a stand-in: without one, 252 fails the start (243/CREDENTIALS)."""
    brain = _lines(BRAIN)
    loaded = dict(line.split(":", 1) for line in brain["LoadCredential"])
    assert loaded == {Path(file).name: file for file in loaded.values()}
    assert {Path(file).parent for file in loaded.values()} == {DEFAULT_FILE.parent}
    assert set(brain["SetCredential"]) == {f"{name}:\\n" for name in loaded}


def test_the_shipped_settings_show_what_is_handed_over() -> None:
    """Whoever follows the example in the configuration needs no drop-in."""
    shown = set(re.findall(r'(?:key_file|password_file|urls_file) = "([^"]+)"', (UNITS / "config.toml").read_text(encoding="utf-8")))
    assert shown == {line.split(":", 1)[1] for line in _lines(BRAIN)["LoadCredential"]}


def test_the_death_of_either_part_is_told() -> None:
    """That it stays down, and that it goes on dying."""
    for unit in (BRAIN, HANDS):
        lines = _lines(unit)
        assert lines["OnFailure"] == ["autonomous-orchestrator-failed@%p.service"]
        assert lines["ExecStopPost"] == ["+-/usr/local/lib/autonomous-orchestrator/failed --death %p"]
        assert lines["StartLimitIntervalSec"] == ["0"]
