"""How much room the journal takes, by journald's own word."""

import os
import re
from contextlib import suppress

from orchestrator.host.commands import run
from orchestrator.host.errors import Unavailable
from orchestrator.host.view import View

_UNITS = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_TAKES = re.compile(r"take up ([0-9.]+)([BKMGT])")
_SECONDS = 5


def journal_bytes(view: View) -> int:
    """0 where nobody tells. journalctl counts only what this process may read: where that is nothing, whoever has the rights is asked."""
    said = _TAKES.search(run(["journalctl", "--disk-usage"], timeout=_SECONDS).output)
    counted = int(float(said[1]) * _UNITS[said[2]]) if said else 0
    if counted or os.geteuid() == 0:
        return counted
    with suppress(Unavailable):
        return int(view.rights.ask("journal_bytes"))
    return 0
