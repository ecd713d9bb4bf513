"""What goes to a model and what comes back: the typed contract between the daemon and the child that makes the call."""

from typing import Annotated, Literal, Protocol

from pydantic import Field

from orchestrator.config import Backend
from orchestrator.model import Cost, Json, Word

FailureKind = Literal["refused", "late", "unreachable", "busy", "garbage", "cut", "misconfigured", "spent"]
"""refused: the model would not answer. cut: its answer was longer than allowed, or broke off. spent: a budget is used up, and nobody was
asked. unreachable, busy, misconfigured: no model has thought, and nothing was paid."""


class Usage(Word):
    """What a call has cost, as far as its server told."""

    tokens_in: int = 0
    """All that went in, what was cached too."""
    tokens_cached: int = 0
    """Of these: what was read from the backend's cache, for a tenth of the price."""
    tokens_written: int = 0
    """Of these: what was put into that cache, for a quarter more than the price."""
    tokens_out: int = 0
    dollars: float = 0.0


class ModelFailed(Exception):
    """A call that brought no answer; to a phase it is an abstention. The text is for people, and holds no secret."""

    def __init__(self, kind: FailureKind, reason: str, *, mend: str = "", used: Usage | None = None) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind: FailureKind = kind
        self.reason = reason
        self.mend = mend
        """The line that an operator types against it, where there is one."""
        self.used = used
        """None: nobody told."""


class Turn(Word):
    """One message of a conversation. Hostile text stands only inside JSON strings of the user's turns, never in `system`."""

    role: Literal["user", "assistant"]
    text: str


class Asking(Word):
    """One question of one expert: who asks, in which incident, and how the answer must look."""

    incident: int = 0
    """0 outside of any."""
    phase: int = 0
    expert: str
    """Empty: nobody of the roster; `doctor` asks so."""
    seat: int = 0
    """Which of the configured models: 0 is the first; the others are `[[agents.voter]]`, dealt in turn."""
    system: str
    turns: Annotated[tuple[Turn, ...], Field(min_length=1)]
    answer_schema: Json
    """JSON schema of one object. The backends understand: type, properties, required, enum, items, anyOf, additionalProperties
    (false), description; bounds are checked by the asker."""


class Request(Word):
    """What the child reads from its standard input: one line of JSON."""

    backend: Backend
    model: str
    url: str = ""
    key_file: str = ""
    """Read by the child alone; empty: none."""
    login_dir: str = ""
    """The Claude CLI's own, where somebody has logged in; without a key."""
    system: str
    turns: tuple[Turn, ...]
    answer_schema: Json
    answer_tokens: int
    seconds: float
    """From the child's start to its answer; after that it is killed."""


class Reply(Usage):
    """What the child writes to its standard output: `answer` is one JSON object, by the schema as far as the backend goes."""

    answer: Json
    model: str
    """As the backend named it."""
    seconds: float = 0.0


class Purse(Protocol):
    """Keeps the budgets of money and tokens: per incident, and per day of UTC, over restarts."""

    def reserve(self, most: Cost) -> int:
        """The number of a call that may begin, with what it may cost at most put aside. Raises the store's Spent and StoreFailed."""

    def settle(self, call: int, was: Cost) -> None:
        """What it really cost takes the place of what was put aside."""
