"""One database file behind one connection and one lock: short transactions that are written wholly or not at all."""

import functools
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar, cast

import sqlite_utils
from sqlite_utils import Migrations

from orchestrator.model import Json
from orchestrator.store.files import make_file
from orchestrator.store.reserve import Reserve
from orchestrator.store.words import StoreDamaged, StoreFailed, StoreNewer, StoreUnusable

log = logging.getLogger(__name__)

BUSY_SECONDS = 5.0
PATIENCE_SECONDS = 12.0
"""How long a write waits for another process before it fails."""
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
"""What SQLite answers on a full disk, on a full quota, and when no inode is left for a file of its own."""
_MOVE_AWAY = "keep a copy, and move it away; a new one is made"

P = ParamSpec("P")
T = TypeVar("T")


class Ledger:
    """A database file. Use `transaction` and `looking` on the methods that work with it; both may nest."""

    def __init__(self, path: Path, migrations: Migrations, *, migrate: bool) -> None:
        """Open `path`. With `migrate` it is made where missing and brought up to date; without, it must be so already.

        Raises StoreUnusable.
        """
        self.path = path
        self.reserve = Reserve(path.parent)
        self._lock = threading.RLock()
        self._inside = False
        self.is_damaged = False
        """Whether SQLite itself has said so since it was opened."""
        if migrate:
            make_file(path)
        elif not _is_there(path):
            raise StoreUnusable(f"{path} does not exist yet: the daemon makes it when it starts")
        self.db = self._open(migrations, migrate=migrate)
        self._opened = _identity(path)

    def _open(self, migrations: Migrations, *, migrate: bool) -> sqlite_utils.Database:
        try:
            return self._try_open(migrations, migrate=migrate)
        except sqlite3.Error as error:
            if not (_no_room(error) and self.reserve.free()):
                raise _unusable(self.path, error) from error
        try:
            return self._try_open(migrations, migrate=migrate)
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error

    def _try_open(self, migrations: Migrations, *, migrate: bool) -> sqlite_utils.Database:
        with as_owner(self.path.parent):
            connection = connect(f"{self.path.absolute().as_uri()}?mode=rw")
            try:
                if migrate:
                    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # holds only before the first table
                self._in_wal_mode(connection)
            except BaseException:
                connection.close()
                raise
        try:
            db = sqlite_utils.Database(connection, execute_plugins=False)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA journal_size_limit = 16777216")
            connection.execute("PRAGMA foreign_keys = ON")
            _bring_up_to_date(db, migrations, self.path, migrate=migrate)
        except BaseException:
            connection.close()
            raise
        return db

    def _in_wal_mode(self, connection: sqlite3.Connection) -> None:
        """In any other a journal would be looked for at each transaction: see `is_anothers`."""
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal" and is_anothers(self.path.parent):
            raise sqlite3.OperationalError("it cannot be brought into WAL mode")

    def transact(self, body: Callable[[], T]) -> T:
        """`body` as one transaction. On a full disk the reserve is freed and `body` runs once more. Raises StoreFailed."""
        with self._lock:
            if self._inside:
                return body()
            try:
                return self._once(body)
            except sqlite3.Error as error:
                self.is_damaged = self.is_damaged or is_damage(error)
                if not (_no_room(error) and self.reserve.free()):
                    raise StoreFailed(f"{self.path} cannot be written: {error}") from error
                log.warning("%s: %s; the reserve is freed", self.path, error)
            try:
                return self._once(body)
            except sqlite3.Error as error:
                raise StoreFailed(f"{self.path} cannot be written, even with the reserve freed: {error}") from error

    def _once(self, body: Callable[[], T]) -> T:
        self._begin()
        self._inside = True
        try:
            answer = body()
            self.db.conn.execute("COMMIT")
        except BaseException:
            self.db.rollback()
            raise
        finally:
            self._inside = False
        return answer

    def _begin(self) -> None:
        """IMMEDIATE: a deferred one that reads first fails at once when another process writes, whatever the time-out."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self.db.conn.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                # SQLite's waiting is not fair: beside a busy writer a single click can come away empty.
                if _primary(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            else:
                return

    def look(self, body: Callable[[], T]) -> T:
        """`body` reads only. Raises StoreFailed."""
        with self._lock:
            if self._inside:
                return body()
            try:
                return body()
            except sqlite3.Error as error:
                self.is_damaged = self.is_damaged or is_damage(error)
                raise StoreFailed(f"{self.path} cannot be read: {error}") from error

    def rows(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Json]:
        """All rows, fetched: a reader that stays open keeps the log from shrinking."""
        return fetch(self.db.conn, sql, parameters)

    def row(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Json | None:
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    def run(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> int:
        """A statement that changes rows; returns how many."""
        return self.db.conn.execute(sql, parameters).rowcount

    def insert(self, table: str, values: Mapping[str, Any]) -> int:
        return cast("int", self.db.table(table).insert(dict(values)).last_pk)

    def update(self, table: str, row_id: int, values: Mapping[str, Any]) -> None:
        self.db.table(table).update(row_id, dict(values))

    @property
    def is_lost(self) -> bool:
        """Whether the path leads to another file than the one that is open, or to none."""
        return _identity(self.path) != self._opened

    def shrink(self) -> None:
        """Make the reserve again and give free pages and the log's space back to the disk, unless a reader is in the way."""
        self.reserve.restore()
        with self._lock:
            try:
                self.db.conn.execute("PRAGMA busy_timeout = 50")
                self.db.conn.executescript("PRAGMA incremental_vacuum(500)")  # execute() would free a single page
                self.db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                self.db.conn.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
            except sqlite3.Error as error:
                log.info("%s: not shrunk now: %s", self.path, error)

    def close(self) -> None:
        with self._lock:
            self.db.close()


class Kept(Protocol):
    """Whatever works on a ledger."""

    ledger: Ledger


class Keeper:
    """Holds a ledger open, until it is closed."""

    ledger: Ledger

    def close(self) -> None:
        """May be called twice."""
        self.ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


K = TypeVar("K", bound=Kept)


def transaction(method: Callable[Concatenate[K, P], T]) -> Callable[Concatenate[K, P], T]:
    """The whole method is one transaction. It may run twice (after a full disk), so it changes nothing but rows."""

    @functools.wraps(method)
    def run(keeper: K, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return keeper.ledger.transact(lambda: method(keeper, *args, **kwargs))

    return run


def looking(method: Callable[Concatenate[K, P], T]) -> Callable[Concatenate[K, P], T]:
    """The method reads rows and changes none."""

    @functools.wraps(method)
    def run(keeper: K, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return keeper.ledger.look(lambda: method(keeper, *args, **kwargs))

    return run


def is_anothers(directory: Path) -> bool:
    """Whether this is root, where another user can put what he likes beside a database.

    SQLite obeys a journal that it finds there, and that may name any file to be removed.
    """
    return os.geteuid() == 0 and directory.stat().st_uid != 0


@contextmanager
def as_owner(directory: Path) -> Iterator[None]:
    """With no more rights than the one whose directory it is, where `is_anothers`, and his group's: the dashboard writes there too."""
    if not is_anothers(directory):
        yield
        return
    owner, group = directory.stat(), os.getegid()
    os.setegid(owner.st_gid)
    try:
        os.seteuid(owner.st_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)


def uri_to_read(path: Path) -> str:
    """Not mode=ro: on a stopped daemon's file in WAL mode that fails for whoever is not its owner. For root it does not."""
    return f"{path.absolute().as_uri()}?mode={'ro' if is_anothers(path.parent) else 'rw'}"


def connect(uri: str) -> sqlite3.Connection:
    """A connection that trusts nothing in the file, and that any thread may use in its turn."""
    # isolation_level None: no BEGIN of Python's own, which would be a deferred one.
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def fetch(connection: sqlite3.Connection, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = (), limit: int = -1) -> list[Json]:
    cursor = connection.execute(sql, parameters)
    names = [column[0] for column in cursor.description or ()]
    rows = cursor.fetchall() if limit < 0 else cursor.fetchmany(limit)
    return [dict(zip(names, row, strict=True)) for row in rows]


def _bring_up_to_date(db: sqlite_utils.Database, migrations: Migrations, path: Path, *, migrate: bool) -> None:
    known = {step.name for step in migrations.pending(sqlite_utils.Database(memory=True))}
    applied = {step.name for step in migrations.applied(db)}
    if newer := sorted(applied - known):
        raise StoreNewer(f"{path} was made by a newer version (it has {', '.join(newer)}): install that version again, or a newer one")
    if migrate:
        found = db.conn.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StoreDamaged(f"{path} is damaged ({found}): {_MOVE_AWAY}", path)
        migrations.apply(db)
    elif known != applied:
        raise StoreUnusable(f"{path} was made by an older version: start the daemon once, which brings it up to date")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _no_room(error: sqlite3.Error) -> bool:
    return _primary(error) in _NO_ROOM


def is_damage(error: sqlite3.Error) -> bool:
    """Of the file itself; a lock, a right that lacks, or a disk that does not answer is none."""
    return _primary(error) in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT) or str(error).startswith("malformed database schema")


def _primary(error: Exception) -> int:
    """The result code without its extension; 0 where the error is Python's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def advice(error: Exception, directory: Path) -> str:
    """What to do about it."""
    return {
        sqlite3.SQLITE_NOTADB: f"it is no database: {_MOVE_AWAY}",
        sqlite3.SQLITE_CORRUPT: f"it is damaged: {_MOVE_AWAY}",
        sqlite3.SQLITE_READONLY: f"run as root or as a member of the group of {directory}, on a disk that is not read-only",
        sqlite3.SQLITE_CANTOPEN: f"run as root or as a member of the group of {directory}, and look whether the disk has room",
        sqlite3.SQLITE_FULL: "make room on the disk",
        sqlite3.SQLITE_BUSY: "another program holds it; try again later",
    }.get(_primary(error), "look for trouble with the disk in the kernel's log")


def _is_there(path: Path) -> bool:
    """Raises StoreUnusable where nobody lets us look."""
    try:
        return path.exists()
    except OSError as error:
        raise StoreUnusable(f"{path} cannot be read ({error.strerror}): be root or a member of its group") from None


def _unusable(path: Path, error: sqlite3.Error) -> StoreUnusable:
    said = f"{path} cannot be opened ({error}): {advice(error, path.parent)}"
    return StoreDamaged(said, path) if is_damage(error) else StoreUnusable(said)
