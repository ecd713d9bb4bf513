"""Three ways to an answer, cheapest first. A phase sees a Case, and answers Proposal, Abstain or HandOver; it changes nothing."""

from typing import Protocol

from orchestrator.host import View
from orchestrator.model import Answer, Case


class Phase(Protocol):
    def propose(self, case: Case, view: View, deadline: float) -> Answer:
        """An answer before `deadline` (seconds of the monotonic clock), a partial one if need be."""
