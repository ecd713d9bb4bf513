"""The roster: specialists as data. One role file each, read by the embedded engine and, later, by a model too."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from orchestrator.knowledge.conditions import Conditions
from orchestrator.knowledge.reading import problems
from orchestrator.model import Case, Evidence, Word


class ExpertError(Exception):
    """A role file that cannot be used: says file and what was expected."""


class Opinion(Word):
    """What the embedded engine makes of the expert's evidence: the first whose conditions hold is his."""

    when: Conditions
    stance: Literal["propose", "nothing", "person", "veto"]
    reasoning: Annotated[str, Field(min_length=1, max_length=500)]
    plan: tuple[str, ...] = ()
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Shown, never a gate (law 5)."""


class Expert(Word):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
    about: Annotated[str, Field(min_length=1, max_length=300)]
    role: Literal["leader", "specialist", "support"] = "specialist"
    brief: Annotated[str, Field(max_length=4000)] = ""
    """What a model is told that he is: what he knows, what he asks first, what he distrusts."""
    knows: tuple[Conditions, ...] = ()
    """Kinds of faults that are his, by the same conditions as a runbook's; any of them. Empty: he may be asked about all."""
    reads: tuple[str, ...]
    """Sources of evidence: three experts who read the same are one vote."""
    vetoes: bool = False
    """He has no vote: he says which plans would do harm, and those fall."""
    opinion: tuple[Opinion, ...] = ()

    def evidence(self, case: Case) -> tuple[Evidence, ...]:
        """His part of the bundle."""
        return tuple(item for item in case.evidence if any(item.source.startswith(source) for source in self.reads))

    def facts(self, case: Case) -> Mapping[str, str]:
        """What he may know: the fault itself, the ballot (`can.*`, `unit.up`), and his own evidence."""
        everybody = {name: value for name, value in case.facts().items() if name.startswith("can.") or name == "unit.up"}
        own = {name: value for item in self.evidence(case) for name, value in item.facts.items()}
        return {"check": case.fault.check, "reason": case.fault.reason, **case.fault.facts, **everybody, **own}


def load(operator_dir: Path | None = None) -> tuple[Expert, ...]:
    """The roster by name; a file of the operator replaces a shipped one of the same name. Raises ExpertError."""
    own = sorted(operator_dir.glob("*.toml")) if operator_dir and operator_dir.is_dir() else []
    roster = {expert.name: expert for expert in _shipped()}
    roster.update({expert.name: expert for expert in map(_read, own)})
    return tuple(roster[name] for name in sorted(roster))


@cache
def _shipped() -> tuple[Expert, ...]:
    return tuple(_read(path) for path in sorted(Path(__file__).with_name("experts").glob("*.toml")))


def _read(path: Path) -> Expert:
    try:
        return Expert.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ExpertError(f"{path}: {error}") from None
    except ValidationError as error:
        raise ExpertError(f"{path}: {problems(error)}") from None
