"""The words of the house. Every room speaks them; this one imports nothing of ours.

All words are frozen: what was judged is what runs. What crosses a process or a database is their JSON.
"""

import hashlib
import json
import re
import time
from abc import abstractmethod
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, StringConstraints

_UNIT_TYPES = "service|socket|timer|mount|automount|path|target|swap|slice|scope|device"
UNIT_PATTERN = rf"^[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]{{0,250}}\.({_UNIT_TYPES})$"
"""systemd.unit(5): the allowed characters. The first is no dash, so that a name can never be read as an option."""

UnitName = Annotated[str, StringConstraints(pattern=UNIT_PATTERN, max_length=255)]
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
"""What ends a line, moves a cursor or turns the reading direction: a name with one of these is written to deceive."""
AbsolutePath = Annotated[str, StringConstraints(pattern=rf"^/[^{_CONTROLS}]*$", max_length=4096)]
Told = Annotated[str, StringConstraints(pattern=rf"^[^{_CONTROLS}]*$", max_length=4096)]
"""Text of the host's or of a person's that a line for people repeats."""
Json = dict[str, Any]  # plain data: what a database row, a socket or a log line can carry

_UNIT = re.compile(UNIT_PATTERN)
_INSTANCE = re.compile(r"^([^@]+@)(.+)(\.[a-z]+)$")


def is_unit(target: str) -> bool:
    """A target is a unit name, an absolute path, the name of a declared service, or `container/NAME`. This tells the first."""
    return bool(_UNIT.match(target))


CONTAINER = "container/"
"""How the target begins that is a container which nobody declared, and no unit runs."""


def instance_of(target: str) -> tuple[str, str]:
    """An instance of a template unit: (`shop@.service`, `2`). Anything else is its own kind: (itself, nothing)."""
    match = _INSTANCE.match(target) if is_unit(target) else None
    return (match[1] + match[3], match[2]) if match else (target, "")


def utc(at: float | None = None) -> str:
    """Seconds since the epoch as the text all tables hold: UTC, `YYYY-MM-DD HH:MM:SS.SSS`, which sorts and compares."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def epoch(text: str) -> float:
    """The inverse of `utc`."""
    if len(text) == 23 and text[4] == text[7] == "-" and text[10] == " ":  # as `utc` writes it; ten times faster, and a page has a hundred
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC).timestamp()


def digest(data: object) -> str:
    """A short stable name for plain data: the same data, the same 16 hex digits."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class Word(BaseModel):
    """A frozen value. An unknown field is an error, here as in the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is the most severe."""
        return list(Severity).index(self)


class Mode(StrEnum):
    """How far the daemon may go by itself, from least to most."""

    OBSERVE = "observe"
    SUGGEST = "suggest"
    APPROVE = "approve"
    AUTO = "auto"


class Risk(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        return list(Risk).index(self)


class Phase(StrEnum):
    """The name of each phase; `number` is what the tables hold."""

    QUICK_FIX = "quick fix"
    RESEARCH = "research"
    CONSULTATION = "consultation"
    ESCALATION = "escalation"

    @property
    def number(self) -> int:
        return list(Phase).index(self) + 1

    @classmethod
    def numbered(cls, number: int) -> "Phase":
        return list(cls)[number - 1]


class Status(StrEnum):
    OPEN = "open"
    HEALING = "healing"
    WAITING = "waiting"
    FIXED = "fixed"
    ESCALATED = "escalated"
    CLEARED = "cleared"
    DISMISSED = "dismissed"
    MERGED = "merged"


class Outcome(StrEnum):
    HEALED = "healed"
    PROGRESS = "progress"
    NO_EFFECT = "no_effect"
    ROLLED_BACK = "rolled_back"
    STRANDED = "stranded"
    UNPROVEN = "unproven"
    INTERRUPTED = "interrupted"
    DENIED = "denied"
    ASKED = "asked"
    SUGGESTED = "suggested"


class Fault(Word):
    """One thing wrong now.

    `facts` are the trusted fields that a check read from systemd or the kernel (never from a log's text): they tell
    kinds of faults apart in the signature and in runbooks. What changes from one occurrence to the next (a pid, a time,
    a count) belongs into `message` only.
    """

    check: str
    target: str
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]+$")]
    message: str
    severity: Severity = Severity.HIGH
    facts: dict[str, str] = {}

    @property
    def key(self) -> str:
        return f"{self.check}:{self.target}"

    @property
    def signature(self) -> str:
        """What makes two faults the same kind. Version 1: check, unit template or target, reason, trusted facts."""
        template, _ = instance_of(self.target)
        return "v1:" + digest([self.check, template, self.reason, self.facts])


class Blind(Word):
    """A check could not tell. Neither healthy nor a fault: of what it could not see nothing opens and nothing clears."""

    reason: str
    seen: tuple[Fault, ...] = ()
    """What it saw all the same: what is wrong there is wrong, whatever else it could not see."""
    unseen: frozenset[str] | None = None
    """The targets that it could not see, when it looked at all others; None: it may be any."""


Seen = tuple[Fault, ...] | Blind


def faults_in(seen: Seen) -> tuple[Fault, ...]:
    """What is wrong by this look, whatever else it could not see."""
    return seen.seen if isinstance(seen, Blind) else seen


def hides(seen: Seen, target: str) -> bool:
    """Whether nothing is known of the target by this look."""
    return isinstance(seen, Blind) and (seen.unseen is None or target in seen.unseen)


class Evidence(Word):
    """One read-only observation. `text` is bounded and masked before it gets here; `facts` are what runbooks match.

    A fact from a log's text has a name that begins with `log.`: it may point at a cause, but a target that it names
    counts only after it was found in the incident's scope.
    """

    id: int = 0
    source: str
    text: Annotated[str, StringConstraints(max_length=20_000)]
    facts: dict[str, str] = {}
    at: float = Field(default_factory=time.time)


Before = Json
"""What an action remembered: enough to undo it, plain data."""
Job = Literal["start", "stop"]


class Action(Word):
    """One typed change. A subclass is one file of `orchestrator/actions/`; this base knows no host.

    `view` is the reading door (`orchestrator.host.View`), `machine` the changing one (`orchestrator.host.Machine`),
    `config` the settings: typed as Any here only because this room imports nothing of ours.
    """

    kind: str
    risk: ClassVar[Risk]
    reversible: ClassVar[bool]

    @classmethod
    def candidates(cls, case: "Case", view: Any, config: Any) -> "tuple[Self, ...]":
        """What this action could offer for the incident's scope. Phases and models choose among these, never beside."""
        del case, view, config
        return ()

    @abstractmethod
    def targets(self) -> tuple[str, ...]:
        """Every unit, path or service that it touches; never empty, never a pattern."""

    def concerns(self) -> tuple[str, ...]:
        """Its targets, and all others whom it has to do with: whose file it is, who is stopped with it.

        Protection and modes are asked of all of these; the scope and the budgets of the targets alone.
        """
        return self.targets()

    def jobs(self) -> "tuple[tuple[Job, str], ...]":
        """What it has systemd do to which units. The worst is assumed of an action that does not say."""
        verbs: tuple[Job, ...] = ("start", "stop")
        return tuple((verb, name) for name in self.targets() if is_unit(name) for verb in verbs)

    @abstractmethod
    def about(self) -> str:
        """One line for people: what it does, to what."""

    def command(self) -> str:
        """The line that a person would type to do the same; empty where there is none."""
        return ""

    def refusal(self, view: Any, config: Any) -> str:
        """Why it must not run now, by what the host says; empty when nothing stands against it."""
        del view, config
        return ""

    def remember(self, view: Any) -> Before:
        """The state before, as plain data. Stored before `do`."""
        del view
        return {}

    @abstractmethod
    def do(self, machine: Any) -> str:
        """Change the machine; returns one line of what happened; raises `host.ChangeFailed` when it did not."""

    @abstractmethod
    def verify(self, view: Any) -> str:
        """Why the change itself did not take; empty when it did. Whether it *healed* is the engine's question."""

    def undo(self, machine: Any, before: Before) -> str:
        """Bring `before` back. Only a reversible action has one."""
        raise NotImplementedError(f"{self.kind} cannot be undone")

    @property
    def patience(self) -> float:
        """Seconds that its effect may take beyond those of any change, before probes that fail speak against it."""
        return 0.0

    @property
    def level(self) -> Risk:
        """The risk of this very action: the class's, unless a field says more (a declared command has its own)."""
        return self.risk


class Minute(Word):
    """One vote or answer of one expert: a row of `agent_consultations`."""

    round: int = 1
    expert: str
    backend: str = "embedded"
    model: str = ""
    stance: Literal["propose", "nothing", "person", "veto", "failed"]
    plan: tuple[SerializeAsAny[Action], ...] = ()
    confidence: float = 0.0
    reasoning: str = ""
    evidence_ids: tuple[int, ...] = ()
    tokens_in: int = 0
    tokens_out: int = 0
    dollars: float = 0.0
    seconds: float = 0.0
    in_place_of: str = ""
    """The expert who failed or was late, and whose vote this one is."""


_AS_FOUND = {"inode", "device"}


class Proposal(Word):
    """A diagnosis and a plan. `plan` is ordered; its hash is what a person approves and what runs."""

    cause: str
    evidence_ids: tuple[int, ...] = ()
    plan: tuple[SerializeAsAny[Action], ...]
    proposer: str
    origin: str = ""
    """What it came from: `pattern:12`, `runbook:config-broken`, `vote:2/3`, `instant`, `person`."""
    minutes: tuple[Minute, ...] = ()

    @property
    def hash(self) -> str:
        return digest([action.model_dump() for action in self.plan])

    @property
    def likeness(self) -> str:
        """The same of a plan for another file that came to stand at the same place: what failed for the first is not tried anew."""
        return digest([action.model_dump(exclude=_AS_FOUND) for action in self.plan])


class Abstain(Word):
    """A phase has nothing to offer. What it ruled out goes on to the next one."""

    reason: str
    seen: tuple[int, ...] = ()
    ruled_out: tuple[str, ...] = ()
    open_questions: tuple[str, ...] = ()
    minutes: tuple[Minute, ...] = ()


class HandOver(Word):
    """A phase says that a person must take it, whatever else could be tried."""

    reason: str
    kind: Literal["escalation", "approval", "input", "decision"] = "escalation"
    evidence_ids: tuple[int, ...] = ()
    minutes: tuple[Minute, ...] = ()


Answer = Proposal | Abstain | HandOver


class Verdict(Word):
    answer: Literal["allow", "ask", "deny"]
    rule: str
    reason: str = ""


class Change(Word):
    """One action as performed. Times are seconds since the epoch; None is not yet."""

    id: int
    n: int
    action: SerializeAsAny[Action]
    before: Before = {}
    begun_at: float | None = None
    done_at: float | None = None
    undoing_at: float | None = None
    undone_at: float | None = None

    @property
    def taken_back(self) -> dict[str, tuple[float, float]]:
        """The units that it had started, and when their stop began and was through."""
        if self.undoing_at is None or self.undone_at is None:
            return {}
        return {name: (self.undoing_at, self.undone_at) for verb, name in self.action.jobs() if verb == "start"}


class Attempt(Word):
    """One proposal and what became of it. `outcome` None: not ended (asked what it did, or settling)."""

    id: int
    phase: int
    proposal: Proposal
    verdict: Verdict
    executed: bool = False
    outcome: Outcome | None = None
    detail: str = ""
    changes: tuple[Change, ...] = ()
    began_at: float
    ready_by: float | None = None
    """Until then a probe that fails is only not ready yet."""
    clean_since: float | None = None
    ended_at: float | None = None


class Handoff(Word):
    """What a phase that gave up passes on."""

    phase: int
    reason: str
    seen: tuple[int, ...] = ()
    """Evidence that it went by."""
    tried: tuple[str, ...] = ()
    """Plans that it carried out, and how each ended."""
    ruled_out: tuple[str, ...] = ()
    open_questions: tuple[str, ...] = ()


class Scope(Word):
    """What an incident may touch. Paths are roots: what lies beneath them is in scope too."""

    target: str
    below: tuple[str, ...] = ()
    """Units and mounts that the target depends on."""
    above: tuple[str, ...] = ()
    """Units that depend on the target."""
    service: str | None = None
    """The declared service that the target belongs to."""
    paths: tuple[str, ...] = ()

    @property
    def units(self) -> tuple[str, ...]:
        own = (self.target,) if is_unit(self.target) else ()
        return tuple(dict.fromkeys(own + self.below + self.above))

    def holds(self, target: str) -> bool:
        """Whether `target` may be touched on behalf of this incident."""
        if target.startswith("/"):
            return target == self.target or any(target == root or target.startswith(root.rstrip("/") + "/") for root in self.paths)
        return target in (self.target, self.service, *self.below, *self.above)


class Incident(Word):
    """The stored story of one root fault and its symptoms: a row of `tasks`."""

    id: int
    fault: Fault
    symptoms: tuple[Fault, ...] = ()
    status: Status = Status.OPEN
    phase: int = 1
    occurrences: int = 1
    """Openings of this row: 1 + its relapses."""
    detected_at: float
    opened_at: float = 0.0
    """When it opened last: `detected_at`, or its newest relapse."""
    retried_at: float = 0.0
    """When a person asked since then that it be tried anew."""
    waiting_for: str = ""
    signature: str = ""
    """Of its fault as it opened, or as progress left it. What a plan that did not help makes of it is no other kind."""

    @property
    def key(self) -> str:
        return self.fault.key


class Case(Word):
    """What a phase sees: the incident, its evidence, all that was tried and ruled out so far."""

    incident: Incident
    scope: Scope
    evidence: tuple[Evidence, ...] = ()
    tried: tuple[Attempt, ...] = ()
    handoffs: tuple[Handoff, ...] = ()
    candidates: tuple[SerializeAsAny[Action], ...] = ()
    """What could be done, built by code from the scope: every plan is chosen among these."""
    approved: Proposal | None = None
    """Exactly the plan that a person approved."""

    @property
    def fault(self) -> Fault:
        return self.incident.fault

    @property
    def open_attempt(self) -> Attempt | None:
        """The attempt whose changes were begun and that has no outcome yet: settling, or cut short by a death."""
        return next((attempt for attempt in reversed(self.tried) if attempt.outcome is None and attempt.changes), None)

    def has_tried(self, proposal: Proposal) -> bool:
        """Whether this very plan had its turn since the fault opened, or a person asked to try anew, or a like one was carried out.

        One that was cut short had none.
        """
        since = max(self.incident.opened_at, self.incident.retried_at)
        return any(
            (attempt.proposal.hash == proposal.hash or (attempt.executed and attempt.proposal.likeness == proposal.likeness))
            and attempt.outcome not in (None, Outcome.INTERRUPTED)
            for attempt in self.tried
            if attempt.began_at >= since
        )

    def facts(self) -> dict[str, str]:
        """The fault's facts and those of the newest observation of each source: what was true once is not true still."""
        merged = {"check": self.fault.check, "reason": self.fault.reason, **self.fault.facts}
        for item in {item.source: item for item in self.evidence}.values():
            merged.update(item.facts)
        return merged


class Heal(Word):
    """One fault that was healed without a person's word: what recurrence is judged by."""

    incident: int
    key: str
    signature: str
    began_at: float
    healed_at: float
    plan: tuple[str, ...]
    """The kinds of its actions."""

    @property
    def target(self) -> str:
        return self.key.partition(":")[2]


class Alert(Word):
    """What another watcher says of a declared service or unit. Only its target counts; all else is text for people."""

    key: str
    """The sender's own name for it: the same again is the same alert."""
    name: str
    target: str
    summary: str = ""
    severity: Severity = Severity.WARNING
    source: str = "alertmanager"
    starts_at: float
    seen_at: float
    """When it was said last."""


class Cost(Word):
    """What a call of a language model was, as it is stored; before it, what it may cost at most."""

    incident: int = 0
    """0 outside of any."""
    phase: int = 0
    expert: str = ""
    backend: str
    model: str
    tokens_in: int = 0
    """All that went in, what was cached too."""
    tokens_cached: int = 0
    tokens_out: int = 0
    dollars: float = 0.0
    seconds: float = 0.0
    outcome: str = ""
    """`answered`, or the kind of its failure; empty while it is under way."""


class Stage(StrEnum):
    """A pattern's life: taught by success, trusted after more of it, demoted by failure."""

    PROBATION = "probation"
    TRUSTED = "trusted"
    DEMOTED = "demoted"


class Pattern(Word):
    """A learned plan for a signature."""

    id: int
    signature: str
    plan: tuple[SerializeAsAny[Action], ...]
    stage: Stage
    wins: int
    losses: int
    relapses: int
    origin: str
    created_at: str
