"""One answer of a model that does research: its fields, and the schema that asks for them."""

from collections.abc import Sequence
from typing import Literal

from orchestrator.model import Json, Word

MOST_STEPS, MOST_LOOKS = 6, 4


class Said(Word):
    """One answer, by the schema."""

    step: Literal["look", "propose", "nothing", "person"]
    looks: tuple[str, ...]
    cause: str
    evidence: tuple[int, ...]
    plan: tuple[str, ...]
    alternatives: tuple[str, ...]
    ruled_out: tuple[str, ...]
    open_questions: tuple[str, ...]
    confidence: float
    reason: str


def schema(candidates: Sequence[str], looks: Sequence[str]) -> Json:
    """Of one answer. The same through the whole talk: a backend may compile it, and caches what begins the same."""
    text, texts = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    steps = [*(["look"] if looks else []), *(["propose"] if candidates else []), "nothing", "person"]

    def chosen(names: Sequence[str], about: str) -> Json:
        return {"type": "array", "items": {"type": "string", **({"enum": list(names)} if names else {})}, "description": about}

    properties: Json = {
        "step": {"type": "string", "enum": steps},
        "looks": chosen(looks, f"for `look`: 1 to {MOST_LOOKS} names"),
        "cause": {**text, "description": "for `propose`: what began it all, in one or two sentences"},
        "evidence": {"type": "array", "items": {"type": "integer"}, "description": "ids of the evidence that the cause rests on"},
        "plan": chosen(candidates, f"for `propose`: 1 to {MOST_STEPS} ids of candidates, in order"),
        "alternatives": {**texts, "description": "other causes that you considered, and what speaks against each"},
        "ruled_out": {**texts, "description": "what the evidence excludes"},
        "open_questions": {**texts, "description": "what could not be found out"},
        "confidence": {"type": "number", "description": "from 0 to 1"},
        "reason": {**text, "description": "for `nothing` and `person`: why"},
    }
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
