"""Phase 2: the whole bundle of evidence, read against the runbooks by the embedded engine, then by a model that may look further.

Written procedure beats free exploration: a model is asked when no runbook has a plan. Whatever it says, the evidence, the candidates
and the policy are the same.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.knowledge import runbooks
from orchestrator.knowledge.memory import RESEARCHER, Recall, nobody_remembers
from orchestrator.knowledge.runbooks import Runbook
from orchestrator.model import Abstain, Answer, Case, Evidence, HandOver, Proposal
from orchestrator.store import Anomaly
from phases.briefing import shown
from phases.conversation import Conversation, Talked
from phases.looking import looks_of, take
from phases.looks import Look, Past
from phases.models import Models

_NAME = "research"
MOST_TALKS = 3
"""Of one opening of an incident: a model whose plans did not help so often does not know it."""

Keep = Callable[[int, Sequence[Evidence]], tuple[Evidence, ...]]
Anomalies = Callable[[], Iterable[Anomaly]]


class Research:
    def __init__(
        self,
        books: Sequence[Runbook],
        models: Models,
        config: Config,
        *,
        keep: Keep,
        anomalies: Anomalies,
        past: Past,
        recall: Recall = nobody_remembers,
    ) -> None:
        """`keep` stores what a look brought, `anomalies` tells what else stands wrong, `past` what was like it before.

        `recall` tells what the researcher himself has seen here.
        """
        self._books = books
        self._models = models
        self._config = config
        self._keep = keep
        self._anomalies = anomalies
        self._past = past
        self._recall = recall

    def propose(self, case: Case, view: View, deadline: float) -> Answer:
        """The first runbook whose plan was not tried; all at once that was tried in vain alone; a person; then a model's choice."""
        if answer := self._by_the_book(case):
            return answer
        if not (self._models.available and case.candidates):
            return self._abstain(case, "no runbook explains the evidence")
        if _talks(case) >= MOST_TALKS:
            return self._abstain(case, f"{MOST_TALKS} plans of a model did not help")
        talk = Conversation(
            case,
            self._models,
            looks_of(case, view, self._config),
            partial(self._look, case, view),
            tuple(self._anomalies()),
            self._recall(case, RESEARCHER),
        )
        talked = talk.hold(self._config.agents.turns, deadline)
        return self._proposal(talked) if talked.plan else self._abstain(case, _told(talked), talked)

    def _by_the_book(self, case: Case) -> Proposal | HandOver | None:
        if self._config.agents.embedded:
            if proposal := next(runbooks.proposals(self._books, case, case.candidates, phase=2, proposer=_NAME), None):
                return proposal
            if several := runbooks.together(case, case.candidates, proposer=_NAME):
                return several
        return runbooks.hand_over(self._books, case)

    def _look(self, case: Case, view: View, looks: Sequence[Look]) -> tuple[Evidence, ...]:
        """On disk before a model hears of it: a citation is of something that a person can read."""
        return self._keep(case.incident.id, take(looks, case, view, self._config, self._past)) if looks else ()

    def _proposal(self, talked: Talked) -> Proposal:
        settings = self._models.settings(0)
        return Proposal(
            cause=talked.cause,
            evidence_ids=talked.minute.evidence_ids,
            plan=talked.plan,
            proposer=_NAME,
            origin=f"model:{settings.backend}/{settings.model}",
            minutes=(talked.minute,),
        )

    def _abstain(self, case: Case, reason: str, talked: Talked | None = None) -> Abstain:
        blind = (name.removeprefix("blind.") for name in case.facts() if name.startswith("blind."))
        return Abstain(
            reason=reason,
            seen=talked.seen if talked else tuple(item.id for item in shown(case)),
            ruled_out=(
                *(f"{attempt.proposal.cause}: {attempt.outcome}" for attempt in case.tried),
                *(talked.ruled_out if talked else ()),
            ),
            open_questions=(*(f"what does {name} say?" for name in blind), *(talked.open_questions if talked else ())),
            minutes=(talked.minute,) if talked else (),
        )


def _told(talked: Talked) -> str:
    minute = talked.minute
    how = {"failed": "gave no usable answer", "person": "says that a person must decide"}.get(minute.stance, "finds nothing that fits")
    return f"no runbook explains the evidence, and the model ({minute.backend}) {how}: {minute.reasoning}"


def _talks(case: Case) -> int:
    """How many plans of a model had their turn since it opened, or a person asked to try anew."""
    since = max(case.incident.opened_at, case.incident.retried_at)
    return sum(attempt.proposal.origin.startswith("model:") for attempt in case.tried if attempt.began_at >= since)
