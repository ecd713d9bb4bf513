"""The store: the only writer of tasks.db."""

from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.store.attempts import Attempts
from orchestrator.store.incidents import Incidents
from orchestrator.store.moves import Moves
from orchestrator.store.patterns import Patterns
from orchestrator.store.people import People


class Store(Incidents, Moves, Attempts, Patterns, People):
    """tasks.db, opened for writing and migrated. Safe to use from any thread."""

    def __init__(self, state_dir: Path) -> None:
        """Make what is missing (directory 2770, files 0660, the reserve) and bring the schema up to date.

        Takes no lock. Raises StoreUnusable.
        """
        raise NotImplementedError

    def lock(self) -> None:
        """Be the only healer on this state directory until `close`. Raises StoreUnusable with the other one's pid."""
        raise NotImplementedError

    def tidy(self, now: float) -> None:
        """Once a sweep: make the reserve again, remove what is older than the retention, give space back."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the file and let go of the lock. May be called twice."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
