"""`scripts/bench exam`: runs cases, and prints the scoreboard as the README shows it."""

import argparse
import json
import os
import platform
import shlex
import sys
import time
from concurrent.futures import as_completed
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from tests.lab.base import unavailable
from tests.lab.exam.cases import BadCases, Case, load
from tests.lab.exam.healers import HEALERS, Nobody, Ours
from tests.lab.exam.report import scoreboard, summary
from tests.lab.exam.result import Result
from tests.lab.exam.run import judged, prepared, run, running


def chosen(options: argparse.Namespace) -> tuple[Case, ...]:
    cases = load()
    unknown = set(options.case or ()) - {case.name for case in cases} | set(options.family or ()) - {case.family for case in cases}
    if unknown:
        sys.exit(f"there is no such case or family: {', '.join(sorted(unknown))}")
    return tuple(
        case for case in cases if (not options.case or case.name in options.case) and (not options.family or case.family in options.family)
    )


def tell(text: str) -> None:
    """Beside the scoreboard, which alone goes to standard output."""
    print(text, file=sys.stderr, flush=True)


def play(cases: tuple[Case, ...], healers: tuple[str, ...], jobs: int) -> list[Result]:
    """All results, as they stand in the end; each is told as it comes. What proves nothing, beside so many others, is played once more."""
    pairs = [(case, healer) for case in cases for healer in healers]
    with ExitStack() as stack, running(bases := prepared(stack, cases), pairs, jobs) as futures:
        for number, future in enumerate(as_completed(futures.values()), 1):
            result = judged(future.result())
            state = "BROKEN" if result.broken else "ok" if result.ok else "wrong"
            why = result.broken.splitlines()[0] if result.broken else "; ".join(result.wrong)
            tell(f"[{number}/{len(pairs)}] {result.case.name} {result.healer}: {state} {result.took:.0f} s {why}"[:400])
        done = {key: future.result() for key, future in futures.items()}
        for key, result in done.items():
            if result.broken:
                tell(f"once more, by itself: {result.case.name} {result.healer}")
                done[key] = run(bases[result.case.containers], result.case, result.healer)
    return [judged(result, done.get((result.case.name, "none"))) for result in done.values()]


def said(began: float) -> str:
    """When, where, and by which command."""
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{os.cpu_count()} CPUs, {memory:.0f} GiB, {system}, kernel {platform.release()}"
    command = shlex.join(["scripts/bench", "exam", *sys.argv[1:]])
    return f"`{command}`, {datetime.now(UTC):%-d %B %Y}, {(time.monotonic() - began) / 60:.0f} minutes; {machine}."


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench exam", description=__doc__)
    parser.add_argument("--healer", action="append", choices=list(HEALERS), help="default: all of them")
    parser.add_argument("--case", action="append", metavar="NAME")
    parser.add_argument("--family", action="append", metavar="NAME")
    parser.add_argument("--jobs", type=int, default=6, help="hosts at once")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every result, for programs")
    parser.add_argument("--story", action="store_true", help="the healers' own journals of what went wrong")
    options = parser.parse_args()
    if reason := unavailable():
        sys.exit(reason)
    try:
        cases = chosen(options)
    except BadCases as error:
        sys.exit(str(error))
    asked = options.healer or list(HEALERS)
    beside = [] if asked == [Ours.name] else [Nobody.name]  # what a peer did shows beside what happens when nobody acts
    healers = tuple(healer for healer in HEALERS if healer in (*asked, *beside))
    began = time.monotonic()
    results = play(cases, healers, options.jobs)
    if options.story:
        for result in results:
            if not result.ok:
                tell(f"\n==== {result.case.name}, {result.healer}\n{result.broken}{result.story}")
    print(scoreboard(results, said(began)))
    if options.json:
        options.json.write_text(json.dumps([summary(result) for result in results], indent=1), encoding="utf-8")
    sys.exit(any(not result.ok for result in results if result.healer == Ours.name))


if __name__ == "__main__":
    main()
