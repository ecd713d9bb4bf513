"""From `Reader.story` back to the words: the Case and the minutes of an incident, whichever version wrote its rows."""

import json
from typing import ClassVar

from orchestrator import actions
from orchestrator.model import (
    Action,
    Attempt,
    Case,
    Change,
    Evidence,
    Fault,
    Handoff,
    Incident,
    Json,
    Minute,
    Proposal,
    Risk,
    Scope,
    Verdict,
    epoch,
)


class Unreadable(Action):
    """Stands for a stored action that this version does not know, so that its story can still be told. Nothing offers it."""

    kind: str = "unreadable"
    risk: ClassVar[Risk] = Risk.HIGH
    reversible: ClassVar[bool] = False
    text: str

    def targets(self) -> tuple[str, ...]:
        return ()

    def about(self) -> str:
        return f"{self.text} (this version cannot read it)"

    def do(self, machine: object) -> str:
        raise NotImplementedError(self.text)

    def verify(self, view: object) -> str:
        raise NotImplementedError(self.text)


def case_of(story: Json) -> Case:
    """The case as it stands in the rows. Raises ValueError when the incident's own row is damaged."""
    task = story["task"]
    incident = Incident(
        id=task["id"],
        fault=Fault.model_validate(task["fault"]),
        symptoms=tuple(Fault.model_validate(row["fault"]) for row in story["symptoms"]),
        status=task["status"],
        phase=task["phase"],
        occurrences=task["occurrences"],
        detected_at=epoch(task["detected_at"]),
        waiting_for=task["waiting_for"],
    )
    return Case(
        incident=incident,
        scope=Scope.model_validate(task["scope"]) if task["scope"] else Scope(target=task["target"]),
        evidence=tuple(evidence_of(row) for row in story["evidence"]),
        tried=tuple(_attempt(row) for row in story["attempts"]),
        handoffs=tuple(Handoff.model_validate(item) for item in task["handoffs"]),
    )


def minutes_of(story: Json) -> tuple[Minute, ...]:
    """What each expert said, oldest first."""
    return tuple(
        Minute(**{name: row[name] for name in Minute.model_fields if name not in ("plan", "evidence_ids")}, plan=_plan(row["plan"]),
               evidence_ids=tuple(row["evidence_ids"]))
        for row in story["minutes"]
    )  # fmt: skip


def evidence_of(row: Json) -> Evidence:
    return Evidence(id=row["id"], source=row["source"], text=row["text"], facts=row["facts"], at=epoch(row["at"]))


def _attempt(row: Json) -> Attempt:
    return Attempt(
        id=row["id"],
        phase=row["phase"],
        proposal=Proposal(
            cause=row["cause"],
            evidence_ids=tuple(row["evidence_ids"]),
            plan=_plan(row["plan"]),
            proposer=row["proposer"],
            origin=row["origin"],
        ),
        verdict=Verdict(answer=row["verdict"], rule=row["rule"], reason=row["reason"]),
        executed=bool(row["executed"]),
        outcome=row["outcome"],
        detail=str(row["detail"]),
        changes=tuple(_change(change) for change in row["changes"]),
        began_at=epoch(row["began_at"]),
        ended_at=_seconds(row["ended_at"]),
    )


def _change(row: Json) -> Change:
    begun_at, done_at, undone_at = (_seconds(row[name]) for name in ("begun_at", "done_at", "undone_at"))
    return Change(id=row["id"], n=row["n"], action=_action(row["action"]), begun_at=begun_at, done_at=done_at, undone_at=undone_at)


def _plan(items: list[Json]) -> tuple[Action, ...]:
    return tuple(_action(item) for item in items)


def _action(data: Json) -> Action:
    try:
        return actions.parse(data)
    except ValueError:
        return Unreadable(text=json.dumps(data)[:300])


def _seconds(text: str | None) -> float | None:
    return None if text is None else epoch(text)
