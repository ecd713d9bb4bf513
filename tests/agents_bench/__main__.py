"""Run by scripts/bench agents: a hundred services break at once, a model that thinks for 2 s heals them, and they break again.

What a model learned is a pattern: the second time costs no call. The first round is then tried anew with a budget that is too small.
"""

import argparse
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.agents_bench.field import Field, Round, thinking
from tests.models.stub import Stub

SECONDS = 1800.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench agents", description=__doc__)
    parser.add_argument("-n", type=int, default=100, help="services")
    parser.add_argument("--calls", type=int, default=8, help="calls at once ([agents] calls)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long the model thinks")
    parser.add_argument("--cap", type=float, default=0.5, help="dollars of the round with too small a budget")
    options = parser.parse_args()
    logging.disable(logging.ERROR)  # each escalation is a line in the daemon's journal
    print(f"load of this machine before: {os.getloadavg()[0]:.1f}, on {os.cpu_count()} processors")
    ample = _round(options, 1000.0, ("the first time", "the second time"))
    short = _round(options, options.cap, (f"with {options.cap:.2f} dollars",))
    sys.exit(0 if ample and short else 1)


def _round(options: argparse.Namespace, cap: float, names: tuple[str, ...]) -> bool:
    limits = {"day_dollars": cap, "day_tokens": 10**9}
    with tempfile.TemporaryDirectory() as folder, Stub(thinking(options.seconds)) as stub:
        field = Field(Path(folder), options.n, stub, calls=options.calls, **limits)
        try:
            print(f"{options.n} at once, a model that thinks {options.seconds:g} s, {options.calls} calls at once, {cap:.2f} dollars a day")
            rounds = [_told(name, field) for name in names]
            print(f"  most calls in flight {stub.most_at_once} of {options.calls}; spent {field.spent:.4f} of {cap:.2f} dollars")
            held = stub.most_at_once <= options.calls and field.spent <= cap
            return held and not any(one.lost for one in rounds)
        finally:
            field.close()


def _told(name: str, field: Field) -> Round:
    began = time.monotonic()
    one = field.break_all(SECONDS)
    took, n = time.monotonic() - began, one.incidents
    print(
        f"  {name:18} healed {one.healed}, with a person {one.with_person}, lost {one.lost}; {took:.0f} s for all,"
        f" {one.median_seconds:.1f} s in the middle, {one.longest_seconds:.1f} s at most\n"
        f"  {'':18} an incident: {one.calls / n:.2f} calls, {one.tokens / n:.0f} tokens, {one.dollars / n:.4f} dollars",
        flush=True,
    )
    return one


if __name__ == "__main__":
    main()
