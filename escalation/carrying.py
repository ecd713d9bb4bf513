"""What people did at the desk and at its doors, for the audit, which lives in the other file.

Two files share no transaction. Each act is on disk here with what it changed; the daemon takes it over into the audit a little
later, together with the mark of how far it came, which is one transaction there. A death between the two leaves the mark as it
was: nothing is lost, and nothing is taken over twice.
"""

from collections.abc import Mapping

from escalation.front import FrontDesk
from orchestrator.model import Json
from orchestrator.store.ledger import looking

AT_ONCE = 500

SOURCES: Mapping[str, str] = {
    "notes": """SELECT printf('%020d', id) AS mark, actor, act AS what, at, escalation_id AS escalation, substr(text, 1, 500) AS said
        FROM notes WHERE act != '' AND id > CAST(:after AS INTEGER) ORDER BY id""",
    "sessions": """SELECT created_at || ' ' || hash AS mark, actor, 'came in' AS what, created_at AS at
        FROM door_sessions WHERE created_at || ' ' || hash > :after ORDER BY 1""",
    "tokens": """SELECT printf('%020d', id) AS mark, made_by AS actor, 'token made' AS what, created_at AS at, name AS token, right
        FROM door_tokens WHERE id > CAST(:after AS INTEGER) ORDER BY id""",
    "revoked": """SELECT revoked_at || ' ' || id AS mark, 'somebody' AS actor, 'token revoked' AS what, revoked_at AS at, name AS token
        FROM door_tokens WHERE revoked_at || ' ' || id > :after ORDER BY 1""",
}
"""Each with a mark that only grows."""


class Carrying(FrontDesk):
    @looking
    def done_since(self, source: str, mark: str | None) -> tuple[str, tuple[Json, ...]]:
        """The new mark, and what was done after the old one. Without one all that was done so far is history, and not told."""
        sql = SOURCES[source]
        if mark is None:
            newest = self.ledger.row(f"SELECT MAX(mark) AS mark FROM ({sql})", {"after": ""})  # noqa: S608 - constants of this file
            return (newest["mark"] if newest else None) or "", ()
        rows = self.ledger.rows(f"{sql} LIMIT {AT_ONCE}", {"after": mark})
        marks = [row.pop("mark") for row in rows]
        acts = tuple({"actor": row.pop("actor"), "what": row.pop("what"), "detail": row} for row in rows)
        return marks[-1] if marks else mark, acts
