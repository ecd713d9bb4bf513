"""What ran here, as the hands saw it themselves: what nobody declared is brought up only if it is among that.

Their own looks, and their own file: what the daemon remembers lies where a group may write.
"""

import json
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from orchestrator.host import View
from orchestrator.host.baseline import enabled_units

log = logging.getLogger(__name__)

KEPT_SECONDS = 7 * 86_400.0
"""What was not seen for so long is not missed any more."""
_WRITE_SECONDS = 3600.0
_MOST = 10_000
_READ_BYTES = 4 << 20

_Seen = dict[str, float]


class Ran:
    """Keeps the View's baseline: the units that were active, and the mounts that were there, in the last days."""

    def __init__(self, file: Path, view: View) -> None:
        self._file = file
        self._view = view
        self._units, self._mounts = self._read()
        self._written_at = 0.0
        self._tell()

    def look(self) -> None:
        """Now and then, in one thread, at no word of the brain's. Raises Unavailable."""
        now = self._view.now()
        units = _seen(self._units, (line.name for line in self._view.units.list() if line.active_state == "active"), now)
        mounts = _seen(self._mounts, (mount.point for mount in self._view.mounts.list()), now)
        same = (units.keys(), mounts.keys()) == (self._units.keys(), self._mounts.keys())
        self._units, self._mounts = units, mounts
        self._tell()
        if not same or not 0 <= now - self._written_at < _WRITE_SECONDS:
            self._write(now)

    def _tell(self) -> None:
        active, mounts = frozenset(self._units), frozenset(self._mounts)
        enabled = frozenset(enabled_units(self._view.manager.wanted_beneath))
        self._view.baseline = replace(self._view.baseline, active=active, enabled=enabled, mounts=mounts)

    def _read(self) -> tuple[_Seen, _Seen]:
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError), self._file.open("rb") as file:
            data = json.loads(file.read(_READ_BYTES))
            units, mounts = ({str(name): float(at) for name, at in data[kind].items()} for kind in ("units", "mounts"))
            return units, mounts
        return {}, {}

    def _write(self, now: float) -> None:
        new = self._file.with_suffix(".new")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "w") as file:
                json.dump({"units": self._units, "mounts": self._mounts}, file)
                file.flush()
                os.fsync(file.fileno())
            new.rename(self._file)
            self._written_at = now
        except OSError as error:
            log.warning("what runs here could not be written down: %s", error.strerror)


def _seen(before: _Seen, names: Iterable[str], now: float) -> _Seen:
    """A clock that was set back forgets nothing that is there."""
    kept = {name: at for name, at in before.items() if now - at < KEPT_SECONDS}
    found = {**kept, **dict.fromkeys(names, now)}
    return dict(sorted(found.items(), key=lambda item: -item[1])[:_MOST])
