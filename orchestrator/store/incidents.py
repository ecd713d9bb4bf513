"""Seeing: one look of one check becomes opened, merged, reopened and cleared incidents."""

from collections.abc import Callable, Mapping

from orchestrator.model import Case, Fault, Seen
from orchestrator.store.words import Observed

CLEAR_AFTER_SECONDS = 60.0
"""A fault that a person has in hand counts as gone only after so long a continuous absence."""

Arrange = Callable[[tuple[Fault, ...]], Mapping[str, str]]


def each_alone(faults: tuple[Fault, ...]) -> Mapping[str, str]:
    """The arrangement in which no fault is another's symptom."""
    del faults
    return {}


class Incidents:
    def observe(self, check: str, seen: Seen, now: float, arrange: Arrange = each_alone, *, relapse_seconds: float = 3600.0) -> Observed:
        """Note what `check` saw at `now`; one transaction.

        `arrange` gets every standing fault and answers which symptom's key belongs to which root's key.
        A key that was fixed less than `relapse_seconds` ago reopens its row. Raises StoreFailed.
        """
        raise NotImplementedError

    def due(self, now: float) -> tuple[Case, ...]:
        """Roots that are open or healing and whose time has come: the most severe first, then the oldest."""
        raise NotImplementedError

    def next_due(self) -> float | None:
        """When the next root falls due; None when none will without an event or a person. 0.0 is at once."""
        raise NotImplementedError

    def case(self, task_id: int) -> Case | None:
        """Everything a phase sees of one incident; None when there is no such row, or its fault cannot be read."""
        raise NotImplementedError

    def unended(self) -> tuple[Case, ...]:
        """Live cases with an attempt whose changes were begun and that has no outcome: what a death left."""
        raise NotImplementedError

    def with_person(self) -> tuple[int, ...]:
        """The live rows that are waiting or escalated, for the desk's `reconcile`."""
        raise NotImplementedError
