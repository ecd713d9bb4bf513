"""Everything of one incident or one escalation, both files; of what is too much, the newest, and how much is left out."""

from collections.abc import Mapping

from orchestrator.model import Json
from orchestrator.store.beside import people_of
from orchestrator.store.reporting import Rows

MOST: Mapping[str, int] = {
    "attempts": 100,
    "evidence": 200,
    "symptoms": 200,
    "minutes": 100,
    "escalations": 50,
    "interventions": 100,
    "notes": 200,
    "mails": 200,
}
"""Rows of each part; what a story has more of is counted in its `left_out`."""
CHANGES = 50
"""Of one attempt."""
TEXT_CHARACTERS = 8000
"""Of one observation: the end of a log is what tells."""

_CHANGES = f"""SELECT id, attempt_id, n, action, begun_at, done_at, undone_at FROM changes AS c WHERE attempt_id IN (%s)
AND (SELECT COUNT(*) FROM changes WHERE attempt_id = c.attempt_id AND id < c.id) < {CHANGES} ORDER BY id"""  # noqa: S608  # a constant


class _Parts:
    """The parts of one story as they are read, with what was left out of them."""

    def __init__(self, book: Rows) -> None:
        self._book = book
        self.left_out: dict[str, int] = {}

    def newest(self, part: str, file: str, table: str, column: str, *numbers: int) -> list[Json]:
        """Those of any of `numbers`; the oldest of the newest first."""
        # Numbers as text: a view that joins is searched by constants alone, and read from end to end for a parameter's list.
        of, most = f"FROM {table} WHERE {column} IN ({', '.join(map(str, numbers))})", MOST[part]
        rows = self._book.rows(file, f"SELECT * {of} ORDER BY id DESC LIMIT {most}") if numbers else []
        if len(rows) == most:
            counted = self._book.row(file, f"SELECT COUNT(*) AS n {of}")
            self._leave_out(part, counted["n"] - most if counted else 0)
        return rows[::-1]

    def _leave_out(self, part: str, number: int) -> None:
        if number > 0:
            self.left_out[part] = number


def story_of(book: Rows, task_id: int) -> Json | None:
    """None when there is no such row."""
    task = book.row("tasks", "SELECT * FROM tasks WHERE id = ?", (task_id,))
    if task is None:
        return None
    parts = _Parts(book)
    escalations = parts.newest("escalations", "escalations", "escalations", "task_id", task_id)
    questions = parts.newest("interventions", "escalations", "interventions", "task_id", task_id)
    of_desk = [row["id"] for row in escalations]
    return {
        "task": task,
        "symptoms": parts.newest("symptoms", "tasks", "tasks", "root_id", task_id),
        "attempts": _with_changes(book, parts.newest("attempts", "tasks", "attempts", "task_id", task_id)),
        "evidence": [_cut(row) for row in parts.newest("evidence", "tasks", "evidence", "task_id", task_id)],
        "minutes": parts.newest("minutes", "escalations", "agent_consultations", "task_id", task_id),
        "escalations": escalations,
        "interventions": questions,
        "notes": parts.newest("notes", "escalations", "notes", "escalation_id", *of_desk),
        "mails": parts.newest("mails", "escalations", "v_mails", "escalation_id", *of_desk),
        **people_of(book, task, of_desk, [row["id"] for row in questions]),
        "left_out": parts.left_out,
    }


def escalation_of(book: Rows, escalation_id: int) -> Json | None:
    """None when there is no such row."""
    found = book.row("escalations", "SELECT * FROM escalations WHERE id = ?", (escalation_id,))
    if found is None:
        return None
    parts = _Parts(book)

    def of(part: str, table: str) -> list[Json]:
        return parts.newest(part, "escalations", table, "escalation_id", escalation_id)

    story = {
        "interventions": of("interventions", "interventions"),
        "notes": of("notes", "notes"),
        "outbox": of("mails", "v_mails"),
        "agent_consultations": of("minutes", "agent_consultations"),
    }
    task = book.row("tasks", "SELECT * FROM tasks WHERE id = ?", (found["task_id"],))
    return {"escalation": found, "task": task, **story, "left_out": parts.left_out}


def _with_changes(book: Rows, attempts: list[Json]) -> list[Json]:
    by_attempt: dict[int, list[Json]] = {row["id"]: [] for row in attempts}
    for change in book.rows("tasks", _CHANGES % ", ".join(map(str, by_attempt))):
        by_attempt[change["attempt_id"]].append(change)
    return [{**row, "changes": by_attempt[row["id"]]} for row in attempts]


def _cut(observation: Json) -> Json:
    text = observation["text"]
    if len(text) <= TEXT_CHARACTERS:
        return observation
    return {**observation, "text": f"[{len(text) - TEXT_CHARACTERS} characters before are left out]\n{text[-TEXT_CHARACTERS:]}"}
