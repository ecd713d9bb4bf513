"""The roster: specialists as data, one role file each, read by the embedded engine and by a model too."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from orchestrator.actions import all_actions
from orchestrator.knowledge.conditions import Conditions, holds, problem
from orchestrator.knowledge.evidence import all_observations
from orchestrator.knowledge.plans import kinds_allowed
from orchestrator.knowledge.reading import own_files, problems
from orchestrator.model import Action, Case, Evidence, Word

_PERSON, _LOOK = "person ", "look "
"""How the sources begin of what a person said, and of what research looked at."""


class ExpertError(Exception):
    """A role file that cannot be used: says file and what was expected."""


class Opinion(Word):
    """What the embedded engine makes of the expert's evidence: the first whose conditions hold is his. Of vetoes each that holds."""

    when: Conditions
    stance: Literal["propose", "nothing", "person", "veto"]
    reasoning: Annotated[str, Field(min_length=1, max_length=500)]
    plan: tuple[str, ...] = ()
    """The steps that he proposes, as in a runbook. Of a veto: kinds of steps; a plan with one of them would do harm."""
    unless: tuple[str, ...] = ()
    """Of a veto: kinds of steps that make a plan harmless again."""
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Shown, never a gate (law 5)."""

    def forbids(self, plan: Sequence[Action]) -> bool:
        kinds = {action.kind for action in plan}
        return self.stance == "veto" and bool(kinds & set(self.plan)) and not kinds & set(self.unless)


class Expert(Word):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
    about: Annotated[str, Field(min_length=1, max_length=300)]
    role: Literal["leader", "specialist", "support"] = "specialist"
    """leader: his field is often where the root lies, and of equals he is asked first. support: looks at any case from one side."""
    brief: Annotated[str, Field(max_length=4000)] = ""
    """What a model is told that he is: what he knows, what he asks first, what he distrusts."""
    knows: tuple[Conditions, ...] = ()
    """Kinds of faults that are his, by the same conditions as a runbook's, which may name the `target` too; any of them.
    Empty, or `{}` among them: he may be asked about all."""
    reads: Annotated[tuple[str, ...], Field(min_length=1)]
    """Sources of evidence: three experts who read the same are one vote."""
    vetoes: bool = False
    """He has no vote: he says which plans would do harm, and those fall."""
    opinion: tuple[Opinion, ...] = ()

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        for conditions in (*self.knows, *(opinion.when for opinion in self.opinion)):
            if wrong := problem(conditions):
                raise ValueError(wrong)
        if any((opinion.stance == "veto") != self.vetoes for opinion in self.opinion):
            raise ValueError("opinion: who has `vetoes = true` says veto and nothing else, and nobody else does")
        return self

    def evidence(self, case: Case) -> tuple[Evidence, ...]:
        """His part of the bundle and what a person said: the newest of each source, since what was true once is not true still.

        Of looks, all that he reads: each is of something else.
        """
        own = (item for item in case.evidence if item.source.startswith((*self.reads, _PERSON)))
        return tuple({item.id if item.source.startswith(_LOOK) else item.source: item for item in own}.values())

    def facts(self, case: Case) -> Mapping[str, str]:
        """What he may know: the fault itself, the ballot (`can.*`, `unit.up`), and his own evidence."""
        everybody = {name: value for name, value in case.facts().items() if name.startswith("can.") or name == "unit.up"}
        own = {name: value for item in self.evidence(case) for name, value in item.facts.items()}
        return {"check": case.fault.check, "reason": case.fault.reason, **case.fault.facts, **everybody, **own}

    def fit(self, case: Case) -> int:
        """How much this kind of fault is his: 0 not at all, 1 as any is, more the more closely it is described among those he knows."""
        facts = {**case.facts(), "target": case.fault.target}
        return max((1 + len(kind) for kind in self.knows if holds(kind, facts)), default=0) if self.knows else 1


def load(operator_dir: Path | None = None) -> tuple[Expert, ...]:
    """The roster by name; a file of the operator replaces a shipped one of the same name. Raises ExpertError."""
    try:
        own = own_files(operator_dir)
    except OSError as error:
        raise ExpertError(f"{error.filename}: {error.strerror}") from None
    roster = {expert.name: expert for expert in _shipped()}
    roster.update({expert.name: expert for expert in map(_own, own)})
    return tuple(roster[name] for name in sorted(roster))


@cache
def _shipped() -> tuple[Expert, ...]:
    return tuple(_read(path) for path in sorted(Path(__file__).with_name("experts").glob("*.toml")))


def _own(path: Path) -> Expert:
    """What a person wrote: a mistyped name would never be read, and never be proposed. Raises ExpertError."""
    expert = _read(path)
    known = frozenset(kind.model_fields["kind"].default for kind in all_actions())
    sources = {observation.name for observation in all_observations()}.union(*(shipped.reads for shipped in _shipped()))
    for read in expert.reads:
        if not any(source.startswith(read) for source in sources):
            raise ExpertError(
                f"{path}: reads: there is no {read!r}{_meant(read, sources)}; `orchestrator experts` shows what the others read"
            )
    for opinion in expert.opinion:
        for step in (*opinion.plan, *opinion.unless):
            if not kinds_allowed(step, known):
                told = f"plan: unknown action {step!r}{_meant(step, known)}; `orchestrator actions` lists them"
                raise ExpertError(f"{path}: opinion: {told}")
        if opinion.stance in ("propose", "veto") and not opinion.plan:
            raise ExpertError(f"{path}: opinion: who says {opinion.stance!r} names a plan = [...]")
    return expert


def _meant(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, sorted(known), 1)
    return f", did you mean {near[0]!r}?" if near else ""


def _read(path: Path) -> Expert:
    try:
        return Expert.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ExpertError(f"{path}: {error}") from None
    except ValidationError as error:
        raise ExpertError(f"{path}: {problems(error)}") from None
