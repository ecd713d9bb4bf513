from collections.abc import Iterator
from contextlib import suppress

from orchestrator.checks.certificate_standing import due, trouble
from orchestrator.config import Certificate, Config
from orchestrator.host import Unavailable, View
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence


@observation(early=True)
def certificates(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """How the certificates stand that belong to the incident, and what became of their renewal."""
    told: list[str] = []
    facts: dict[str, str] = {}
    for declared in config.certificates_of(case.fault.target):
        verdict = trouble(view, declared)
        told.append(verdict.message if verdict else f"{declared.file} is well")
        if verdict is None or "certificate.trouble" in facts:
            continue
        renewal = _renewal(view, declared)
        told += renewal
        facts = {
            "certificate.trouble": verdict.reason,
            "certificate.file": declared.file,
            "certificate.cause": "; ".join((verdict.message, *renewal)),
            "certificate.due": "yes" if due(view, declared) or verdict.severity.rank < 2 else "",
            "certificate.renewable": "yes" if declared.renew_unit else "",
        }
    if case.fault.check == "certificate" and not told:  # one that a probe met, and nobody declared
        told, facts = [case.fault.message], {"certificate.trouble": case.fault.reason, "certificate.cause": case.fault.message}
    if told:
        yield Evidence(source="certificates", text="\n".join(told), facts={name: value for name, value in facts.items() if value})


def _renewal(view: View, declared: Certificate) -> tuple[str, ...]:
    """Why it was not renewed in time: its unit failed, or what starts that does not run any more."""
    if not declared.renew_unit:
        return ()
    unit = view.units.get(declared.renew_unit)
    if unit.load_state != "loaded":
        return (f"its renewal {unit.name} is {unit.load_state}",)
    told = [f"its renewal {unit.name} failed: {unit.dead_reason}"] if unit.active_state == "failed" else []
    for name in unit.triggered_by:
        timer = view.units.get(name)
        if not timer.running:
            stop = None
            with suppress(Unavailable):
                stop = view.units.stopped_by_hand(timer)
            by_whom = "was stopped by an administrator" if stop and not stop.with_dependency else f"is {timer.active_state}"
            told.append(f"its timer {name} {by_whom} ({timer.unit_file_state or 'no state'}): the next renewal will be missed as well")
    return tuple(told)
