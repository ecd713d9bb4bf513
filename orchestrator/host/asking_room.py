"""`python -m orchestrator.host.asking_room POINT`: what takes its room, for hands whose sandbox lets them see nothing beneath a mount.

Says one line of JSON: {"entries", "covered": [[name, bytes, files]], "complete"}; what is small is counted together, as `.`.
"""

import json
import os
import sys
from collections.abc import Sequence

from orchestrator.host.mounts import Taken
from orchestrator.host.view import View

_ROWS = 40


def rows_of(found: Sequence[Taken], point: str) -> list[tuple[str, int, int]]:
    """The largest, which come first, by name, and one for all others."""
    rows = [(os.path.relpath(one.path, point), one.size, one.files) for one in found[:_ROWS]]
    rest = found[_ROWS:]
    return [*rows, (".", sum(one.size for one in rest), sum(one.files for one in rest))] if rest else rows


def main() -> None:
    point, view = sys.argv[1], View()
    try:
        seen = view.mounts.takes_room(point)
    finally:
        view.close()
    told = {"entries": rows_of(seen.largest, point), "covered": rows_of(seen.covered, point), "complete": seen.complete}
    sys.stdout.write(f"{json.dumps(told)}\n")


if __name__ == "__main__":
    main()
