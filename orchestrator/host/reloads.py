"""When a unit was reloaded last. systemd forgets that at each daemon-reload; PID 1's own line in the journal stays."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

from orchestrator.host.durations import RELOADED
from orchestrator.host.errors import Unavailable
from orchestrator.host.journal import Journal, Line
from orchestrator.host.unit import Unit

_KEPT = 500


class Reloads:
    """Thread-safe. The journal is asked once for each run of a unit, and only where systemd says nothing."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._last: OrderedDict[str, float] = OrderedDict()

    def last(self, unit: Unit) -> float:
        """Seconds since the epoch; 0.0 when this run was never reloaded, or nobody knows."""
        if not unit.running or not unit.can_reload or not unit.invocation_id:
            return unit.reloaded_at
        with self._lock:
            known = self._last.get(unit.invocation_id)
        if known is None:
            known = unit.reloaded_at or self._written(unit)
        last = max(known, unit.reloaded_at)
        with self._lock:
            self._last[unit.invocation_id] = last
            self._last.move_to_end(unit.invocation_id)
            while len(self._last) > _KEPT:
                self._last.popitem(last=False)
        return last

    def _written(self, unit: Unit) -> float:
        try:
            return last_reload(self._journal.manager_lines(unit.name, unit.main_started_at, lines=20))
        except Unavailable:
            return 0.0


def last_reload(lines: Sequence[Line]) -> float:
    """When PID 1 said last that a reload was done."""
    done = (line.at for line in lines if line.fields.get("MESSAGE_ID") == RELOADED and line.fields.get("JOB_RESULT") == "done")
    return max(done, default=0.0)
