"""A name that declared services need and that is not found any more: one root, however many services miss it."""

import time
from collections.abc import Iterator
from contextlib import suppress

from orchestrator.checks import check
from orchestrator.checks.names_needed import learn
from orchestrator.checks.names_standing import Lost, Trouble, astray, damaged, look_up, marks, missing, troubles
from orchestrator.config import Config
from orchestrator.host import Unavailable, View, dns, ways
from orchestrator.host.names import RESOLV, servers_in
from orchestrator.model import Fault, Severity

_EVERY_SECONDS = 300.0
"""Between two looks at names that nobody complains of."""
_DAMAGED = "damaged name files"
_LASTING_SECONDS = 20.0
"""Whoever writes such a file anew, or starts what it leads to, is done by then."""
_LEARN_SECONDS = 1800.0
"""Between two readings of what configurations name: systemd is asked for each unit then."""
_DOUBT_SECONDS = 60.0


@check(every=10, deadline=60, confirm=3, on_events=True)
def names_fail(view: View, config: Config) -> Iterator[Fault]:
    """A name in the configuration of a declared service that was found here before, and is not found any more."""
    names, now = view.names, view.now()
    met = tuple(service.target for service in config.service if view.servers.of(service.target))
    if met != names.learned_for or not 0 <= now - names.learned_at < _LEARN_SECONDS:
        learn(view, config)
        names.learned_at, names.learned_for = now, met
    files = marks(view) if config.service else ()
    if not config.service or not _is_due(view, files, now):
        return
    names.doubted = {target: since for target, since in names.doubted.items() if _in_doubt(view, config, target, since)}
    targets = tuple(names.needs)
    lost: Lost = missing(view, targets)
    found = tuple(troubles(view, lost, astray(view, tuple(names.doubted))))
    broken = () if found or names.found else tuple(Trouble(root, reason, why, frozenset()) for root, reason, why in damaged(view))
    found = found or _lasting(view, broken)
    names.roots = {one.root: one.services for one in found}
    if not found and not broken and not names.doubted:
        _all_well(view, files, now)
    for one in found:
        needed = ", ".join(sorted(one.services))[:200]
        message = f"{one.message}; needed by {needed or 'nobody that is known'}"
        severity = Severity.HIGH if needed else Severity.WARNING
        yield Fault(check="names_fail", target=one.root, reason=one.reason, message=message, severity=severity)


def _lasting(view: View, broken: tuple[Trouble, ...]) -> tuple[Trouble, ...]:
    """Where no configuration tells which names are needed, a file that says nothing any more is told, and nothing is brought back."""
    if not broken:
        view.trends.forget(_DAMAGED)
        return ()
    since = view.trends.note(_DAMAGED, broken[0].root, 1.0, time.monotonic())
    return broken if since.span >= _LASTING_SECONDS else ()


def _is_due(view: View, files: tuple[object, ...], now: float) -> bool:
    """The usual look compares six files' states and asks for no name."""
    names = view.names
    if names.roots or names.doubted or files != names.marks or not 0 <= now - names.looked_at < _EVERY_SECONDS:
        return True
    units = tuple(set(names.resolvers.values()))
    return bool(units) and any(line.active_state != "active" for line in view.units.named(units))


def _in_doubt(view: View, config: Config, target: str, since: float) -> bool:
    """Until it has answered its user since; where nobody asks it, for a while."""
    service = config.service_of(target)
    hit = any(target in services for services in view.names.roots.values())
    if service and service.probes:
        return view.answered.get(target, 0.0) < since
    return hit or view.now() - since < _DOUBT_SECONDS


def _all_well(view: View, files: tuple[object, ...], now: float) -> None:
    """What the next looks are compared with; names that were not found yet are asked for as well."""
    names = view.names
    asked = tuple({(name, needs.user) for needs in names.needs.values() for name in needs.names})
    names.found = {**names.found, **{name: found for (name, _), found in look_up(view, asked).items() if found}}
    if files != names.marks:
        names.resolvers = {**names.resolvers, **dict(_resolvers(view))}
    names.marks, names.looked_at = files, now


def _resolvers(view: View) -> Iterator[tuple[str, str]]:
    """The name servers of this very host, and whose they are."""
    with suppress(Unavailable):
        for server in servers_in(view.files.read(RESOLV).decode("utf-8", "replace")):
            holder = view.sockets.holder_of_datagram(server, dns.PORT) if ways.is_ours(server) else None
            if holder and holder.unit.endswith(".service"):
                yield server, holder.unit
