"""Each expert's record: how often he was asked, and how what he said stood up, as far as it is remembered."""

from orchestrator.model import Json
from orchestrator.store.reporting import Rows

_ASKED = """SELECT expert, COUNT(*) AS asked, SUM(stance = 'failed') AS failed, MAX(created_at) AS asked_at
FROM agent_consultations GROUP BY expert"""
_PROVED = """SELECT expert, COUNT(*) AS memories, SUM(wins) AS wins, SUM(losses) AS losses FROM expert_memory
WHERE expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now') GROUP BY expert"""
NOTHING: Json = {"asked": 0, "failed": 0, "asked_at": None, "memories": 0, "wins": 0, "losses": 0}


def records_of(book: Rows) -> dict[str, Json]:
    """By name; of who was never asked and remembers nothing there is none."""
    found: dict[str, Json] = {}
    for row in (*book.rows("escalations", _ASKED), *book.rows("tasks", _PROVED)):
        found.setdefault(row["expert"], {**NOTHING}).update(row)
    return found
