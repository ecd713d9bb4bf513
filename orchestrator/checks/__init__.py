"""Checks: one file each, found at load. A check reads the host and yields Faults; it never changes, and never waits idly.

    @check(every=10, confirm=4)
    def probe_failing(view: View, config: Config) -> Iterator[Fault]: ...

A check that raises `Unavailable`, or is late, is *blind*: neither healthy nor a fault.
"""

import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from orchestrator.config import Config
from orchestrator.host import Partly, Unavailable, View
from orchestrator.model import Blind, Fault, Seen

Look = Callable[[View, Config], Iterator[Fault]]
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """One check and how it is asked."""

    name: str
    look: Look
    about: str
    every: float | None
    """Seconds between looks; None is the daemon's poll_seconds."""
    deadline: float
    """Seconds after which a look is late, and the check blind."""
    confirm: int
    """So many looks in a row must see a fault before it counts (soft state, where one miss is noise)."""
    on_events: bool
    """Also asked at once when systemd says that a unit changed."""
    retry: float = _RETRY_SECONDS
    """Seconds until the next look while a fault waits for its confirmation."""
    proves: bool = True
    """Whether a look right after a change tells what the change did; what others say comes at their pace."""
    whole_host: bool = False
    """It looks at what belongs to no unit of a user's own: where only a user's systemd is watched, it is left to the host's root."""

    def ask(self, view: View, config: Config) -> Seen:
        """One look, now, in this thread. Our own trouble is blindness: it never becomes a fault, nor hides one."""
        faults: list[Fault] = []
        try:
            faults.extend(self.look(view, config))
        except Unavailable as trouble:
            return Blind(reason=str(trouble), seen=tuple(faults), unseen=trouble.unseen if isinstance(trouble, Partly) else None)
        except Exception as error:  # noqa: BLE001  # a bug in one check must not end the watch of all others
            return Blind(reason=f"the check itself failed: {type(error).__name__}: {error}")
        return tuple(faults)


_REGISTERED: dict[str, Check] = {}


def check(
    *,
    every: float | None = None,
    deadline: float = 10,
    confirm: int = 1,
    on_events: bool = False,
    proves: bool = True,
    whole_host: bool = False,
) -> Callable[[Look], Look]:
    """Register the decorated function as a check under its own name; its docstring's first line is what `checks` shows."""

    def register(look: Look) -> Look:
        name = look.__name__
        about = (look.__doc__ or "").strip().split("\n")[0]
        _REGISTERED[name] = Check(name, look, about, every, deadline, confirm, on_events, proves=proves, whole_host=whole_host)
        return look

    return register


def checks_for(config: Config) -> dict[str, Check]:
    """Those that have something to look at here."""
    whole = config.daemon.manager == "system"
    return {name: found for name, found in all_checks().items() if whole or not found.whole_host}


@cache
def all_checks() -> dict[str, Check]:
    """Every check of this package, by name."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return dict(sorted(_REGISTERED.items()))
