"""A fix that works each time and never for long: a fault of its own, whose cause no repair has touched.

A leak that a restart postpones, a disk that fills each night. Each time it is healed as before, so that the service is kept up;
what a person is told, once, is the pattern. What comes back within `relapse_seconds` is its own incident's story, until it
outlasts that too.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from orchestrator.checks import check
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Fault, Heal, Severity

DAY = 86_400.0
LOOKS_BACK_SECONDS = 7 * DAY
_BUDGETS = ((3, DAY), (5, LOOKS_BACK_SECONDS))
"""The third time in a day, or the fifth in a week, is no accident any more."""


@check(every=30)
def recurring(view: View, config: Config) -> Iterator[Fault]:
    """A fault that is healed each time, and comes back."""
    del config
    for heals in kinds(view.heals, view.now()):
        if len({heal.incident for heal in heals}) < 2:
            continue
        last = heals[-1]
        yield Fault(
            check="recurring",
            target=last.target,
            reason="HealedAgainAndAgain",
            message=f"{last.target} is {pattern(heals)}: what causes it is still there",
            severity=Severity.WARNING,
            facts={"kind": last.key.partition(":")[0]},
        )


def kinds(heals: Sequence[Heal], now: float) -> Iterator[tuple[Heal, ...]]:
    """For each kind of fault that was healed too often: those heals, oldest first. The one healed most comes first."""
    by_kind = [tuple(group) for _, group in groupby(sorted(heals, key=_kind), key=_kind)]
    for group in sorted(by_kind, key=len, reverse=True):
        for often, seconds in _BUDGETS:
            recent = tuple(heal for heal in group if now - heal.healed_at < seconds)
            if len(recent) >= often:
                yield recent
                break


def _kind(heal: Heal) -> tuple[str, str]:
    return heal.key, heal.signature


def pattern(heals: Sequence[Heal]) -> str:
    """`healed 3 times in 5 h by restart_unit, and each time it lasted 40 min to 65 min`, of heals of one kind, oldest first."""
    plans = dict.fromkeys(" and ".join(dict.fromkeys(heal.plan)) for heal in heals)
    lasted = sorted(max(0.0, later.began_at - earlier.healed_at) for earlier, later in pairwise(heals))
    spans = list(dict.fromkeys(map(_told, (lasted[0], lasted[-1])))) if lasted else []
    times = f"healed {len(heals)} times in {_told(heals[-1].healed_at - heals[0].began_at)} by {' or '.join(plans)}"
    return times + (f", and each time it lasted {' to '.join(spans)}" if spans else "")


def _told(seconds: float) -> str:
    for unit, length in (("d", DAY), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
