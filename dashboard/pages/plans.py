"""A plan, as exactly what would run or ran."""

import json
from collections.abc import Iterator, Sequence

from dashboard.pages.blueprint import blueprint
from escalation.plans import read_plan
from escalation.text import one_line
from orchestrator.model import Json, Word, digest


class Step(Word):
    about: str
    command: str = ""
    risk: str = ""
    undo: str = ""
    targets: str = ""
    begun_at: str | None = None
    done_at: str | None = None
    undone_at: str | None = None


def steps_of(plan: Sequence[Json] | None) -> tuple[Step, ...]:
    return tuple(_step(item) for item in plan or ())


def changes_of(changes: Sequence[Json]) -> tuple[Step, ...]:
    """The actions of an attempt as they were performed."""
    times = ("begun_at", "done_at", "undone_at")
    return tuple(_step(row["action"]).model_copy(update={name: row[name] for name in times}) for row in changes)


def is_shown(question: Json) -> bool:
    """Whether what stands on the page is what was asked about: nobody can approve what nobody can see."""
    plan = read_plan(question["plan"] or [])
    return bool(plan) and digest([action.model_dump() for action in plan or ()]) == question["hash"]


@blueprint.app_template_filter()
def in_short(plan: Sequence[Json] | None) -> str:
    return "; ".join(step.about for step in steps_of(plan))


def as_text(plan: Sequence[Json] | None) -> str:
    """As a person edits it: one action a line, what is unset left away."""
    return "\n".join(json.dumps({name: value for name, value in step.items() if value is not None}) for step in plan or ())


def _step(item: Json) -> Step:
    known = read_plan([item])
    if known is None:
        return Step(about=one_line(json.dumps(item)), undo="this version cannot read it")
    (action,) = known
    return Step(
        about=one_line(action.about()),
        command=one_line(action.command()),
        risk=str(action.level),
        undo="undone if it does not help" if action.reversible else "cannot be undone",
        targets=", ".join(_short(action.targets())),
    )


def _short(targets: Sequence[str]) -> Iterator[str]:
    yield from (one_line(target, 120) for target in targets[:6])
    if len(targets) > 6:
        yield f"{len(targets) - 6} more"
