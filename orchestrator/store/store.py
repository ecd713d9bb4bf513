"""The store: the only writer of tasks.db."""

from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.store.alerts import Firing
from orchestrator.store.attempts import Attempts
from orchestrator.store.cases import Cases
from orchestrator.store.files import Lock, make_directory
from orchestrator.store.incidents import Incidents
from orchestrator.store.ledger import Ledger
from orchestrator.store.marks import Marks
from orchestrator.store.migrations import tasks
from orchestrator.store.moves import Moves
from orchestrator.store.patterns import Patterns
from orchestrator.store.people import People
from orchestrator.store.remembered import Remembered
from orchestrator.store.retention import Retention

FILE_NAME = "tasks.db"


class Store(Incidents, Cases, Moves, Attempts, Marks, Patterns, Remembered, People, Firing, Retention):
    """tasks.db, opened for writing and migrated. Safe to use from any thread."""

    def __init__(self, state_dir: Path) -> None:
        """Make what is missing (directory 2770, files 0660, the reserve) and bring the schema up to date.

        Keeps no lock, but migrates only while nobody else holds it: never under a healer that runs. Raises StoreUnusable.
        """
        make_directory(state_dir)
        self._lock = Lock(state_dir)
        with self._lock.held_if_free() as alone:
            self.ledger = Ledger(state_dir / FILE_NAME, tasks, migrate=alone)
        self.ledger.reserve.restore()

    def lock(self) -> None:
        """Be the only healer on this state directory until `shut`. Raises StoreUnusable with the other one's pid."""
        self._lock.take()

    def shut(self) -> None:
        """Close the file and let go of the lock; `close` is the end of an incident. May be called twice."""
        self.ledger.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.shut()
