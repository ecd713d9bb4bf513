"""From rows back to words. What a row holds is not trusted: old, damaged or hostile ones are left out, with a log line."""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from orchestrator import actions
from orchestrator.model import (
    Action,
    Attempt,
    Change,
    Evidence,
    Fault,
    Handoff,
    Incident,
    Json,
    Pattern,
    Proposal,
    Scope,
    Verdict,
    digest,
    epoch,
)
from orchestrator.store.words import Memory

log = logging.getLogger(__name__)

T = TypeVar("T")


def readable(what: str, row: Json, make: Callable[[Json], T]) -> T | None:
    """`make(row)`, or None and a log line when it cannot be read. `row` has an id."""
    try:
        return make(row)
    except (ValueError, TypeError, KeyError) as error:  # pydantic's and json's errors are ValueErrors
        log.warning("%s %s cannot be read and is left out: %s", what, row.get("id"), str(error).partition("\n")[0][:300])
        return None


def all_readable(what: str, rows: Iterable[Json], make: Callable[[Json], T]) -> tuple[T, ...]:
    made = (readable(what, row, make) for row in rows)
    return tuple(word for word in made if word is not None)


def fault_of(row: Json) -> Fault:
    return Fault.model_validate_json(row["fault"])


def scope_of(row: Json) -> Scope:
    return Scope.model_validate_json(row["scope"]) if row["scope"] else Scope(target=row["target"])


def handoffs_of(row: Json) -> tuple[Handoff, ...]:
    return tuple(Handoff.model_validate(item) for item in json.loads(row["handoffs"]))


def incident_of(row: Json, symptoms: Sequence[Fault]) -> Incident:
    return Incident(
        id=row["id"],
        fault=fault_of(row),
        symptoms=tuple(symptoms),
        status=row["status"],
        phase=row["phase"],
        occurrences=row["occurrences"],
        detected_at=epoch(row["detected_at"]),
        opened_at=epoch(row["opened_at"]),
        retried_at=_seconds(row["retried_at"]) or 0.0,
        waiting_for=row["waiting_for"],
        signature=row["fingerprint"],
    )


def evidence_of(row: Json) -> Evidence:
    return Evidence(id=row["id"], source=row["source"], text=row["text"], facts=json.loads(row["facts"]), at=epoch(row["at"]))


def plan_of(text: str) -> tuple[Action, ...]:
    """A stored plan, each action parsed anew by today's rules. Raises ValueError for one that no longer fits them."""
    return tuple(actions.parse(item) for item in json.loads(text))


def plan_data(plan: Iterable[Action]) -> list[Json]:
    return [action.model_dump(mode="json") for action in plan]


def plan_hash(plan: Iterable[Action]) -> str:
    """The hash of a plan, as `Proposal.hash` makes it."""
    return digest([action.model_dump() for action in plan])


def proposal_data(proposal: Proposal) -> Json:
    """Without the minutes, which have a table of their own."""
    return {**proposal.model_dump(mode="json", exclude={"minutes", "plan"}), "plan": plan_data(proposal.plan)}


def proposal_of(text: str) -> Proposal:
    data = json.loads(text)
    return Proposal.model_validate({**data, "plan": tuple(actions.parse(item) for item in data["plan"])})


def attempt_of(row: Json, changes: Sequence[Change]) -> Attempt:
    return Attempt(
        id=row["id"],
        phase=row["phase"],
        proposal=Proposal(
            cause=row["cause"],
            evidence_ids=tuple(json.loads(row["evidence_ids"])),
            plan=plan_of(row["plan"]),
            proposer=row["proposer"],
            origin=row["origin"],
        ),
        verdict=Verdict(answer=row["verdict"], rule=row["rule"], reason=row["reason"]),
        executed=bool(row["executed"]),
        outcome=row["outcome"],
        detail=row["detail"],
        changes=tuple(changes),
        began_at=epoch(row["began_at"]),
        ready_by=_seconds(row["ready_by"]),
        clean_since=_seconds(row["clean_since"]),
        ended_at=_seconds(row["ended_at"]),
    )


def change_of(row: Json) -> Change:
    return Change(
        id=row["id"],
        n=row["n"],
        action=actions.parse(json.loads(row["action"])),
        before=json.loads(row["before"]),
        begun_at=_seconds(row["begun_at"]),
        done_at=_seconds(row["done_at"]),
        undoing_at=_seconds(row["undoing_at"]),
        undone_at=_seconds(row["undone_at"]),
    )


def pattern_of(row: Json) -> Pattern:
    return Pattern(plan=plan_of(row["plan"]), **{name: row[name] for name in Pattern.model_fields if name != "plan"})


def memory_of(row: Json) -> Memory:
    told = {
        "check": row["check_name"],
        "incident": row["task_id"],
        "kinds": json.loads(row["kinds"]),
        "instead": json.loads(row["instead"]),
    }
    return Memory.model_validate({**{name: row[name] for name in Memory.model_fields if name in row}, **told})


def _seconds(text: str | None) -> float | None:
    return None if text is None else epoch(text)
