"""`scripts/bench chaos`."""

import argparse
import sys
from pathlib import Path

from tests.lab.base import Base
from tests.lab.chaos.run import report, run
from tests.lab.host import STATE, Host

_STORY = f"""journalctl --no-pager -o short-precise
sqlite3 -header {STATE}/tasks.db 'SELECT * FROM tasks; SELECT * FROM attempts'
sqlite3 -header {STATE}/escalations.db 'SELECT * FROM escalations; SELECT * FROM v_mails'"""  # noqa: S608  # our own


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench chaos")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--story", type=Path, help="where the host's journal and the daemon's tables are kept")
    chosen = parser.parse_args()
    with Base() as base, Host(base, limits=True) as host:
        ending = run(host, chosen.minutes * 60, chosen.seed, _say)
        if chosen.story:
            chosen.story.write_text(host.sh(_STORY).out, encoding="utf-8")
    _say(report(ending))
    return 0 if ending.counts.clean else 1


if __name__ == "__main__":
    sys.exit(main())
