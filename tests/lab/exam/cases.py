"""A case: one fault as data. Loaded strictly, since a mistyped key would quietly make an exam easier."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from orchestrator.config import Config

FOLDER = Path(__file__).parent
KNOWN = FOLDER.with_name("known_failures.toml")
LEAVE_SECONDS = 20
"""How long it is watched whether hands stay off, where a case says nothing."""

Expects = Literal["heal", "ask", "escalate", "leave"]
Trait = Literal["cascade", "two-faults", "distractor", "hostile-log"]
Script = Annotated[str, Field(min_length=1)]


class BadCases(Exception):
    """Case files that cannot be used: each line names file, case and what was expected."""


class Case(BaseModel):
    """One fault. The scripts are bash, run as root inside the host, each after `. /opt/lab/lib.sh`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    family: str
    """The file's name."""
    about: Annotated[str, Field(min_length=10, pattern=r"^[^\n]+$")]
    expects: Expects
    limits: bool = False
    """On a host with real memory and task limits."""
    containers: bool = False
    """On a host with Podman."""
    alone: bool = False
    """Nothing else runs beside it: it uses up what all hosts share, such as the CPUs."""
    setup: Script
    config: str = ""
    """The operator's declarations; what the peers are told is made from them."""
    inject: Script
    healthy: Script
    gone: str = ""
    harm: str = ""
    remembered: tuple[str, ...] = ()
    cause: str = ""
    plan: tuple[str, ...] = ()
    patience_seconds: Annotated[float, Field(gt=0, le=600)] = 60
    incidents: Annotated[int, Field(ge=0, le=20)] = 1
    traits: tuple[Trait, ...] = ()

    @field_validator("cause")
    @classmethod
    def _regex(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        return value

    @model_validator(mode="before")
    @classmethod
    def _shorter_for_leave(cls, data: dict[str, object]) -> dict[str, object]:
        return {"patience_seconds": LEAVE_SECONDS, "incidents": 0, **data} if data.get("expects") == "leave" else data

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.expects in ("ask", "escalate")) != bool(self.cause):
            raise ValueError("cause is for ask and escalate, and they need it")
        if (self.expects == "ask") != bool(self.plan):
            raise ValueError("plan is for ask, and it needs one")
        self.declared()
        return self

    def declared(self) -> Config:
        """Raises pydantic's ValidationError, or tomllib's."""
        return Config.model_validate(tomllib.loads(self.config))

    @property
    def text(self) -> str:
        return f"{self.setup}\n{self.config}\n{self.inject}"


def load(folder: Path = FOLDER) -> tuple[Case, ...]:
    """All cases, by family and in the order of their files. Raises BadCases with everything that is wrong."""
    cases: list[Case] = []
    wrong: list[str] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            wrong.append(f"{path.name}: {error}")
            continue
        wrong.extend(f"{path.name}: unknown table {key!r}; a file has [[case]] alone" for key in tables if key != "case")
        for number, table in enumerate(tables.get("case", []), 1):
            try:
                cases.append(Case.model_validate({**table, "family": path.stem}))
            except (ValidationError, tomllib.TOMLDecodeError) as error:
                wrong.extend(f"{path.name}, case {table.get('name', number)}: {line}" for line in _lines(error))
    names = [case.name for case in cases]
    wrong.extend(f"{name}: there is more than one case of that name" for name in sorted({name for name in names if names.count(name) > 1}))
    if wrong:
        raise BadCases("\n".join(wrong))
    return tuple(cases)


def known_failures() -> dict[str, str]:
    """What ours is known to fail: the case's name, and why."""
    known: dict[str, str] = tomllib.loads(KNOWN.read_text(encoding="utf-8"))["known"]
    return known


def _lines(error: Exception) -> list[str]:
    if not isinstance(error, ValidationError):
        return [f"config: {error}"]
    return [f"{'.'.join(map(str, one['loc'])) or 'case'}: {one['msg']}" for one in error.errors()]
