"""Jobs: units that a timer starts. What an operator declares is often the timer; what fails, hangs or does nothing is its job."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.config import Config, Service
from orchestrator.host.journal import Line
from orchestrator.host.stops import DEACTIVATED, FAILED, START_FAILED, STARTED, STARTING
from orchestrator.host.unit import Unit
from orchestrator.host.view import View

_BEGINNERS = (".timer", ".path")
_ENDS = (STARTED, START_FAILED, FAILED, DEACTIVATED)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job that ended."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


def timers_of(unit: Unit) -> tuple[str, ...]:
    """What starts it by the clock (or when a file changes); none for a service that runs by itself."""
    return tuple(name for name in unit.triggered_by if name.endswith(_BEGINNERS))


def declared(unit: Unit, config: Config) -> Service | None:
    """The declared service that a unit belongs to: its own, or that of the timer which starts it. A job is as wanted as its timer."""
    found = (config.service_of(name) for name in (unit.name, *timers_of(unit)))
    return next((service for service in found if service), None)


def past_runs(view: View, name: str, lines: int = 200) -> tuple[Run, ...]:
    """The runs of this boot that ended, oldest first, by PID 1's own words. Raises Unavailable."""
    return runs_in(view.journal.manager_lines(name, 0.0, lines=lines))


def runs_in(lines: Sequence[Line]) -> tuple[Run, ...]:
    """A oneshot has a line when it begins and one when it ended; whatever else is said in between."""
    began, runs = 0.0, []
    for line in lines:
        message = line.fields.get("MESSAGE_ID")
        if message == STARTING:
            began = line.at
        elif message in _ENDS and began:
            runs.append(Run(began, line.at))
            began = 0.0
    return tuple(runs)
