"""The engine: one phase of one case a step. The cursor is in the row, so a death, a wait or a stop resumes here."""

from orchestrator.engine.attempting import PROVING
from orchestrator.engine.engine import Engine, Thinker

__all__ = ["PROVING", "Engine", "Thinker"]
