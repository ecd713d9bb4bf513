"""Watches declared logs for declared patterns: the news of a unit's journal or of a file, since the last look, in memory alone.

A file may be rotated or cut short meanwhile, lines may be of any length and made to deceive, and a pattern may take for ever: all
of it is bounded. A pattern that once took too long is not tried again.
"""

import base64
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from orchestrator.host.errors import Ended, Late, Unavailable
from orchestrator.host.helper import Helper
from orchestrator.host.journal import LINES_LIMIT, Journal, clean
from orchestrator.host.mounts import Mounts

READ_BYTES = 1 << 20
_LINES = 5000
_MATCH_SECONDS = 3.0
_LATE_SECONDS = 60.0
"""So far back a journal is read once more: journald may have come late to a line."""
MOST_RULES = 200


@dataclass(frozen=True, slots=True)
class Match:
    """The newest line that a pattern fits. `line` is hostile text, bounded and without control characters."""

    at: float
    line: str
    count: int
    """How many fitted since the watch began, or since the last repair."""
    unread: int = 0
    """Bytes that came too fast to be read."""


@dataclass(slots=True)
class _Place:
    """How far a rule's log was read. `inode` 0: not looked at yet; -1: there was no such file."""

    at: float
    inode: int = 0
    offset: int = 0
    match: Match | None = None
    unread: int = 0
    news: list[tuple[float, str]] = field(default_factory=list)
    """Of a journal: read with the others', and not looked at yet."""


@dataclass(slots=True)
class LogWatch:
    """Thread-safe. What was written before the first look is no news."""

    journal: Journal
    mounts: Mounts
    helper: Helper
    _places: dict[tuple[str, str], _Place] = field(default_factory=dict)
    _read_at: float = 0.0
    _slow: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, log: str, pattern: str, now: float) -> Match | None:
        """The newest match in `log` (a unit's name, or an absolute path), this look's or an earlier one's. Raises Unavailable."""
        if pattern in self._slow:
            raise Unavailable(f"the pattern {pattern!r} takes too long on lines of {log}; it is not tried any more")
        with self._lock:
            if len(self._places) >= MOST_RULES and (log, pattern) not in self._places:
                raise Unavailable(f"more than {MOST_RULES} patterns are watched for; {pattern!r} of {log} is not")
            place = self._places.setdefault((log, pattern), _Place(at=now))
            was = place.inode, place.offset, place.unread
            news = self._appended(log, place, now) if log.startswith("/") else self._written(place, now)
            try:
                fitting = self._fitting(pattern, [line for _, line in news])
            except Unavailable:
                (place.inode, place.offset, place.unread), place.news = was, [] if log.startswith("/") else news
                raise
            if fitting:
                count = len(fitting) + (place.match.count if place.match else 0)
                at, line = news[fitting[-1]]
                place.match = Match(at, line, count, place.unread)
            return place.match

    def keep(self, rules: Iterable[tuple[str, str]]) -> None:
        """These logs and patterns are declared now: whatever was watched besides takes no place any more."""
        declared = set(rules)
        with self._lock:
            self._places = {rule: place for rule, place in self._places.items() if rule in declared}

    def last(self, log: str, pattern: str) -> Match | None:
        """What the last look saw."""
        place = self._places.get((log, pattern))
        return place.match if place else None

    def seen_to(self, log: str, pattern: str, now: float) -> None:
        """Something was done about it: only a line that is written from now on is an event again."""
        if (log, pattern) not in self._places:
            return
        with suppress(Unavailable):
            self.look(log, pattern, now)
        with self._lock:
            place = self._places[log, pattern]
            place.match, place.at = None, now if log in self._units() else place.at

    def _units(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(log for log, _ in self._places if not log.startswith("/")))

    def _written(self, place: _Place, now: float) -> list[tuple[float, str]]:
        """Its share of what all watched units wrote since the last reading: one question for all that are asked at one time."""
        if now > self._read_at or now < self._read_at - _LATE_SECONDS:
            self._read_journal(now)
            self._read_at = now
        news, place.news = place.news, []
        return news

    def _read_journal(self, now: float) -> None:
        units = self._units()
        for place in self._places.values():
            place.at = min(place.at, now)  # the clock may have been set back
        first = min(place.at for (log, _), place in self._places.items() if log in units)
        since = first if now < self._read_at else max(first, self._read_at - _LATE_SECONDS)
        lines, whole = self.journal.of_units(units, since=since, lines=LINES_LIMIT)
        if not whole:  # who floods must not hide the others
            lines = tuple(line for unit in units for line in self.journal.of_units((unit,), since=since, lines=LINES_LIMIT)[0])
        for (log, _), place in self._places.items():
            own = [line for line in lines if line.unit == log and line.at > place.at]
            place.at = max([place.at, *(line.at for line in own)])
            place.news = [*place.news, *((line.at, line.message) for line in own)][-_LINES:]

    def _appended(self, path: str, place: _Place, now: float) -> list[tuple[float, str]]:
        try:
            news: dict[str, Any] = self.mounts.ask("appended", path, inode=place.inode, offset=place.offset, cap=READ_BYTES)
        except Unavailable:
            if not self.mounts.ask("look", path, follow=True):
                place.inode, place.offset = -1, 0  # it is yet to be written: then all of it is news
                return []
            raise
        data = base64.b64decode(news["data"])
        whole = data if len(data) == READ_BYTES and b"\n" not in data else data[: data.rfind(b"\n") + 1]
        place.inode, place.offset = news["inode"], news["offset"] + len(whole)
        place.unread += news["unread"]
        lines = whole.decode(errors="replace").split("\n")
        return [(now, text) for text in map(clean, lines[-_LINES:]) if text.strip()]

    def _fitting(self, pattern: str, lines: list[str]) -> list[int]:
        """Which lines fit. In a child: nothing here could end a regular expression that backtracks, nor any other thread run."""
        if not lines:
            return []
        try:
            return list(self.helper.ask("fitting", "", _MATCH_SECONDS, about=f"pattern {pattern}", pattern=pattern, lines=lines))
        except (Late, Ended):
            self._slow.add(pattern)
            raise Unavailable(f"the pattern {pattern!r} takes too long; it is not tried any more") from None
