"""Reading both files without the daemon: for the command line, the dashboard and people's own SQL."""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from orchestrator.model import Json, utc
from orchestrator.store.base import ITSELF
from orchestrator.store.ledger import advice, connect, fetch, uri_to_read
from orchestrator.store.listing import Listing, list_escalations, list_incidents
from orchestrator.store.measuring import measured_of
from orchestrator.store.past import preview_of, series_of, similar_to
from orchestrator.store.records import records_of
from orchestrator.store.remembered import BEST_FIRST
from orchestrator.store.reporting import metrics_of, status_of
from orchestrator.store.retention import INCIDENTS_DAYS
from orchestrator.store.score import score_of
from orchestrator.store.stories import escalation_of, story_of
from orchestrator.store.tallies import Tallies, tallies_of
from orchestrator.store.wanted import Wanted
from orchestrator.store.words import QueryRefused, StoreFailed

FILES = {"tasks": "tasks.db", "escalations": "escalations.db"}
BUSY_SECONDS = 2.0
"""A writer is never in a reader's way; whoever holds the whole file (a copy being put back) is, and people wait for no page longer."""
SQL_SECONDS = 10.0
SQL_ROWS = 10_000
"""Rows of one person's SELECT; what is beyond is cut off."""

_AUDIT = """SELECT * FROM audit WHERE (:actor = '' OR actor = :actor) AND (:what = '' OR what = :what) AND at >= :since
AND actor != :besides ORDER BY id DESC LIMIT :limit"""
_ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
_JSON_COLUMNS = frozenset(
    (
        "fault",
        "scope",
        "handoffs",
        "approved",
        "plan",
        "action",
        "facts",
        "evidence_ids",
        "args",
        "summary",
        "proposal",
        "detail",
        "options",
        "decided",
        "kinds",
        "instead",
    )
)


class Reader:
    """Every method opens, reads all and closes, so that it never holds the daemon up. No file yet is an empty answer.

    Raises StoreFailed when a file cannot be read.
    """

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._held = False
        self._book: Book | None = None

    @contextlib.contextmanager
    def held(self) -> Iterator[Self]:
        """One opening for all that one thread reads inside: a page asks several times, and most of a short answer is the opening.

        Nothing is locked between two answers.
        """
        self._held = True
        try:
            yield self
        finally:
            self._held = False
            if self._book is not None:
                self._book.close()
                self._book = None

    def status(self) -> Json:
        """The daemon's last tick, what stands, what waits for a person, what is blind."""
        with self._open() as book:
            return status_of(book)

    def metrics(self) -> Json:
        with self._open() as book:
            return {**metrics_of(book), **measured_of(book, INCIDENTS_DAYS)}

    def list_escalations(self, wanted: Wanted) -> Listing:
        """One page of them. Raises ValueError when `wanted` does not fit this list."""
        with self._open() as book:
            return list_escalations(book, wanted)

    def list_incidents(self, wanted: Wanted) -> Listing:
        """One page of them. Raises ValueError when `wanted` does not fit this list."""
        with self._open() as book:
            return list_incidents(book, wanted)

    def similar(self, task_id: int, limit: int = 10) -> list[Json]:
        """Other incidents of the same kind, the newest first, each with what healed it."""
        with self._open() as book:
            return similar_to(book, task_id, limit)

    def preview(self, signature: str) -> Json:
        """The past incidents that a plan taught for `signature` would have met."""
        with self._open() as book:
            return preview_of(book, signature)

    def series(self, days: int) -> list[Json]:
        """The numbers of each of the last days, the oldest first."""
        with self._open() as book:
            return series_of(book, days)

    def score(self, days: int) -> Json:
        """How fast healing was in the last days, and what went wrong on the way."""
        with self._open() as book:
            return score_of(book, days)

    def measured(self, days: int) -> Json:
        """What thinking cost in the last days, and whether it was right."""
        with self._open() as book:
            return measured_of(book, days)

    def maintenance(self, limit: int = 50) -> list[Json]:
        """Windows, those that are open first (`open` is 1), then the newest."""
        with self._open() as book:
            return book.rows(
                "tasks",
                "SELECT *, ended_by IS NULL AND until > ? AS open FROM windows ORDER BY open DESC, id DESC LIMIT ?",
                (utc(), limit),
            )

    def reviews(self, limit: int = 50) -> list[Json]:
        """Fixes that a person has not looked at yet though something about them asks for it, the oldest first."""
        with self._open() as book:
            return book.rows(
                "escalations",
                """SELECT id, task_id, question, created_at, expires_at FROM interventions
                WHERE status = 'pending' AND kind = 'review' ORDER BY id LIMIT ?""",
                (limit,),
            )

    def decisions(self, limit: int = 50) -> list[Json]:
        """What people left for the daemon, those that still wait first, then the newest; `result` is what it made of each."""
        with self._open() as book:
            newest = "SELECT * FROM inbox WHERE answered_at IS {} NULL ORDER BY id DESC LIMIT ?"
            waiting = book.rows("tasks", newest.format(""), (limit,))
            return waiting + book.rows("tasks", newest.format("NOT"), (limit - len(waiting),))

    def tallies(self) -> Tallies:
        """For a scraper: what was counted so far, and a few numbers of now."""
        with self._open() as book:
            return tallies_of(book)

    def decision(self, number: int) -> Json | None:
        with self._open() as book:
            return book.row("tasks", "SELECT * FROM inbox WHERE id = ?", (number,))

    def audit(self, limit: int = 50, *, actor: str = "", what: str = "", since: str = "", people: bool = False) -> list[Json]:
        """Who did what, the newest first. `people`: what the daemon did itself is left out."""
        asked = {"limit": limit, "actor": actor, "what": what, "since": since, "besides": ITSELF if people else ""}
        with self._open() as book:
            return book.rows("tasks", _AUDIT, asked)

    def whole_audit(self) -> tuple[list[Json], int]:
        """All its rows as they are written, by number, and the highest number that was ever given."""
        with self._open() as book:
            if "tasks" not in book.attached:
                return [], 0
            rows = fetch(book.connection, "SELECT * FROM tasks.audit ORDER BY id")
            (ever,) = fetch(book.connection, "SELECT COALESCE(MAX(seq), 0) AS n FROM tasks.sqlite_sequence WHERE name = 'audit'")
            return rows, int(ever["n"])

    def story(self, task_id: int) -> Json | None:
        """Everything of one incident; None when there is no such row. `left_out` counts what its parts have more than is here."""
        with self._open() as book:
            return story_of(book, task_id)

    def escalation(self, escalation_id: int) -> Json | None:
        """One escalation with its questions, notes, mails and minutes, and its task as it is now; `left_out` as in a story."""
        with self._open() as book:
            return escalation_of(book, escalation_id)

    def patterns(self) -> list[Json]:
        with self._open() as book:
            return book.rows("tasks", "SELECT * FROM patterns ORDER BY wins - 2 * (losses + relapses) DESC, id")

    def memories(self, expert: str = "") -> list[Json]:
        """What the experts remember, or one of them: the best proved first."""
        with self._open() as book:
            sql = f"SELECT * FROM expert_memory WHERE :it IN ('', expert) ORDER BY expert, {BEST_FIRST}"  # noqa: S608  # a constant
            return book.rows("tasks", sql, {"it": expert})

    def records(self) -> dict[str, Json]:
        """Of each expert by his name."""
        with self._open() as book:
            return records_of(book)

    def memory(self, number: int) -> Json | None:
        with self._open() as book:
            return book.row("tasks", "SELECT * FROM expert_memory WHERE id = ?", (number,))

    def checks(self) -> list[Json]:
        with self._open() as book:
            return book.rows("tasks", "SELECT * FROM checks ORDER BY name")

    def sql(self, query: str) -> list[Json]:
        """A person's SELECT over both files (`tasks` and `escalations`). Raises QueryRefused."""
        with self._open() as book:
            return book.ask(query)

    @contextlib.contextmanager
    def _open(self) -> Iterator["Book"]:
        book = self._book or Book(self._state_dir)
        self._book = book if self._held else None
        try:
            yield book
        except sqlite3.Error as error:
            raise StoreFailed(_why(self._state_dir, error)) from error
        finally:
            if not self._held:
                book.close()


class Book:
    """One read-only connection with both files attached to it."""

    def __init__(self, state_dir: Path) -> None:
        self.connection = connect("file::memory:")
        self.connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
        self.attached: set[str] = set()
        try:
            for name, file in FILES.items():
                path = state_dir / file
                if path.exists():
                    self.connection.execute(f"ATTACH ? AS {name}", (uri_to_read(path),))
                    self.connection.execute(f"PRAGMA {name}.schema_version")  # ATTACH alone does not open the file
                    self.attached.add(name)
            self.connection.execute("PRAGMA query_only = ON")
            self.connection.set_authorizer(_authorize)
        except (sqlite3.Error, OSError) as error:
            self.connection.close()
            raise StoreFailed(_why(state_dir, error)) from error

    def rows(self, name: str, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Json]:
        """All rows, their JSON columns parsed; none where the file does not exist yet."""
        return [_plain(row) for row in fetch(self.connection, sql, parameters)] if name in self.attached else []

    def row(self, name: str, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Json | None:
        rows = self.rows(name, sql, parameters)
        return rows[0] if rows else None

    def ask(self, query: str) -> list[Json]:
        """Raises QueryRefused: the SQL is wrong, would change something, or ran out of time."""
        deadline = time.monotonic() + SQL_SECONDS
        self.connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        try:
            return fetch(self.connection, query, limit=SQL_ROWS)
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            late = time.monotonic() > deadline
            raise QueryRefused(f"longer than {SQL_SECONDS:.0f} s; narrow it" if late else str(error)) from error

    def close(self) -> None:
        self.connection.close()


def _why(state_dir: Path, error: sqlite3.Error | OSError) -> str:
    """What cannot be read, why, and what to do."""
    if isinstance(error, sqlite3.OperationalError) and str(error).startswith("no such "):
        return f"{state_dir} was made by an older version ({error}): start the daemon once, which brings it up to date"
    mend = "be root or a member of its group" if isinstance(error, OSError) else advice(error, state_dir)
    return f"{state_dir} cannot be read ({error}): {mend}"


def _authorize(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    del first, database, trigger
    if action not in _ALLOWED or (action == sqlite3.SQLITE_FUNCTION and second in ("load_extension", "fts3_tokenizer")):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _plain(row: Json) -> Json:
    return {name: _parsed(value) if name in _JSON_COLUMNS else value for name, value in row.items()}


def _parsed(value: object) -> object:
    if isinstance(value, str) and value[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            return json.loads(value)
    return value
