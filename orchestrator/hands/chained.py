"""Lines of JSON, each with a digest of itself and the one before: what is changed, taken out or put in shows.

What stands in the file is on disk when `append` returns, the file's own entry in its directory too. Lines of before there
were digests are taken over as they are: the first that has one speaks for them.
"""

import errno
import hashlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator.model import Json

log = logging.getLogger(__name__)

MOST_BYTES = 40 << 20
_TOLD_EACH = 100
"""So many lines between two words to the journal: whoever cuts the file's end cuts no further than to the last of them unseen."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Chained:
    """Not thread-safe."""

    def __init__(self, file: Path, make_room: Callable[[], bool] = lambda: False) -> None:
        """`make_room` is asked when the disk has none: whether there is some now."""
        self._file = file
        self._make_room = make_room
        self.head = ""
        self.count = 0
        self.size = 0
        self.unusable = ""
        """Why nothing can be written here, and what was there is not known."""
        self.damaged = ""
        """Where the chain is broken first."""
        self._made = self._chained = False

    def read(self) -> list[Json]:
        """All lines that are whole. A last one without its end was torn while it was written: what it tells of never began."""
        whole = self._content()
        self._made, self.size = bool(whole), len(whole)
        self.head, self.count, self.damaged, self._chained = "", 0, "", False
        found = [data for line in whole.splitlines() if (data := self._taken(line)) is not None]
        if whole:
            self._tell()
        return found

    def append(self, data: Json) -> None:
        """Raises OSError; then the file is as it was."""
        head = _link(self.head, data)
        line = _line({**data, "chain": head})
        try:
            self._put(line)
        except OSError as error:
            if error.errno not in _NO_ROOM or not self._make_room():
                raise
            self._put(line)
        self.head, self.size, self.count = head, self.size + len(line), self.count + 1
        if self.count % _TOLD_EACH == 0:
            self._tell()

    def cut(self, first: Json, kept: int) -> None:
        """Begin a new file with `first`, and the last `kept` lines as they stand: their digests stay what they were. Raises OSError."""
        lines = self._content().splitlines(keepends=True)
        dropped, young = lines[: len(lines) - kept], lines[len(lines) - kept :]
        content = b"".join((_line({**first, "head": _head_after(dropped)}), *young))
        new = self._file.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.rename(self._file)
        _sync(self._file.parent)
        self.size, self.count = len(content), len(young) + 1
        log.info("%s: %d old lines went", self._file, len(dropped))
        self._tell()

    def _tell(self) -> None:
        """To the journal, which nobody writes anew."""
        log.info("%s: %d lines, head %s", self._file, self.count, self.head)

    def _content(self) -> bytes:
        try:
            with os.fdopen(os.open(self._file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb") as file:
                content = file.read(MOST_BYTES)
        except FileNotFoundError:
            return b""
        except OSError as error:
            self.unusable = f"cannot be read: {error.strerror}"
            return b""
        if len(content) == MOST_BYTES:
            self.unusable = f"is larger than {MOST_BYTES >> 20} MiB, which this program never writes"
            return b""
        return content[: content.rfind(b"\n") + 1]

    def _taken(self, line: bytes) -> Json | None:
        self.count += 1
        data = _parsed(line)
        if data is None:
            self._is_damaged("is not readable")
            return None
        told = data.pop("chain", None)
        self.head = str(data.pop("head")) if "head" in data and self.count == 1 else _link(self.head, data)
        if told != self.head and (told is not None or self._chained):
            self._is_damaged("does not follow from the one before")
            self.head = str(told or self.head)
        self._chained = self._chained or told is not None
        return data

    def _is_damaged(self, how: str) -> None:
        self.damaged = self.damaged or f"line {self.count} of {self._file} {how}"

    def _put(self, line: bytes) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.ftruncate(descriptor, self.size)  # a line that was torn by a full disk goes
            file.seek(self.size)
            file.write(line)
            file.flush()
            os.fsync(descriptor)
        if not self._made:
            _sync(self._file.parent)
            self._made = True


def _link(head: str, data: Json) -> str:
    return hashlib.blake2b(head.encode() + b"\n" + _line(data), digest_size=16).hexdigest()


def _line(data: Json) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _parsed(line: bytes) -> Json | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _head_after(lines: Sequence[bytes]) -> str:
    """The digest that the line behind these follows from."""
    head = ""
    for number, line in enumerate(lines):
        data = _parsed(line) or {}
        told = data.pop("chain", None)
        if told is None:
            told = data.get("head") if number == 0 and "head" in data else _link(head, data)
        head = str(told)
    return head


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
