"""The daemon's papers: the audit takes over what the desk wrote down, its head goes to the journal, and both files are copied."""

import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from escalation import Desk
from escalation.carrying import SOURCES
from orchestrator import __version__
from orchestrator.config import Config, default_file, imprint
from orchestrator.host.witness import tell_head
from orchestrator.model import Json, digest, utc
from orchestrator.store import Store, StoreFailed
from orchestrator.store.copies import NotCopied, is_due, make_copy

log = logging.getLogger(__name__)

HEAD_SECONDS = 3600.0
COPY_AGAIN_SECONDS = 3600.0
"""A copy that could not be made is tried anew after so long."""
_DIGITS = 4
"""Of a value's digest: enough to see that it changed, too few to find out what it is."""


class Keeping:
    def __init__(self, store: Store, desk: Desk, state_dir: Path) -> None:
        self._store = store
        self._desk = desk
        self._state_dir = state_dir
        self._told_row = 0
        self._told_at = float("-inf")
        self._copy_at = float("-inf")
        self._not_copied = ""
        self._unwritten: deque[tuple[dict[str, str], Json]] = deque(maxlen=10)

    def configured(self, config: Config, file: Path | None, why: str) -> None:
        """At a start and a reload: which keys are not as they were. Written at the next turn, whatever the disk says now."""
        keys = dict(_keys(config.model_dump(mode="json", exclude_defaults=True)))
        files = {str(path): utc(changed / 1e9) for path, _, changed, _ in imprint(file or default_file())}
        self._unwritten.append((keys, {"why": why, "version": __version__, "digest": digest(keys), "files": files}))

    def turn(self) -> None:
        """Once a sweep. Raises StoreFailed."""
        while self._unwritten:
            changed = self._store.note_configuration(*self._unwritten[0])
            self._unwritten.popleft()
            log.info("configuration: %s", f"changed in {', '.join(changed[:20])}" if changed else "as it was")
        for source in SOURCES:
            mark = self._store.carried(source)
            last, acts = self._desk.done_since(source, mark)
            if last != mark:
                self._store.carry(source, last, acts)
        if time.monotonic() - self._told_at >= HEAD_SECONDS:
            self.tell_head()

    def close(self) -> None:
        """Whatever the state is in."""
        with suppress(StoreFailed):
            self.turn()
            self.tell_head()

    def tell_head(self) -> None:
        """Whoever cuts the end of the audit, or writes it anew, cannot take back what the journal has heard. Raises StoreFailed."""
        self._told_at = time.monotonic()
        head = self._store.audit_head()
        if head and head.row != self._told_row:
            self._told_row = head.row
            if not tell_head(head.row, head.digest, self._state_dir):
                log.info("the audit ends with row %d, digest %s", head.row, head.digest)

    def copy(self) -> None:
        """By the clock, beside the loop. Never raises."""
        if time.monotonic() < self._copy_at or not is_due(self._state_dir, time.time()):
            return
        try:
            made = make_copy(self._state_dir, time.time())
        except NotCopied as why:
            self._copy_at = time.monotonic() + COPY_AGAIN_SECONDS
            if str(why) != self._not_copied:
                log.warning("the databases were not copied tonight: %s", why)
            self._not_copied = str(why)
        else:
            self._not_copied = ""
            log.info("the databases are copied to %s", made.directory)


def _keys(data: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Each key that is set, by its place: of several of a kind, by their own names where they have one."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _keys(value, f"{name}.{key}" if name else key)
    elif isinstance(data, list) and data and all(isinstance(item, dict) for item in data):
        for number, item in enumerate(data):
            yield from _keys(item, f"{name}[{item.get('name', number)}]")
    else:
        yield name, digest(data)[:_DIGITS]
