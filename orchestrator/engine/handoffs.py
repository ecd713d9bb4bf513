"""What a phase that gives up passes on: what it saw, what it tried and how that ended, what it ruled out, what is still open."""

from orchestrator.model import Abstain, Answer, Attempt, Case, Handoff, Phase

PERSON = Phase.ESCALATION.number


def passed_on(case: Case, reason: str, answer: Answer | None = None) -> Handoff:
    """`answer`: the phase's last word, where it had one."""
    seen = answer.seen if isinstance(answer, Abstain) else answer.evidence_ids if answer else ()
    return Handoff(
        phase=case.incident.phase,
        reason=reason,
        seen=seen,
        tried=tuple(_told(attempt) for attempt in case.tried if _is_of(attempt, case)),
        ruled_out=answer.ruled_out if isinstance(answer, Abstain) else (),
        open_questions=answer.open_questions if isinstance(answer, Abstain) else (),
    )


def _is_of(attempt: Attempt, case: Case) -> bool:
    """Of this phase, since the fault opened last."""
    return attempt.phase == case.incident.phase and attempt.began_at >= case.incident.opened_at


def _told(attempt: Attempt) -> str:
    plan = "; ".join(action.about() for action in attempt.proposal.plan)
    return f"{plan} ({attempt.proposal.cause}): {attempt.outcome or 'not ended'}{attempt.detail and f', {attempt.detail}'}"
