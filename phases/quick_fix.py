"""Phase 1: what was learned on this host, then what an operator does by heart."""

from collections.abc import Callable, Sequence

from orchestrator.host import View
from orchestrator.knowledge import patterns, runbooks
from orchestrator.knowledge.runbooks import Runbook
from orchestrator.model import Abstain, Answer, Case, Pattern

_NAME = "quick fix"


class QuickFix:
    def __init__(self, books: Sequence[Runbook], learned: Callable[[str], Sequence[Pattern]], *, embedded: bool = True) -> None:
        """`learned` gives the patterns of a signature. `embedded`: whether the instant fixes count; what hands over does always."""
        self._books = books
        self._learned = learned
        self._instant = books if embedded else ()

    def propose(self, case: Case, view: View, deadline: float) -> Answer:
        """The best pattern, else the first instant fix, that was not tried yet."""
        del view, deadline  # all is known by heart
        if person := runbooks.hand_over([book for book in self._books if book.phase == 1], case):
            return person
        learned = patterns.recall(self._learned(case.fault.signature), case, case.candidates)
        instant = runbooks.proposals(self._instant, case, case.candidates, phase=1, proposer=_NAME)
        for source in (learned, instant):
            if proposal := next(source, None):
                return proposal
        tried = tuple(f"{attempt.proposal.cause}: {attempt.outcome}" for attempt in case.tried)
        return Abstain(
            reason="no pattern and no instant fix fits" if not tried else "nothing that is known by heart helped", ruled_out=tried
        )
