"""Observations: one file each, found at load. Each reads the host for one case and yields Evidence with facts.

    @observation(early=True)
    def unit_state(view: View, config: Config, case: Case) -> Iterator[Evidence]: ...

The bundle is gathered before the first change, which destroys it. An observation that cannot be made is itself evidence.
"""

import pkgutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from orchestrator.config import Config
from orchestrator.host import FileState, NoRight, Unavailable, Unit, View
from orchestrator.model import Case, Evidence

Observe = Callable[[View, Config, Case], Iterator[Evidence]]
MAX_TEXT = 16_000


@dataclass(frozen=True, slots=True)
class Observation:
    name: str
    observe: Observe
    early: bool
    """Cheap, and needed before any change: phase 1 gathers it too."""


_REGISTERED: dict[str, Observation] = {}


def observation(*, early: bool) -> Callable[[Observe], Observe]:
    def register(observe: Observe) -> Observe:
        _REGISTERED[observe.__name__] = Observation(observe.__name__, observe, early)
        return observe

    return register


@cache
def all_observations() -> tuple[Observation, ...]:
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return tuple(_REGISTERED[name] for name in sorted(_REGISTERED))


def gather(view: View, config: Config, case: Case, *, early_only: bool, deadline: float) -> tuple[Evidence, ...]:
    """The bundle for this case, as of now. What `deadline` (seconds of the monotonic clock) cuts off is said: a partial result."""
    found: list[Evidence] = []
    for one in all_observations():
        if early_only and not one.early:
            continue
        if time.monotonic() > deadline:
            found.append(Evidence(source=one.name, text="not looked at: the phase's time was used up", facts={f"blind.{one.name}": "yes"}))
            continue
        found.extend(_observed(one, view, config, case))
    return tuple(found)


def _observed(observation: Observation, view: View, config: Config, case: Case) -> Iterator[Evidence]:
    try:
        yield from observation.observe(view, config, case)
    except Unavailable as trouble:
        unread = {f"unread.{observation.name}": str(trouble)[:300]} if isinstance(trouble, NoRight) else {}
        facts = {f"blind.{observation.name}": "yes", **unread}
        yield Evidence(source=observation.name, text=f"could not be read: {trouble}", facts=facts)


def unit_of(case: Case, view: View) -> Unit:
    """The incident's own unit. One in a crash loop as its last run left it: the next run, seen by chance, tells nothing."""
    unit = view.units.get(case.fault.target)
    return view.units.at_last_end(unit) if case.fault.check == "unit_crash_loop" else unit


def ran_well_with(view: View, unit: Unit, state: FileState) -> bool:
    """Whether its last run began with this very file, and answered its probes since: what was put in place in good order."""
    return max(state.mtime, state.ctime) <= unit.main_started_at < view.answered.get(unit.name, 0.0)


def bounded(text: str) -> str:
    """The tail, since the end of a log tells most; what was cut is said."""
    return text if len(text) <= MAX_TEXT else f"[{len(text) - MAX_TEXT} characters cut]\n{text[-MAX_TEXT:]}"


@contextmanager
def as_far_as_may_be(unread: list[str]) -> Iterator[None]:
    """One place of several: that it could not be asked is nothing, as far as it goes; that nobody may read it is noted."""
    try:
        yield
    except NoRight as trouble:
        unread.append(str(trouble))
    except Unavailable:
        pass
