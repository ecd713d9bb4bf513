"""Calls that look."""

from typing import Annotated

from pydantic import Field

from dashboard.here import here
from dashboard.roster import roster
from escalation.acts import Unknown
from escalation.timeline import of_escalation, timeline
from orchestrator.knowledge.experts import ExpertError
from orchestrator.model import Json, Word
from orchestrator.store import StoreFailed
from orchestrator.store.past import DAYS_SHOWN
from orchestrator.store.wanted import Wanted


class Some(Word):
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class Last(Word):
    days: Annotated[int, Field(ge=1, le=DAYS_SHOWN)] = 30


def escalations(asked: Wanted) -> Json:
    return here().reader.list_escalations(asked).model_dump(mode="json")


def escalation(number: int) -> tuple[Json, int, dict[str, str]]:
    found = here().reader.escalation(number)
    if found is None:
        raise Unknown(f"there is no escalation {number}")
    story = here().reader.story(found["task"]["id"]) if found["task"] else of_escalation(found)
    told = {**found, "timeline": _told(story or of_escalation(found))}
    return told, 200, {"ETag": f'"{found["escalation"]["version"]}"'}


def incidents(asked: Wanted) -> Json:
    return here().reader.list_incidents(asked).model_dump(mode="json")


def incident(number: int) -> Json:
    found = here().reader.story(number)
    if found is None:
        raise Unknown(f"there is no incident {number}")
    return {**found, "timeline": _told(found), "similar": here().reader.similar(number)}


def patterns() -> Json:
    return {"rows": here().reader.patterns()}


def pattern(number: int) -> Json:
    found = next((row for row in here().reader.patterns() if row["id"] == number), None)
    if found is None:
        raise Unknown(f"there is no pattern {number}")
    return {"pattern": found, "preview": here().reader.preview(found["signature"])}


def experts() -> Json:
    """Whose role file cannot be read is told by the refusal, as the daemon would not start with it."""
    try:
        return {"rows": [member.model_dump(mode="json") for member in roster()]}
    except ExpertError as error:
        raise StoreFailed(str(error)) from error


def memories() -> Json:
    return {"rows": here().reader.memories()}


def memory(number: int) -> Json:
    found = here().reader.memory(number)
    if found is None:
        raise Unknown(f"there is no memory {number}")
    return found


def checks() -> Json:
    return {"rows": here().reader.checks()}


def windows(asked: Some) -> Json:
    return {"rows": here().reader.maintenance(asked.limit)}


def decisions(asked: Some) -> Json:
    return {"rows": here().reader.decisions(asked.limit)}


def decision(number: int) -> Json:
    found = here().reader.decision(number)
    if found is None:
        raise Unknown(f"there is no decision {number}")
    return found


def audit(asked: Some) -> Json:
    return {"rows": here().reader.audit(asked.limit)}


def status() -> Json:
    return {**here().status, "why_dead": here().why_dead}


def metrics() -> Json:
    return here().reader.metrics()


def series(asked: Last) -> Json:
    return {"rows": here().reader.series(asked.days)}


def _told(story: Json) -> list[Json]:
    return [moment.model_dump(mode="json") for moment in timeline(story)]
