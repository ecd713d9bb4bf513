"""Phase 2: the whole bundle of evidence, read against the runbooks by the embedded engine."""

from collections.abc import Sequence

from orchestrator.host import View
from orchestrator.knowledge import runbooks
from orchestrator.knowledge.runbooks import Runbook
from orchestrator.model import Abstain, Answer, Case

_NAME = "research"


class Research:
    def __init__(self, books: Sequence[Runbook]) -> None:
        self._books = books

    def propose(self, case: Case, view: View, deadline: float) -> Answer:
        """The first runbook whose evidence is there and whose plan was not tried; then all at once that was tried in vain alone."""
        del view, deadline  # the bundle was gathered within the phase's time; reading it takes milliseconds
        if proposal := next(runbooks.proposals(self._books, case, case.candidates, phase=2, proposer=_NAME), None):
            return proposal
        if several := runbooks.together(case, case.candidates, proposer=_NAME):
            return several
        if person := runbooks.hand_over(self._books, case):
            return person
        blind = tuple(name.removeprefix("blind.") for name in case.facts() if name.startswith("blind."))
        return Abstain(
            reason="no runbook explains the evidence",
            ruled_out=tuple(f"{attempt.proposal.cause}: {attempt.outcome}" for attempt in case.tried),
            open_questions=tuple(f"what does {name} say?" for name in blind),
        )
