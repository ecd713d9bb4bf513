"""Runs the command, and dies as by kill -9 at one named step: once, so that the next start goes on from there.

    python -m tests.lab.dying MARK STEP run --config FILE

STEP is a method of one of the parts below: `>Store.begin_change` is its entry, `Store.begin_change>` its end, and
`Store.settle>#2` its second end. MARK is the file that says that the death is over.
"""

import functools
import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from escalation import Desk
from escalation.outbox import Outbox
from orchestrator.cli import main
from orchestrator.hands.hands import Hands
from orchestrator.hands.record import Record
from orchestrator.host.machine.units import UnitChanges
from orchestrator.store import Store

PARTS = {part.__name__: part for part in (Store, Desk, Outbox, Hands, Record, UnitChanges)}


def die_at(step: str, mark: Path) -> None:
    """Wrap the step's method; the process that reaches the step writes the mark and is gone."""
    where, _, turn = step.partition("#")
    part, name = PARTS[where.strip(">").split(".")[0]], where.strip(">").split(".")[1]
    deadly, turns = int(turn or 1), count(1)
    method: Callable[..., Any] = getattr(part, name)

    def pass_by() -> None:
        if next(turns) == deadly:
            mark.write_text(step)
            os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(method)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        if where.startswith(">"):
            pass_by()
        answer = method(*arguments, **named)
        if where.endswith(">"):
            pass_by()
        return answer

    setattr(part, name, wrapped)


if __name__ == "__main__":
    if not Path(sys.argv[1]).exists():
        die_at(sys.argv[2], Path(sys.argv[1]))
    main(sys.argv[3:], prog_name="orchestrator")
