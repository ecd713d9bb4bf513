"""Asks a service as its user would. A slow answer is no answer."""

from dataclasses import dataclass

from orchestrator.config import Probe
from orchestrator.host.files import Files


@dataclass(frozen=True, slots=True)
class ProbeResult:
    probe: str
    """The probe in words: `http http://127.0.0.1:8080/health`."""
    ok: bool
    detail: str = ""
    """Why it is not ok; empty when it is."""
    seconds: float = 0.0
    blind: bool = False
    """It could not be asked for a reason of our own (no such program, no permission): neither healthy nor a fault."""


def ask(probe: Probe, files: Files, user: str | None = None) -> ProbeResult:
    """Never raises; ends within the probe's own timeout."""
    raise NotImplementedError
