"""What another watcher says of a service or unit: an event, whose proof of healing is the service's own probes."""

import re
from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Alert, Fault, Scope, is_unit

ANSWERED_SECONDS = 600.0
"""So long whoever says it is given to see that something was done: it looks at its own pace, and groups what it sends."""
SILENT_SECONDS = 24 * 3600.0
_SHOWN, _NAMED = 300, 5


@check(every=15, proves=False)
def alert(view: View, config: Config) -> Iterator[Fault]:
    """Another watcher says that something is wrong with a service or a unit of this host, and nothing was done about it since."""
    for target in sorted({item.target for item in view.alerts}):
        said = [item for item in view.alerts if item.target == target and view.now() - item.seen_at < SILENT_SECONDS]
        ours = _ours(target, view, config) if said else ""
        if ours and view.now() - _acted_at(view, ours) >= ANSWERED_SECONDS:
            yield _fault(ours, sorted(said, key=lambda item: (item.severity.rank, item.starts_at)))


def _ours(target: str, view: View, config: Config) -> str:
    """What the alert is about, as it is called here; empty where this host has no such thing: somebody sends another host's alerts."""
    if service := config.service_of(target):
        return service.target
    return target if is_unit(target) and view.units.get(target).load_state == "loaded" else ""


def seen_to(view: View, config: Config, scope: Scope) -> None:
    """Something was done within this scope: what others said of it before is answered; what they still say later is trouble again."""
    for service in config.service:
        if scope.holds(service.target) or scope.holds(service.name):
            view.acted[service.target] = view.now()
    for item in view.alerts:
        if scope.holds(item.target):
            view.acted[item.target] = view.now()


def _acted_at(view: View, target: str) -> float:
    """When something was done about it last; what was done before this start, where it healed."""
    return max((view.acted.get(target, 0.0), *(heal.healed_at for heal in view.heals if heal.target == target)))


def _fault(target: str, said: list[Alert]) -> Fault:
    """The worst one names it. Its text is for people: nothing in it is a fact."""
    first = said[0]
    others = f"; and {len(said) - 1} more: {', '.join(item.name for item in said[1:_NAMED])}" if said[1:] else ""
    return Fault(
        check="alert",
        target=target,
        reason=_reason(first.name),
        message=f"alert {first.name}: {first.summary or target}"[:_SHOWN] + others,
        severity=first.severity,
    )


def _reason(name: str) -> str:
    """`high-error rate` is HighErrorRate."""
    words = re.findall(r"[A-Za-z0-9]+", name[:100])
    joined = "".join(word[0].upper() + word[1:] for word in words)
    return joined if re.fullmatch(r"[A-Z][A-Za-z0-9]+", joined) else "AlertFiring"
