"""What the daemon tells the journal."""

import logging
from collections.abc import Iterator

import pytest

from orchestrator.daemon.log import log_to_stderr


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """The test runner's own handlers come back afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    log_to_stderr()
    yield capsys
    root.handlers, root.level = before, level


def test_what_a_check_says_at_each_look_is_told_once(logged: pytest.CaptureFixture[str]) -> None:
    """Another unit, another level, and what anybody else says again, are told."""
    looks = logging.getLogger("orchestrator.checks.unit_inactive")
    for unit in ("a.service", "a.service", "b.service", "a.service"):
        looks.info("%s is down, and nothing tells who stopped it", unit)
    looks.warning("blind")
    looks.warning("blind")
    for _ in range(2):
        logging.getLogger("orchestrator.daemon.loop").info("mail: 1 sent")
    told = [line.partition("INFO ")[2] or "blind" for line in logged.readouterr().err.splitlines()]
    down = [f"{unit} is down, and nothing tells who stopped it" for unit in ("a.service", "b.service")]
    assert told == [*down, "blind", "blind", "mail: 1 sent", "mail: 1 sent"]
