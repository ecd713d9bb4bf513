"""What people did, and were told, about one incident: read for its timeline."""

from collections.abc import Sequence

from orchestrator.model import Json, utc
from orchestrator.store.reporting import Rows

_WINDOWS = """SELECT * FROM windows WHERE (key = :key OR (key = '' AND service IN ('', :target, :service)))
AND begins_at <= COALESCE(:gone_at, :now) AND COALESCE(ended_at, until) >= :seen_at ORDER BY id LIMIT 100"""


DECISIONS = 100
"""The newest."""


def people_of(book: Rows, task: Json, escalations: Sequence[int], questions: Sequence[int]) -> Json:
    """Decisions with what the daemon made of them, and the windows that covered it."""
    scope = task["scope"] if isinstance(task["scope"], dict) else {}
    times = {"seen_at": task["detected_at"], "gone_at": task["resolved_at"], "now": utc()}
    names = {"key": task["key"], "target": task["target"], "service": scope.get("service") or task["target"]}
    return {"decisions": _decisions(book, task, escalations, questions), "windows": book.rows("tasks", _WINDOWS, {**names, **times})}


def _decisions(book: Rows, task: Json, escalations: Sequence[int], questions: Sequence[int]) -> list[Json]:
    """By the incident's number or key, or by that of an escalation or a question of it."""
    about = {"task_id": [task["id"]], "escalation_id": escalations, "intervention_id": questions}
    named = [f"args ->> '$.{argument}' IN ({', '.join(map(str, numbers))})" for argument, numbers in about.items()]
    about_it = " OR ".join([*named, "args ->> '$.key' = ?"])
    which = f"CASE WHEN json_valid(args) THEN {about_it} END"  # the inbox is a file that others may write
    # The time comes first: nobody decided about it before it was seen, and a row's JSON costs more than all else of it.
    asked = f"SELECT * FROM inbox WHERE at >= ? AND ({which}) ORDER BY id DESC LIMIT {DECISIONS}"  # noqa: S608  # numbers and constants
    return book.rows("tasks", asked, (task["detected_at"], task["key"]))[::-1]
