"""Written knowledge as data: which evidence means which cause, and which plan. Shipped files, then the operator's `runbooks.d/`.

A runbook names kinds of actions; the targets come from candidates that code built (law 5). Beside the case's facts its
conditions may read `journal`: the last lines of the target's own log, any of which may match a pattern whole.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from orchestrator.actions import all_actions
from orchestrator.knowledge.conditions import Conditions, captured, filled, groups, holds, placeholders, problem
from orchestrator.knowledge.plans import kinds_allowed, variants
from orchestrator.knowledge.reading import own_files, problems
from orchestrator.model import Action, Case, HandOver, Outcome, Proposal, Word

_JOURNAL, _LINES = "journal", "journal_lines"
_HEADER = re.compile(r"^\s*\[\[\s*runbook\s*\]\]")


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
        if self.plan and all(name == _JOURNAL or name.startswith("log.") for name in self.when):
            raise ValueError("when: text of a log alone justifies no plan; name a check, a reason or another fact beside it")
        if strange := [name for step in self.plan for name in placeholders(step) if name not in groups(self.when)]:
            raise ValueError(f"plan: {{{strange[0]}}} is no named group of a pattern in `when`")
        return self


def load(operator_dir: Path | None = None) -> tuple[Runbook, ...]:
    """All runbooks in order: the operator's first, since he knows his host better. Raises RunbookError."""
    try:
        own = own_files(operator_dir)
    except OSError as error:
        raise RunbookError(f"{error.filename}: {error.strerror}") from None
    found = [book for path in own for book in read(path)]
    names = {book.name for book in found}
    return (*found, *(book for book in _shipped() if book.name not in names))


@cache
def _shipped() -> tuple[Runbook, ...]:
    return tuple(book for path in sorted(Path(__file__).with_name("runbooks").glob("*.toml")) for book in read(path))


def read(path: Path) -> tuple[Runbook, ...]:
    """The runbooks of one file."""
    try:
        text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RunbookError(f"{path}: {error}") from None
    unknown = set(data) - {"runbook"}
    if unknown or not isinstance(data.get("runbook"), list):
        raise RunbookError(f"{path}: expected only [[runbook]] tables, found {', '.join(sorted(unknown)) or 'none'}")
    books = []
    begins = [number for number, line in enumerate(text.splitlines(), 1) if _HEADER.match(line)]
    for number, item in enumerate(data["runbook"]):
        try:
            books.append(Runbook.model_validate({**item, "source": path.name}))
        except ValidationError as error:
            line = begins[number] if len(begins) == len(data["runbook"]) else 1
            raise RunbookError(f"{path}:{line}: runbook {item.get('name', 'without a name')}: {problems(error)}") from None
    return tuple(books)


def hand_over(books: Sequence[Runbook], case: Case) -> HandOver | None:
    """The first runbook that says that this is a person's."""
    facts = known(case)
    for book in books:
        if book.hand_over and holds(book.when, facts):
            told = _with_captured(book, facts)
            return HandOver(reason=f"{filled(book.cause, told)}: {filled(book.hand_over, told)}", evidence_ids=cited(case, book.when))
    return None


def known(case: Case) -> Mapping[str, str]:
    """What conditions are held against: the facts, and the target's own log by the name of `journal`."""
    lines = [item.text for item in case.evidence if item.source == _LINES]
    return {_JOURNAL: lines[-1] if lines else "", **case.facts()}


def _with_captured(book: Runbook, facts: Mapping[str, str]) -> Mapping[str, str]:
    """A fact is never hidden by what a pattern took from a line."""
    return {**captured(book.when, facts), **facts}


def proposals(books: Sequence[Runbook], case: Case, offered: Sequence[Action], *, phase: int, proposer: str) -> Iterator[Proposal]:
    """What the runbooks of a phase propose for the case, in their order, without what was tried."""
    facts = known(case)
    for book in books:
        if book.phase != phase or not book.plan or not holds(book.when, facts) or not _speaks_of(book, case):
            continue
        told = _with_captured(book, facts)
        for plan in variants(book.plan, case, offered, told):
            proposal = Proposal(
                cause=filled(book.cause, told),
                evidence_ids=cited(case, book.when),
                plan=plan,
                proposer=proposer,
                origin=f"runbook:{book.name}",
            )
            if not case.has_tried(proposal):
                yield proposal


def _speaks_of(book: Runbook, case: Case) -> bool:
    """What another watcher says is no evidence: only what was written for such words acts on them."""
    return case.fault.check != "alert" or "check" in book.when


def together(case: Case, offered: Sequence[Action], *, proposer: str) -> Proposal | None:
    """Several causes at once: all that plans would do before one and the same start, when each of these plans alone did not help.

    What a failed attempt had done away with was brought back with it, so that the next one fails for the other cause.
    """
    since = max(case.incident.opened_at, case.incident.retried_at)
    vain = (Outcome.ROLLED_BACK, Outcome.NO_EFFECT, Outcome.DENIED)
    failed = [attempt.proposal for attempt in case.tried if attempt.began_at >= since and attempt.outcome in vain]
    possible = {_aim(action): action for action in offered}
    plans = [[possible[_aim(step)] for step in tried.plan] for tried in failed if all(_aim(step) in possible for step in tried.plan)]
    for last in dict.fromkeys(_aim(plan[-1]) for plan in plans if len(plan) > 1):
        steps = {_aim(step): step for plan in plans if _aim(plan[-1]) == last for step in plan[:-1]}
        proposal = Proposal(
            cause="Several causes at once, of which each alone was done away with in vain: " + "; ".join(tried.cause for tried in failed),
            evidence_ids=tuple(dict.fromkeys(number for tried in failed for number in tried.evidence_ids)),
            plan=(*steps.values(), possible[last]),
            proposer=proposer,
            origin="together",
        )
        if len(steps) > 1 and not case.has_tried(proposal):
            return proposal
    return None


def _aim(action: Action) -> tuple[str, ...]:
    return (action.kind, *action.targets())


def cited(case: Case, when: Conditions) -> tuple[int, ...]:
    """The evidence that the conditions rest on: the newest that holds each named fact."""
    ids = []
    for name in when:
        holders = [item.id for item in case.evidence if item.facts.get(name) or (name == _JOURNAL and item.source == _LINES)]
        ids.extend(holders[-1:])
    return tuple(dict.fromkeys(ids))
