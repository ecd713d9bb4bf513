"""The daemon's side of the desk: it escalates, asks, hears the answers, and sends the mail."""

from collections.abc import Sequence
from pathlib import Path

from escalation.front import FrontDesk
from escalation.words import AnswerStatus, Delivered, Intervention, Kind, Mend
from orchestrator.config import Mail
from orchestrator.model import Incident, Minute, Proposal


class Desk(FrontDesk):
    """escalations.db, opened for writing and migrated. Safe to use from any thread."""

    def __init__(self, state_dir: Path, mail: Mail, host: str) -> None:
        """Raises StoreUnusable. `mail` is an attribute: assign it when the configuration was read again."""
        raise NotImplementedError

    def escalate(
        self,
        incident: Incident,
        reason: str,
        *,
        body: str,
        kind: Kind = "escalation",
        question: str = "",
        proposal: Proposal | None = None,
        expires_at: float | None = None,
    ) -> int:
        """One open escalation per task: a second call adds its question or a note to the same. Returns its id.

        The escalation, the question and the mail are one transaction. A repeated call with nothing new changes nothing.
        """
        raise NotImplementedError

    def review(self, task_id: int, question: str) -> int:
        """Ask a person to look at a fix afterwards: a question without an escalation and without a mail."""
        raise NotImplementedError

    def minutes(self, task_id: int, round_minutes: Sequence[Minute], escalation_id: int | None = None) -> None:
        """Keep the votes and answers of the experts."""
        raise NotImplementedError

    def pending(self, task_id: int) -> Intervention | None:
        """The newest open question of a task."""
        raise NotImplementedError

    def answer(self, intervention_id: int, status: AnswerStatus, answer: str, actor: str) -> bool:
        """False when it was answered, withdrawn or expired before: then nothing changed."""
        raise NotImplementedError

    def expire(self, now: float) -> tuple[Intervention, ...]:
        """Permissions that ran out: the question expires, the case never does; a reminder goes out."""
        raise NotImplementedError

    def went_away(self, task_id: int, word: str) -> None:
        """The fault cleared or was healed: its escalation is resolved with that word.

        A recovery mail goes out only if the mail about the problem did; else that one is kept as not sent, and why.
        """
        raise NotImplementedError

    def reconcile(self, escalated_task_ids: Sequence[int]) -> Mend:
        """Compare with the task rows that are waiting or escalated (`Store.with_person`)."""
        raise NotImplementedError

    def deliver(self, now: float) -> Delivered:
        """Send what is due. Never raises: a mail that does not go now goes later."""
        raise NotImplementedError
