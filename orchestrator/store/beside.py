"""What people did, and were told, about one incident: read for its timeline."""

from orchestrator.model import Json, utc
from orchestrator.store.reporting import Rows

_OF = "escalation_id IN (SELECT id FROM escalations.escalations WHERE task_id = ?)"
_WINDOWS = """SELECT * FROM windows WHERE (key = :key OR (key = '' AND service IN ('', :target, :service)))
AND begins_at <= COALESCE(:gone_at, :now) AND COALESCE(ended_at, until) >= :seen_at ORDER BY id LIMIT 100"""


def people_of(book: Rows, task: Json) -> Json:
    """Notes, what was told by mail, decisions with what the daemon made of them, and the windows that covered it."""
    scope = task["scope"] if isinstance(task["scope"], dict) else {}
    times = {"seen_at": task["detected_at"], "gone_at": task["resolved_at"], "now": utc()}
    names = {"key": task["key"], "target": task["target"], "service": scope.get("service") or task["target"]}
    return {
        "notes": book.rows("escalations", f"SELECT * FROM notes WHERE {_OF} ORDER BY id", (task["id"],)),  # noqa: S608
        "mails": book.rows("escalations", f"SELECT * FROM v_mails WHERE {_OF} ORDER BY id", (task["id"],)),  # noqa: S608
        "decisions": _decisions(book, task),
        "windows": book.rows("tasks", _WINDOWS, {**names, **times}),
    }


def _decisions(book: Rows, task: Json) -> list[Json]:
    """By the incident's number or key, or by that of an escalation or a question of it."""
    about = {"task_id": [task["id"]]}
    for name, argument in (("escalations", "escalation_id"), ("interventions", "intervention_id")):
        rows = book.rows("escalations", f"SELECT id FROM {name} WHERE task_id = ?", (task["id"],))  # noqa: S608  # two constants
        about[argument] = [int(row["id"]) for row in rows]
    named = [f"args ->> '$.{argument}' IN ({', '.join(map(str, numbers))})" for argument, numbers in about.items()]
    which = " OR ".join([*named, "args ->> '$.key' = ?"])
    # The time comes first: nobody decided about it before it was seen, and a row's JSON costs more than all else of it.
    asked = f"SELECT * FROM inbox WHERE at >= ? AND ({which}) ORDER BY id"  # noqa: S608  # numbers and constants
    return book.rows("tasks", asked, (task["detected_at"], task["key"]))
