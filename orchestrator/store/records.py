"""Each expert's record: how often he was asked, and how what he said stood up."""

from orchestrator.model import Json
from orchestrator.store.reporting import Rows

_VOTES = """SELECT expert, COUNT(*) AS asked, SUM(stance = 'failed') AS failed, MAX(created_at) AS asked_at,
SUM(proved = 'healed') AS wins, SUM(proved NOT IN ('', 'healed', 'moot')) AS losses FROM agent_consultations GROUP BY expert"""
_MEMORIES = "SELECT expert, COUNT(*) AS memories FROM expert_memory WHERE expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now') GROUP BY expert"
NOTHING: Json = {"asked": 0, "failed": 0, "asked_at": None, "wins": 0, "losses": 0, "memories": 0}


def records_of(book: Rows) -> dict[str, Json]:
    """By name, as far back as votes are kept; of who was never asked and remembers nothing there is none."""
    found: dict[str, Json] = {}
    for row in (*book.rows("escalations", _VOTES), *book.rows("tasks", _MEMORIES)):
        found.setdefault(row["expert"], {**NOTHING}).update(row)
    return found
