"""A made-up incident for the tests of the desk."""

from orchestrator.model import Incident, Severity
from tests.store.made import a_fault


def an_incident(number: int = 1, message: str = "web.service failed", severity: Severity = Severity.HIGH) -> Incident:
    return Incident(id=number, fault=a_fault(message=message, severity=severity), detected_at=1_700_000_000.0)
