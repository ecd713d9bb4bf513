"""The manual page, made of what the commands say of themselves."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli import main

MAKER = Path(__file__).resolve().parents[2] / "scripts" / "installing" / "manual.py"


@pytest.fixture(scope="module")
def page() -> str:
    return subprocess.run([sys.executable, str(MAKER)], capture_output=True, text=True, check=True).stdout


def test_every_command_has_its_section(page: str) -> None:
    """What `--help` lists, the manual explains."""
    context = main.make_context("orchestrator", ["status"])
    for name in main.list_commands(context):
        assert '\n.SS "' + name.replace("-", r"\-") in page


def test_the_formatter_has_nothing_to_say(page: str) -> None:
    """No line is taken for a macro, no character for an escape."""
    if not shutil.which("groff"):
        pytest.skip("groff is not here")
    told = subprocess.run(["groff", "-Kutf8", "-man", "-ww", "-Tutf8", "-z"], input=page, capture_output=True, text=True, check=True)
    assert told.stderr == ""
    plain = subprocess.run(["groff", "-Kutf8", "-man", "-Tutf8", "-P-cbou"], input=page, capture_output=True, text=True, check=True).stdout
    assert "escalations approve N" in plain
    assert "`" not in plain
