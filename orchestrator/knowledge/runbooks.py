"""Written knowledge as data: which evidence means which cause, and which plan. Shipped files, then the operator's `runbooks.d/`.

A runbook can only name kinds of actions; the targets come from candidates that code built (law 5).
"""

import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from orchestrator.actions import all_actions
from orchestrator.knowledge.conditions import Conditions, filled, holds, problem
from orchestrator.knowledge.plans import kinds_allowed, variants
from orchestrator.knowledge.reading import problems
from orchestrator.model import Action, Case, HandOver, Proposal, Word


class RunbookError(Exception):
    """A file that cannot be used: says file, runbook and what was expected."""


class Runbook(Word):
    """One entry of a file `[[runbook]]`."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,60}$")]
    about: Annotated[str, Field(min_length=1, max_length=300)]
    phase: Annotated[int, Field(ge=1, le=2)]
    """1: known by heart, an instant fix. 2: for research."""
    when: Annotated[Conditions, Field(min_length=1)]
    cause: Annotated[str, Field(min_length=1, max_length=500)]
    plan: tuple[str, ...] = ()
    hand_over: str = ""
    """Why a person must take it. Read in every phase, before any plan."""
    source: str = ""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if bool(self.plan) == bool(self.hand_over):
            raise ValueError("a runbook has either a plan or hand_over")
        known = frozenset(kind.model_fields["kind"].default for kind in all_actions())
        unknown = [step for step in self.plan if not kinds_allowed(step, known)]
        if unknown:
            raise ValueError(f"plan: unknown action {unknown[0]!r}; `orchestrator actions` lists them")
        if wrong := problem(self.when):
            raise ValueError(f"when: {wrong}")
        return self


def load(operator_dir: Path | None = None) -> tuple[Runbook, ...]:
    """All runbooks in order: the operator's first, since he knows his host better. Raises RunbookError."""
    own = sorted(operator_dir.glob("*.toml")) if operator_dir and operator_dir.is_dir() else []
    found = [book for path in own for book in read(path)]
    names = {book.name for book in found}
    return (*found, *(book for book in _shipped() if book.name not in names))


@cache
def _shipped() -> tuple[Runbook, ...]:
    folder = files("orchestrator.knowledge").joinpath("runbooks")
    paths = sorted((Path(str(item)) for item in folder.iterdir() if item.name.endswith(".toml")), key=lambda path: path.name)
    return tuple(book for path in paths for book in read(path))


def read(path: Path) -> tuple[Runbook, ...]:
    """The runbooks of one file."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RunbookError(f"{path}: {error}") from None
    unknown = set(data) - {"runbook"}
    if unknown or not isinstance(data.get("runbook"), list):
        raise RunbookError(f"{path}: expected only [[runbook]] tables, found {', '.join(sorted(unknown)) or 'none'}")
    books = []
    for number, item in enumerate(data["runbook"], 1):
        try:
            books.append(Runbook.model_validate({**item, "source": path.name}))
        except ValidationError as error:
            raise RunbookError(f"{path}: runbook {number} ({item.get('name', 'no name')}): {problems(error)}") from None
    return tuple(books)


def hand_over(books: Sequence[Runbook], case: Case) -> HandOver | None:
    """The first runbook that says that this is a person's."""
    facts = case.facts()
    for book in books:
        if book.hand_over and holds(book.when, facts):
            return HandOver(reason=f"{filled(book.cause, facts)}: {filled(book.hand_over, facts)}", evidence_ids=cited(case, book.when))
    return None


def proposals(books: Sequence[Runbook], case: Case, offered: Sequence[Action], *, phase: int, proposer: str) -> Iterator[Proposal]:
    """What the runbooks of a phase propose for the case, in their order, without what was tried."""
    facts = case.facts()
    for book in books:
        if book.phase != phase or not book.plan or not holds(book.when, facts):
            continue
        for plan in variants(book.plan, case, offered, facts):
            proposal = Proposal(
                cause=filled(book.cause, facts),
                evidence_ids=cited(case, book.when),
                plan=plan,
                proposer=proposer,
                origin=f"runbook:{book.name}",
            )
            if not case.has_tried(proposal):
                yield proposal


def cited(case: Case, when: Conditions) -> tuple[int, ...]:
    """The evidence that the conditions rest on: the newest that holds each named fact."""
    ids = []
    for name in when:
        holders = [item.id for item in case.evidence if item.facts.get(name)]
        ids.extend(holders[-1:])
    return tuple(dict.fromkeys(ids))
