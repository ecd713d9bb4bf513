"""What the hands did, in a file of their own: a line is on disk before what it tells of begins."""

import json
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from orchestrator.hands.chained import Chained
from orchestrator.model import Before, Json, Word
from orchestrator.permits import UNDO_SECONDS, Performed

ROTATE_BYTES = 8 << 20
KEPT_BYTES = 6 << 20
REMEMBERED_SECONDS = 7 * 86_400
REMEMBERED_ENTRIES = 10_000
"""What survives a rotation: it can be undone, and counts against the budgets."""
BEFORE_BYTES = 64 << 10
"""Of what an action remembers. It fits a description, and no file's content."""
FOLLOWERS = 200
"""So many units may one repair bring back beyond the host's budget: as many as a scope can hold (law 6)."""
_AHEAD = 1_000_000
"""So far may an id be ahead of the highest: those between were refused, or are under way. One far beyond would use up all others."""
_FIRST = 10**12
_RECENT_SECONDS = 86_400
"""What the policy's budgets can look back on."""
_CHAIN_BYTES = 50

Op = Literal["perform", "undo", "undone"]


class Entry(Word):
    """One line of the record: what is about to be done; or, after an undo, that it is through."""

    id: Annotated[int, Field(ge=0)]
    op: Op
    at: float
    kind: str
    targets: tuple[str, ...]
    hash: str
    """A short name of the whole action, as the audit has it."""
    whole: str = ""
    """A long one: only the same action can be undone, and who made it may have looked for another of the same short name."""
    before: Before
    """What the hands saw just before they acted; they undo to this."""
    root: int | None = None
    """The change whose repair it belongs to: it brings back what ran before and went down with the root."""
    approved_by: int | None = None
    """The uid of the person whose word allowed it."""
    boot: str = ""
    """Of which boot, and how long that had lasted: what a clock that is set says nothing about."""
    up: float = 0.0

    def age(self, now: float) -> float:
        """Seconds; of an older boot by the clock, by which nothing is younger than new."""
        return _up() - self.up if self.boot == _boot() else max(0.0, now - self.at)


class RecordFailed(Exception):
    """The record could not be written, so nothing may be done. The message says why."""


class Record:
    """Append-only JSON lines, chained; each is on disk before what it tells of begins.

    Ids that were ever used stay used: a rotation drops old lines, and keeps the highest id among them as a mark.
    Not thread-safe: the hands hold their lock.
    """

    def __init__(self, file: Path, make_room: Callable[[], bool] = lambda: False) -> None:
        self._lines = Chained(file, make_room)
        self._entries: list[Entry] = []
        self._mark = -1
        damaged = [data for data in self._lines.read() if not self._takes(data)]
        if damaged or self._lines.damaged:
            self._mark = self.highest  # the id of a damaged line is unknown: all up to the highest one count as used

    @property
    def highest(self) -> int:
        """Of the ids that were used; -1 before the first."""
        return self._highest(self._entries)

    @property
    def trouble(self) -> str:
        """What is wrong with the file itself, in words."""
        return f"it {self._lines.unusable}" if self._lines.unusable else self._lines.damaged

    @property
    def head(self) -> str:
        return self._lines.head

    def has_used(self, change_id: int) -> bool:
        return change_id <= self._mark or self.find(change_id, "perform") is not None

    def find(self, change_id: int, op: Op) -> Entry | None:
        return next((entry for entry in self._entries if (entry.id, entry.op) == (change_id, op)), None)

    def holds(self, whole: str) -> bool:
        """Whether exactly this action was ever begun, as far as is known."""
        return any((entry.op, entry.whole) == ("perform", whole) for entry in reversed(self._entries))

    def since(self, change_id: int) -> tuple[Entry, ...]:
        """All that is known of changes with this id or a higher one."""
        return tuple(entry for entry in self._entries if entry.id >= change_id)

    def against(self, change_id: int) -> str:
        """Why no change may have this id; empty when it is free."""
        if self.has_used(change_id):
            return f"id {change_id} was used before"
        last = self.highest
        return f"id {change_id} is far from its turn" if change_id > (last + _AHEAD if last >= 0 else _FIRST) else ""

    def followed(self, root: int | None, targets: tuple[str, ...], now: float) -> Entry | None:
        """The change of that id, if it was done lately and brought back nothing itself, and these may follow it for the first time."""
        done = self.find(root, "perform") if root is not None else None
        if done is None or done.root is not None or done.age(now) > UNDO_SECONDS:
            return None
        followers = [entry for entry in self._entries if entry.root == root]
        return done if len(followers) < FOLLOWERS and not any(entry.targets == targets for entry in followers) else None

    def recent(self, now: float) -> tuple[Performed, ...]:
        """Newest first. Each is as old as it is, wherever the clock was set meanwhile: no budget is forgotten."""
        return tuple(performed_of(entry, now) for entry in reversed(self._entries) if entry.age(now) < _RECENT_SECONDS)

    def append(self, entry: Entry) -> None:
        """Raises RecordFailed; then the file is as it was."""
        if self._lines.unusable:
            raise RecordFailed(f"the hands' record {self._lines.unusable}")
        if len(json.dumps(entry.before)) > BEFORE_BYTES:
            raise RecordFailed(f"what {entry.kind} would change is more than can be remembered, so it could not be undone")
        entry = entry.model_copy(update={"boot": _boot(), "up": _up()})
        try:
            if self._lines.size > ROTATE_BYTES:
                self._rotate(entry.at)
            self._lines.append(entry.model_dump(mode="json"))
        except OSError as error:
            raise RecordFailed(f"the hands' record cannot be written: {error.strerror}") from None
        self._entries.append(entry)

    def _takes(self, data: Json) -> bool:
        try:
            if set(data) == {"mark"}:
                self._mark = int(data["mark"])
            else:
                self._entries.append(Entry.model_validate(data))
        except (ValidationError, ValueError, TypeError):
            return False
        return True

    def _rotate(self, now: float) -> None:
        """Raises OSError."""
        young = [entry for entry in self._entries if entry.age(now) < REMEMBERED_SECONDS][-REMEMBERED_ENTRIES:]
        room, kept = KEPT_BYTES, 0
        for entry in reversed(young):
            room -= len(entry.model_dump_json()) + _CHAIN_BYTES
            if room < 0:
                break
            kept += 1
        dropped = self._entries[: len(self._entries) - kept]
        mark = self._highest(dropped)
        self._lines.cut({"mark": mark}, kept)
        self._entries, self._mark = self._entries[len(dropped) :], mark

    def _highest(self, entries: Iterable[Entry]) -> int:
        return max([self._mark, *(entry.id for entry in entries)])


def performed_of(entry: Entry, now: float) -> Performed:
    """As the policy knows it."""
    follows, at = entry.root is not None, now - entry.age(now)
    return Performed(change_id=entry.id, op=entry.op, at=at, kind=entry.kind, targets=entry.targets, follows=follows)


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _up() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
