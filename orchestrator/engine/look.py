"""Looking again: whether the fault is still there, and whether anything in its scope is worse than before.

A change is judged by what a user would notice: the check that raised the fault, all probes of the service and of the
services around it, and the units of the scope (law 2: an exit status 0 proves nothing, nor does `active`).
"""

from collections.abc import Collection, Iterator

from orchestrator.checks import all_checks
from orchestrator.checks.probe_failing import ask, fault_of, probes_of
from orchestrator.config import Config, Service
from orchestrator.host import Unavailable, View
from orchestrator.model import Blind, Case, Evidence, Fault, Word, faults_in, hides

_SOURCE = "before the change"


class Look(Word):
    """What stands wrong in a case's scope now."""

    standing: tuple[Fault, ...] = ()
    failing: tuple[str, ...] = ()
    """Probes that fail, of all services in the scope."""
    blind: str = ""
    """Why the fault's own check or a probe could not tell; then nothing else here counts."""

    def has(self, key: str) -> bool:
        return any(fault.key == key for fault in self.standing)

    @property
    def clean(self) -> bool:
        return not self.blind and not self.standing and not self.failing

    def as_evidence(self) -> Evidence:
        """Kept before the first change, to be compared with afterwards, by another process if need be."""
        told = [fault.message for fault in self.standing] + [f"probe fails: {probe}" for probe in self.failing]
        facts = {"before.standing": "\n".join(fault.key for fault in self.standing), "before.failing": "\n".join(self.failing)}
        return Evidence(source=_SOURCE, text="\n".join(told) or "nothing else stands wrong", facts=facts)


def look(case: Case, view: View, config: Config) -> Look:
    """One look, now. Checks that are not the fault's own may be blind without blinding the look."""
    standing: dict[str, Fault] = {}
    checks = all_checks()
    for name in dict.fromkeys((case.fault.check, *(symptom.check for symptom in case.incident.symptoms), *_on_events())):
        one = checks.get(name)
        if one is None or not one.proves:
            continue  # its proof is the service's probes
        seen = one.ask(view, config if one.on_events else config.narrowed(case.fault.target))
        if isinstance(seen, Blind) and name == case.fault.check and hides(seen, case.fault.target):
            return Look(blind=f"{name}: {seen.reason}")
        standing.update(
            {fault.key: fault for fault in faults_in(seen) if fault.target == case.fault.target or case.scope.holds(fault.target)}
        )
    failing: list[str] = []
    for service in _services(case, view, config):
        try:
            results = ask(view, service)
        except Unavailable as trouble:
            return Look(blind=str(trouble))
        if blind := [result for result in results if result.blind]:
            return Look(blind=f"{blind[0].probe}: {blind[0].detail}")
        if misses := [result for result in results if not result.ok]:
            failing += [f"{service.name}: {miss.probe}" for miss in misses]
            fault = fault_of(service, misses)
            standing.setdefault(fault.key, fault)
    return Look(standing=tuple(standing.values()), failing=tuple(failing))


def stands(case: Case, view: View, config: Config) -> bool | str:
    """Whether the case's own fault stands, by its own check; a text says why that cannot be told."""
    one = all_checks().get(case.fault.check)
    if one is None:
        return True
    seen = one.ask(view, config if one.on_events else config.narrowed(case.fault.target))
    standing = any(fault.key == case.fault.key for fault in faults_in(seen))
    return standing or (seen.reason if isinstance(seen, Blind) and hides(seen, case.fault.target) else False)


def taken_back(case: Case, view: View, config: Config) -> Fault | None:
    """What a user misses where the case's own fault is gone only because what had been started for it was stopped again."""
    if case.fault.target not in view.units.taken_back:
        return None
    one = all_checks()["unit_inactive"]
    seen = one.ask(view, config)
    return None if isinstance(seen, Blind) else next((fault for fault in seen if fault.target == case.fault.target), None)


def is_worse(now: Look, case: Case, excused: Collection[str] = ()) -> bool:
    """More probes fail than before the change, or a unit of the scope that stood well does not any more.

    A fault that shows only now that the case's own is gone, at the same target, is the next layer and not harm. `excused` are
    targets and services that this change cannot have hurt.
    """
    facts = case.facts()
    before_failing = set(facts.get("before.failing", "").splitlines())
    failing = [probe for probe in now.failing if probe in before_failing or probe.partition(": ")[0] not in excused]
    if len(failing) > len(before_failing):
        return True
    before = {key.split(":", 1)[-1] for key in facts.get("before.standing", "").splitlines()} | {case.fault.target, *excused}
    return any(fault.target not in before for fault in now.standing)


def _on_events() -> Iterator[str]:
    return (name for name, one in all_checks().items() if one.on_events)


def _services(case: Case, view: View, config: Config) -> tuple[Service, ...]:
    """The declared services in the scope: the target's own, and those below and above it."""
    found = (service for service in config.service if case.scope.holds(service.target) or case.scope.holds(service.name))
    return tuple(service for service in found if probes_of(view, service))
