"""Moving: each method is one transaction on one live row that is no symptom; otherwise it raises Stale."""

from collections.abc import Sequence

from orchestrator.model import Fault, Handoff, Proposal, Scope, Status


class Moves:
    def scope(self, task_id: int, scope: Scope) -> None:
        """What the incident may touch, from now on."""
        raise NotImplementedError

    def begin_phase(self, task_id: int, phase: int) -> None:
        """The row is being healed in `phase`; `started_at` is set the first time."""
        raise NotImplementedError

    def wait(self, task_id: int, until: float, reason: str) -> None:
        """Not due before `until`; the status stays."""
        raise NotImplementedError

    def hand_off(self, task_id: int, handoff: Handoff) -> None:
        """The next phase has it, at once, with what this one found out."""
        raise NotImplementedError

    def ask(self, task_id: int, reason: str) -> None:
        """A person is asked: waiting, and never due by itself."""
        raise NotImplementedError

    def approve(self, task_id: int, proposal: Proposal) -> None:
        """Due at once with exactly this plan."""
        raise NotImplementedError

    def progress(self, task_id: int, fault: Fault) -> None:
        """The row's own fault is gone and `fault` is now its own; a symptom or open row of that key goes into this one."""
        raise NotImplementedError

    def close(self, task_id: int, status: Status, *, phase: int, fix_successful: bool | None, resolution: str) -> None:
        """The end: fixed, cleared or dismissed. Its symptoms are resolved with it."""
        raise NotImplementedError

    def escalated(self, task_id: int, *, reason: str) -> None:
        """A person has it: phase 4, `fix_successful` 0, not due by itself; live until the fault goes away."""
        raise NotImplementedError

    def retry(self, task_id: int, phase: int, at: float) -> None:
        """Due again in `phase` at `at`; a row that waited for a person is open again."""
        raise NotImplementedError

    def release_symptoms(self, task_id: int, standing: Sequence[str]) -> tuple[int, ...]:
        """Symptoms whose key still stands become open incidents of their own; before or right after `close`."""
        raise NotImplementedError
