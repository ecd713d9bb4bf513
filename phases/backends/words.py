"""What the child reads and writes, as plain dataclasses: a tenth of a second less than what the daemon checks them with."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """As `phases.models.words.Request` wrote it."""

    backend: str
    model: str
    url: str
    key_file: str
    login_dir: str
    system: str
    turns: tuple[Turn, ...]
    answer_schema: Json
    answer_tokens: int
    seconds: float

    @classmethod
    def read(cls, line: str) -> Self:
        said = json.loads(line)
        return cls(**{**said, "turns": tuple(Turn(**turn) for turn in said["turns"])})

    @property
    def messages(self) -> list[Json]:
        """As most servers want them, without the system's text."""
        return [{"role": turn.role, "content": turn.text} for turn in self.turns]


@dataclass(frozen=True, slots=True)
class Used:
    """What a call has cost, as far as its server told."""

    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    dollars: float = 0.0
    tokens_written: int = 0


class Failed(Exception):
    """No answer. `kind` is one of `phases.models.words.FailureKind`; `mend` is the line that an operator types against it."""

    def __init__(self, kind: str, reason: str, *, mend: str = "", used: Used | None = None) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason
        self.mend = mend
        self.used = used


def answered(answer: Json, model: str, used: Used) -> Json:
    """The line of an answer."""
    return {"answer": answer, "model": model, **asdict(used)}
