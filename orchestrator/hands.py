"""The hands: the only caller of an action's `do` and `undo`.

This is the seam of a later privileged program. What crosses it is plain data, both ways: a change's id and an action's fields
in, what became of it out. Nothing above may notice whether the hands live in this process or behind a socket, so the hands
trust nothing that they are told: they parse the action again, ask the policy's `permits` and the action's own `refusal`
again, act once for each id, and keep a record of their own, on disk before anything moves.
"""

import errno
import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from orchestrator import actions
from orchestrator.config import Config
from orchestrator.host import ChangeFailed, Unavailable, View
from orchestrator.host.machine import Machine
from orchestrator.model import Action, Before, Json, Word, digest
from orchestrator.policy import Performed, permits

ROTATE_BYTES = 5 << 20
REMEMBERED_SECONDS = 7 * 86_400
REMEMBERED_ENTRIES = 10_000
"""What survives a rotation: it can be undone, and counts against the budgets."""
FOLLOWERS = 200
"""So many units may one repair bring back beyond the host's budget: as many as a scope can hold (law 6)."""
_RECENT_SECONDS = 86_400
"""What the policy's budgets can look back on."""
_READ_BYTES = 8 * ROTATE_BYTES
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_DETAIL_CHARACTERS = 1000

_Op = Literal["perform", "undo", "undone"]


class Entry(Word):
    """One line of the record: what is about to be done; or, after an undo, that it is through."""

    id: Annotated[int, Field(ge=0)]
    op: _Op
    at: float
    kind: str
    targets: tuple[str, ...]
    hash: str
    """Of the whole action: only the same one can be undone."""
    before: Before
    """What the hands saw just before they acted; they undo to this."""
    root: int | None = None
    """The change whose repair it belongs to: it brings back what ran before and went down with the root."""


class Hands:
    """Thread-safe: changes run side by side, each recorded first. No method raises."""

    def __init__(
        self, config: Config, record_file: Path, machine: Machine, view: View, make_room: Callable[[], bool] = lambda: False
    ) -> None:
        """`make_room` is asked when the disk has none for the record: whether there is some now."""
        self._config = config
        self._machine = machine
        self._view = view
        self._record = Record(record_file, make_room)
        self._lock = threading.Lock()

    def reload(self, config: Config) -> None:
        self._config = config

    def perform(self, change_id: int, action: Json, root: int | None = None) -> Json:
        """Carry out one action: {"ok", "detail", "refused"}. Refused means that nothing was touched.

        `root`: the change of the same repair that it follows, bringing back what went down with the root.
        """
        return _guarded(lambda: self._perform(change_id, action, root), refused=True)

    def undo(self, change_id: int, action: Json, before: Json) -> Json:
        """Take back what `perform` did under this id. Where `before` differs from what the hands saw themselves, theirs counts."""
        return _guarded(lambda: self._undo(change_id, action, before), refused=True)

    def _perform(self, change_id: int, data: Json, root: int | None) -> Json:
        action = actions.parse(data)
        refusal = self._not_now(change_id, action) or action.refusal(self._view, self._config)
        if refusal:
            return _refused(refusal)
        follows = root if action.kind == "start_unit" and self._record.may_follow(root) else None
        entry = _entry(change_id, "perform", action, action.remember(self._view)).model_copy(update={"root": follows})
        with self._lock:  # between the last look at the record and the new line nobody else may write one
            refusal = self._not_now(change_id, action)
            if refusal:
                return _refused(refusal)
            self._record.append(entry)
        return _guarded(lambda: _answer(action.do(self._machine), ok=True), refused=False)

    def _undo(self, change_id: int, data: Json, before: Json) -> Json:
        """One that a death cut short is done again from its beginning: every undo leaves alone what is already as it was."""
        action = actions.parse(data)
        entry = _entry(change_id, "undo", action, before)
        with self._lock:
            performed = self._record.find(change_id, "perform")
            refusal = _not_undoable(action, entry, performed) or self._forbidden(action, undoing=True)
            if performed is None and not self._record.has_used(change_id):
                return _answer("nothing to undo: it never began", ok=True)
            if self._record.find(change_id, "undone"):
                return _answer("it was undone before", ok=True)
            if performed is None or refusal:
                return _refused(refusal or f"what change {change_id} did is not recorded any more")
            self._record.append(entry)
        answer = _guarded(lambda: _answer(action.undo(self._machine, performed.before), ok=True), refused=False)
        if answer["ok"]:
            with self._lock, suppress(RecordFailed):  # then a second undo finds nothing to do
                self._record.append(entry.model_copy(update={"op": "undone", "at": time.time()}))
        return answer

    def _not_now(self, change_id: int, action: Action) -> str:
        return f"id {change_id} was used before" if self._record.has_used(change_id) else self._forbidden(action)

    def _forbidden(self, action: Action, *, undoing: bool = False) -> str:
        """The policy's word by configuration and budget; what was done can always be undone, whatever the budget says."""
        now = time.time()
        recent = () if undoing else self._record.recent(now)
        verdict = permits(action, self._config, recent, now)
        return "" if verdict.answer == "allow" else f"{verdict.rule}: {verdict.reason}"


class RecordFailed(Exception):
    """The record could not be written, so nothing may be done. The message says why."""


class Record:
    """Append-only JSON lines; each is on disk before what it tells of begins.

    Ids that were ever used stay used: a rotation drops old lines, and keeps the highest id among them as a mark.
    Not thread-safe: the hands hold their lock.
    """

    def __init__(self, file: Path, make_room: Callable[[], bool] = lambda: False) -> None:
        self._file = file
        self._make_room = make_room
        self._entries: list[Entry] = []
        self._mark = -1
        self._size = 0
        self._unusable = ""
        self._read()

    def has_used(self, change_id: int) -> bool:
        return change_id <= self._mark or self.find(change_id, "perform") is not None

    def find(self, change_id: int, op: _Op) -> Entry | None:
        return next((entry for entry in self._entries if (entry.id, entry.op) == (change_id, op)), None)

    def may_follow(self, root: int | None) -> bool:
        """Whether there is such a change, that brought back nothing itself, and not too much follows it already."""
        done = self.find(root, "perform") if root is not None else None
        return done is not None and done.root is None and sum(entry.root == root for entry in self._entries) < FOLLOWERS

    def recent(self, now: float) -> tuple[Performed, ...]:
        young = takewhile(lambda entry: now - entry.at < _RECENT_SECONDS, reversed(self._entries))
        return tuple(
            Performed(change_id=entry.id, op=entry.op, at=entry.at, kind=entry.kind, targets=entry.targets, follows=entry.root is not None)
            for entry in young
        )

    def append(self, entry: Entry) -> None:
        """Raises RecordFailed; then the file is as it was."""
        if self._unusable:
            raise RecordFailed(f"the hands' record {self._unusable}")
        if self._size > ROTATE_BYTES:
            self._rotate(entry.at)
        line = entry.model_dump_json().encode() + b"\n"
        try:
            self._write(line)
        except OSError as error:
            raise RecordFailed(f"the hands' record cannot be written: {error.strerror}") from None
        self._size += len(line)
        self._entries.append(entry)

    def _write(self, line: bytes) -> None:
        """Once more when the disk was full and there is room now."""
        try:
            self._put(line)
        except OSError as error:
            if error.errno not in _NO_ROOM or not self._make_room():
                raise
            self._put(line)

    def _put(self, line: bytes) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.ftruncate(descriptor, self._size)  # a line that was torn by a full disk goes
            file.seek(self._size)
            file.write(line)
            file.flush()
            os.fsync(descriptor)

    def _read(self) -> None:
        """A last line without its end was torn while it was written, so what it tells of never began.

        Where another line is damaged, its id is unknown: all up to the highest one count as used.
        """
        try:
            with self._file.open("rb") as file:
                content = file.read(_READ_BYTES)
        except FileNotFoundError:
            return
        except OSError as error:
            self._unusable = f"cannot be read: {error.strerror}"
            return
        if len(content) == _READ_BYTES:
            self._unusable = f"is larger than {_READ_BYTES >> 20} MiB, which this program never writes"
            return
        whole = content[: content.rfind(b"\n") + 1]
        self._size = len(whole)
        damaged = False
        for line in whole.splitlines():
            try:
                self._take(json.loads(line))
            except (ValueError, TypeError):
                damaged = True
        if damaged:
            self._mark = self._highest(self._entries)

    def _take(self, data: Json) -> None:
        if set(data) == {"mark"}:
            self._mark = int(data["mark"])
        else:
            self._entries.append(Entry.model_validate(data))

    def _rotate(self, now: float) -> None:
        young = [entry for entry in self._entries if now - entry.at < REMEMBERED_SECONDS]
        kept = young[-REMEMBERED_ENTRIES:]
        mark = self._highest(self._entries[: len(self._entries) - len(kept)])
        new = self._file.with_suffix(".new")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
                file.writelines(
                    line.encode() + b"\n" for line in (json.dumps({"mark": mark}), *(entry.model_dump_json() for entry in kept))
                )
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()
            new.rename(self._file)
        except OSError as error:
            raise RecordFailed(f"the hands' record cannot be written: {error.strerror}") from None
        self._entries, self._mark, self._size = kept, mark, size

    def _highest(self, entries: Iterable[Entry]) -> int:
        return max([self._mark, *(entry.id for entry in entries)])


def _entry(change_id: int, op: _Op, action: Action, before: Before) -> Entry:
    return Entry(
        id=change_id, op=op, at=time.time(), kind=action.kind, targets=action.targets(), hash=digest(action.model_dump()), before=before
    )


def _not_undoable(action: Action, undo: Entry, performed: Entry | None) -> str:
    if not action.reversible:
        return f"{action.kind} cannot be undone"
    return "" if performed is None or performed.hash == undo.hash else f"change {undo.id} was another action"


def _guarded(act: Callable[[], Json], *, refused: bool) -> Json:
    """What `act` answers; whatever it raises becomes an answer too. `refused`: nothing was touched yet."""
    try:
        return act()
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        said = f"not an action: {'.'.join(map(str, problem['loc']))}: {problem['msg']}"
    except (ChangeFailed, RecordFailed) as error:
        said = str(error)
    except Unavailable as error:
        said = f"the host could not be asked: {error}"
    except Exception as error:  # noqa: BLE001  # a brain, of whatever mind, must never end the hands
        said = f"{type(error).__name__}: {error}"
    return _answer(said, ok=False, refused=refused)


def _refused(why: str) -> Json:
    return _answer(why, ok=False, refused=True)


def _answer(detail: str, *, ok: bool, refused: bool = False) -> Json:
    return {"ok": ok, "detail": detail[:_DETAIL_CHARACTERS], "refused": refused}
