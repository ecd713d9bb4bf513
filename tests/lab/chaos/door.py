"""Through this door a program begins that may die at a named step, under a clock of its own that can be set.

    python -m tests.lab.chaos.door DIRECTORY WHO COMMAND...

DIRECTORY/WHO-step names the step (see `dying`) as long as there is no DIRECTORY/WHO-died; DIRECTORY/clock holds the seconds
that the clock is off. A host of the lab has no clock of its own, so the brain's is set: its time(2), and nobody else's. The hands
keep PID 1's: when they stopped a unit is compared with when PID 1 says that it was stopped.
"""

import sys
import time
from pathlib import Path

from orchestrator.cli import main
from tests.lab.dying import die_at

_LOOKED_SECONDS = 0.2


def shift_the_clock(file: Path) -> None:
    real, looked, off = time.time, -1.0, 0.0

    def shifted() -> float:
        nonlocal looked, off
        if time.monotonic() - looked > _LOOKED_SECONDS:
            looked = time.monotonic()
            off = float(file.read_text(encoding="ascii").strip() or 0)
        return real() + off

    time.time = shifted


if __name__ == "__main__":
    directory, who, *command = sys.argv[1:]
    if who == "brain":
        shift_the_clock(Path(directory, "clock"))
    died = Path(directory, f"{who}-died")
    if not died.exists():
        die_at(Path(directory, f"{who}-step").read_text(encoding="ascii").strip(), died)
    main(command, prog_name="orchestrator")
