"""What the daemon tells the journal."""

import os
import subprocess
import sys

SAYS = """
import logging
from orchestrator.daemon.log import log_to_stderr
log_to_stderr()
looks = logging.getLogger("orchestrator.checks.unit_inactive")
for unit in ("a.service", "a.service", "b.service", "a.service"):
    looks.info("%s is down", unit)
for _ in range(2):
    looks.warning("blind")
    logging.getLogger("orchestrator.daemon.loop").info("mail: 1 sent")
"""


def test_what_a_check_says_at_each_look_is_told_once() -> None:
    """Another unit, another level, and what anybody else says again, are told."""
    told = subprocess.run(
        [sys.executable, "-c", SAYS], env={**os.environ, "JOURNAL_STREAM": "8:1"}, check=True, capture_output=True, text=True
    ).stderr
    assert told.splitlines() == ["<6>a.service is down", "<6>b.service is down", *["<4>blind", "<6>mail: 1 sent"] * 2]
