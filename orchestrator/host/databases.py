"""The SQLite databases of a service, and what SQLite itself finds wrong in them: read only, by their owner, and for some seconds."""

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pwd import getpwuid

from orchestrator.config import Service
from orchestrator.host import places
from orchestrator.host.errors import Unavailable
from orchestrator.host.unit import Unit
from orchestrator.host.view import View
from orchestrator.model import is_unit

_MAGIC = b"SQLite format 3\0"
_LARGEST = 256 << 20
_MOST, _ENTRIES, _PATHS = 4, 50, 400
_NO_DATA = ("/usr/", "/lib/", "/bin/", "/proc/", "/sys/", "/dev/", "/run/systemd/")
_SECONDS = 3.0
"""For all of them together: a service that is down waits for this."""
_CHECK = """
import pathlib, sqlite3, sys
try:
    with sqlite3.connect(pathlib.Path(sys.argv[1]).as_uri() + "?mode=ro", uri=True, timeout=0.2) as base:
        base.execute("PRAGMA trusted_schema = OFF")
        said = base.execute("PRAGMA quick_check(1)").fetchone()[0]
        print("" if said == "ok" else said.splitlines()[-1])
except sqlite3.OperationalError:
    pass  # locked, or it wants to be written to: nothing is known
except sqlite3.DatabaseError as error:
    print(error)
"""


def troubles(view: View, target: str, service: Service | None) -> Iterator[tuple[str, str]]:
    """Each database of a unit or a declared service, and what is wrong in it; empty where nothing was found in time.

    They are their owners' to read: an ordinary user asks whoever has the rights. Raises Unavailable.
    """
    if not view.runs.may_be(None):
        for file, wrong in view.rights.ask("database_troubles", target=target):
            yield str(file), str(wrong)
        return
    unit = view.units.get(target) if is_unit(target) else Unit(name=target)
    until = time.monotonic() + _SECONDS
    for file in islice((file for file in _files(view, unit, service) if _is_database(view, file)), _MOST):
        left = until - time.monotonic()
        yield file, _wrong(view, file, left) if left > 0 else ""


def _files(view: View, unit: Unit, service: Service | None) -> Iterator[str]:
    """What it names or has open, and what lies in the directories where it writes; each once, and so many at most."""
    named: list[str] = []
    with suppress(Unavailable):  # what it names stays true, where what it has open may not be read
        named.extend(islice(places.paths(view, unit, service), _PATHS))
    for directory in places.written(unit, service):
        with suppress(Unavailable):
            named += (f"{directory.rstrip('/')}/{name}" for name in view.files.entries(directory, _ENTRIES))
    yield from dict.fromkeys(path for path in named if not path.startswith(_NO_DATA))


def _is_database(view: View, file: str) -> bool:
    with suppress(Unavailable):
        found = view.files.look(file)
        whole = found is not None and found.kind == "file" and len(_MAGIC) < found.size <= _LARGEST
        return whole and view.files.read(file, len(_MAGIC)) == _MAGIC
    return False


def _wrong(view: View, path: str, seconds: float) -> str:
    """Empty where nothing is, or nothing is known."""
    state = view.files.look(path)
    if state is None or view.mounts.doubtful(path):
        return ""
    try:
        owner = getpwuid(state.uid).pw_name if state.uid else None
    except KeyError:
        return ""
    result = view.runs([sys.executable, "-I", "-c", _CHECK, path], timeout=seconds, user=owner)
    return result.output.strip()[:300] if result.ok else ""
