"""Certificates that are expired or soon will be, are not what is served, or do not fit their key, their name or the clock."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from orchestrator.checks import check
from orchestrator.checks.certificate_standing import AGREED_SECONDS, Verdict, for_clients, is_renewing, trouble
from orchestrator.config import Config, HttpProbe, Service
from orchestrator.host import View
from orchestrator.model import Fault, Severity


@check(every=10, deadline=60, confirm=3)
def certificate(view: View, config: Config) -> Iterator[Fault]:
    """A declared certificate, or one that an https probe meets, that clients or the next start would refuse."""
    told: set[str] = set()
    for declared in config.certificate:
        verdict = None if declared.file in told else trouble(view, declared)
        if verdict and not is_renewing(view, declared):
            told.add(declared.file)
            yield _fault(declared.file, verdict, {"renew_unit": declared.renew_unit} if declared.renew_unit else {})
    spoken_of = {declared.endpoint for declared in config.certificate}
    for service in config.service:
        if verdict := _met_by_a_probe(view, service, spoken_of):
            yield _fault(service.target, verdict, {})


def _fault(target: str, verdict: Verdict, facts: dict[str, str]) -> Fault:
    return Fault(check="certificate", target=target, reason=verdict.reason, message=verdict.message, severity=verdict.severity, facts=facts)


def _met_by_a_probe(view: View, service: Service, spoken_of: set[str | None]) -> Verdict | None:
    """Nobody declared more than the address: only the dates are looked at, and whoever runs it is told."""
    for endpoint in _https(service):
        one = view.certificates.served(endpoint, None, not_older=AGREED_SECONDS) if endpoint not in spoken_of else None
        if one and for_clients(one, endpoint, None, view.now()):
            one = view.certificates.served(endpoint, None)
        if one and (verdict := for_clients(one, f"of {endpoint}", None, view.now())):
            return Verdict(verdict.reason, verdict.message, Severity.WARNING)
    return None


def _https(service: Service) -> Iterator[str]:
    for probe in service.probes:
        parts = urlsplit(probe.http) if isinstance(probe, HttpProbe) else None
        if parts and parts.scheme == "https" and parts.hostname:
            yield f"{parts.hostname}:{parts.port or 443}"
