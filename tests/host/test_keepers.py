"""Who else starts a unit: told by what a script or a supervisor's configuration says."""

import pytest

from orchestrator.host.keepers import _starts

SAY = [
    "systemctl start loom",
    "systemctl is-active -q loom || systemctl restart loom.service",
    'run(["systemctl", "--no-block", "start", "loom.service"])',
    'start program = "/bin/systemctl start loom"',
    "service loom restart",
    "/etc/init.d/loom start",
]
SAY_NOT = [
    "systemctl stop loom",
    "systemctl status loom; echo start",
    "systemctl start loom-exporter",
    "systemctl start loom@2",
    "systemctl start other  # loom is started by hand",
    "echo loom start",
]


@pytest.mark.parametrize("line", SAY)
def test_a_line_that_starts_the_unit_is_known(line: str) -> None:
    """In a shell's words, as a program's list, in a supervisor's own language."""
    assert _starts("loom.service").search(line)


@pytest.mark.parametrize("line", SAY_NOT)
def test_other_lines_start_something_else(line: str) -> None:
    """Another verb, another unit whose name begins alike, or a remark."""
    assert not _starts("loom.service").search(line)
