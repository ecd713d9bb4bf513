"""The side of the desk where people stand: each act is a conditional update and needs no daemon."""

from pathlib import Path

from escalation.words import Escalation


class FrontDesk:
    """escalations.db as the daemon made it; never migrates.

    Every act returns the new state, and raises Stale with the newer one when the escalation moved on: it is in another
    status than the act needs, or `version` is given and is no longer its version.
    """

    def __init__(self, state_dir: Path) -> None:
        """Raises StoreUnusable when the daemon has not made the file yet, or a newer one did."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def find(self, escalation_id: int) -> Escalation | None:
        raise NotImplementedError

    def open_for(self, task_id: int) -> Escalation | None:
        raise NotImplementedError

    def ack(self, escalation_id: int, owner: str, *, version: int | None = None) -> Escalation:
        raise NotImplementedError

    def unack(self, escalation_id: int, actor: str, *, version: int | None = None) -> Escalation:
        raise NotImplementedError

    def snooze(self, escalation_id: int, until: float, actor: str, *, version: int | None = None) -> Escalation:
        """No reminder before `until` (seconds since the epoch)."""
        raise NotImplementedError

    def note(self, escalation_id: int, text: str, actor: str) -> Escalation:
        raise NotImplementedError

    def resolve(self, escalation_id: int, resolution: str, actor: str, *, version: int | None = None) -> Escalation:
        """Its open questions are withdrawn. Whether the fault still stands is for the caller to say."""
        raise NotImplementedError

    def reopen(self, escalation_id: int, actor: str, *, version: int | None = None) -> Escalation:
        raise NotImplementedError
