"""What was learned: plans that healed a signature, and how far each is trusted."""

from typing import Literal

from orchestrator.model import Action, Pattern, Stage

Credit = Literal["win", "loss", "relapse"]

TRUSTED_FROM = 3
"""The margin, wins - 2 x (losses + relapses), from which a pattern is trusted; below 0 it is demoted."""


def stage_after(wins: int, losses: int, relapses: int) -> Stage:
    """The stage that a record earns. A loss weighs two wins."""
    margin = wins - 2 * (losses + relapses)
    if margin < 0:
        return Stage.DEMOTED
    return Stage.TRUSTED if margin >= TRUSTED_FROM else Stage.PROBATION


class Patterns:
    def patterns(self, signature: str | None = None) -> tuple[Pattern, ...]:
        """All patterns, or one signature's; the best record first. A plan that no longer parses is left out."""
        raise NotImplementedError

    def teach(self, signature: str, plan: tuple[Action, ...], origin: str) -> int:
        """The id of the pattern with this very plan; a new one starts on probation."""
        raise NotImplementedError

    def credit(self, pattern_id: int, result: Credit) -> None:
        """Note how it went. A person's word on the stage holds until the next loss or relapse. A forgotten id is ignored."""
        raise NotImplementedError

    def pattern_of(self, task_id: int) -> int | None:
        """The pattern that the incident's last healed attempt came from or taught: whose credit a relapse revokes."""
        raise NotImplementedError

    def set_stage(self, pattern_id: int, stage: Stage, actor: str) -> None:
        """A person's word. Raises Stale when there is no such pattern."""
        raise NotImplementedError

    def forget(self, pattern_id: int, actor: str) -> None:
        """Raises Stale when there is no such pattern."""
        raise NotImplementedError
