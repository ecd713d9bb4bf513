"""What a server writes into a log file of its own: for a start of which the journal tells nothing.

Only lines that tell their time are of use: the time says of which run they are. Clients write into such a log too, so what
holds for the lines of a journal holds for these.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from orchestrator.host.errors import NoRight, Unavailable
from orchestrator.host.journal import Line, clean
from orchestrator.host.mounts import Mounts

_TAIL_BYTES = 64 << 10
_LINES = 200
_AHEAD_SECONDS = 5.0
_MONTHS = {"Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12}
_CLOCK = r"(?P<h>\d\d):(?P<min>\d\d):(?P<s>\d\d)(?:[.,](?P<part>\d{1,6})\d*)?"
_TIMES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\[?(?P<y>\d{{4}})[-/](?P<mon>\d\d)[-/](?P<d>\d\d)[ T]{_CLOCK} ?(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?",  # PostgreSQL, nginx, MariaDB
        rf"\d+:[A-Z] (?P<d>\d\d) (?P<name>[A-Z][a-z]{{2}}) (?P<y>\d{{4}}) {_CLOCK}",  # Redis
        rf"\[[A-Z][a-z]{{2}} (?P<name>[A-Z][a-z]{{2}}) (?P<d>\d\d) {_CLOCK} (?P<y>\d{{4}})\]",  # Apache
        rf"\[(?P<d>\d\d)-(?P<name>[A-Z][a-z]{{2}})-(?P<y>\d{{4}}) {_CLOCK}",  # PHP
        r"(?P<epoch>\d{10})(?:\.\d+)?:? ",  # Mosquitto, Squid
    )
)


def own_lines(mounts: Mounts, paths: Sequence[str], unit: str, now: float) -> tuple[Line, ...]:
    """The last lines of these logs as lines of the unit, oldest first. A line without a time belongs to the one before it.

    Raises NoRight for a log that nobody may read.
    """
    found = [line for path in paths for line in _lines(mounts, path, unit, now)]
    return tuple(sorted(found, key=lambda line: line.at))[-_LINES:]


def _lines(mounts: Mounts, path: str, unit: str, now: float) -> Iterator[Line]:
    with _unless_absent():
        # inode -1 is none that was read before: all of the file is news, and its end is what is read of it
        news = mounts.ask("appended", path, inode=-1, offset=0, cap=_TAIL_BYTES)
        at = 0.0
        for text in base64.b64decode(news["data"]).decode(errors="replace").splitlines():
            at = _time_of(text) or at
            if 0 < at <= now + _AHEAD_SECONDS and text.strip():
                yield Line(at=at, message=clean(text), unit=unit)


@contextmanager
def _unless_absent() -> Iterator[None]:
    """Mostly there is no such log. One that may not be read is not an empty one."""
    try:
        yield
    except NoRight:
        raise
    except Unavailable:
        pass


def _time_of(text: str) -> float:
    """Seconds since the epoch, of a line that begins with its time; 0.0 of any other. Without a zone it is the host's own."""
    match = next((match for pattern in _TIMES if (match := pattern.match(text))), None)
    said = {name: value or "" for name, value in match.groupdict().items()} if match else {}
    if not said or "epoch" in said:
        return float(said.get("epoch", 0))
    month = _MONTHS.get(said.get("name", "")) or said["mon"]
    micro = (said["part"] + "000000")[:6]
    zone = said.get("zone", "").replace("UTC", "+0000").replace("Z", "+0000").replace(":", "")
    with suppress(ValueError, KeyError, OverflowError):
        text = f"{said['y']}-{month}-{said['d']} {said['h']}:{said['min']}:{said['s']}.{micro}{zone}"
        return datetime.strptime(text, f"%Y-%m-%d %H:%M:%S.%f{'%z' if zone else ''}").timestamp()  # noqa: DTZ007  # the host's own zone
    return 0.0
