"""What is to be told: rows that are written with what they tell of, and that wait until a mail is composed of them."""

from escalation.text import one_line, plain
from escalation.words import TellingKind
from orchestrator.model import Json, utc
from orchestrator.store.ledger import Ledger

SAID_CHARACTERS = 4000
WHY_CHARACTERS = 500
AT_ONCE = 2000
"""Tellings of one mail; what is beyond waits for the next."""

_REACHED = """SELECT 1 FROM tellings AS t JOIN told ON told.telling_id = t.id JOIN outbox AS o ON o.mail_id = told.mail_id
WHERE t.escalation_id = :escalation AND (o.status IN ('sent', 'sending') OR o.trouble = 'unsure')
AND (:place IS NULL OR o.channel || ' ' || o.place = :place)"""
WAITING = """FROM tellings AS t INDEXED BY tellings_waiting JOIN escalations AS e ON e.id = t.escalation_id
WHERE t.status = 'waiting' AND (t.kind = 'recovery' OR COALESCE(e.snoozed_until, '') <= :now)"""
"""A snoozed escalation is not told of, but that it is over."""
STANDING = "status = 'open' AND COALESCE(snoozed_until, '') <= :now"
"""Escalations that wait for somebody to take them: those that people are reminded of."""


def put(ledger: Ledger, kind: TellingKind, escalation_id: int, said: str, off: str = "", *, at: float | None = None) -> None:
    """Part of the transaction of what it tells. `off`: why it is only written down."""
    unsent = {"status": "not sent", "why": off} if off else {}
    row = {"escalation_id": escalation_id, "kind": kind, "said": plain(said, SAID_CHARACTERS), "created_at": utc(at)}
    ledger.insert("tellings", {**row, **unsent})


def reached(ledger: Ledger, escalation_id: int, place: str | None = None) -> bool:
    """Whether any mail about it went out (to `place`: channel and place), or may have."""
    return ledger.row(_REACHED, {"escalation": escalation_id, "place": place}) is not None


def drop(ledger: Ledger, telling_ids: list[int], why: str) -> None:
    """They are told to nobody, and the row says why."""
    for number in telling_ids:
        ledger.update("tellings", number, {"status": "not sent", "why": one_line(why, WHY_CHARACTERS)})


def withdraw(ledger: Ledger, escalation_id: int, ended: str) -> None:
    """It is over, or `healed`: what nobody was told yet stays unsent."""
    before = "this" if reached(ledger, escalation_id) else "the first mail"
    waiting = ledger.rows("SELECT id FROM tellings WHERE escalation_id = ? AND status = 'waiting'", (escalation_id,))
    drop(ledger, [row["id"] for row in waiting], f"it was {ended} before {before} was due")


def why_not(ledger: Ledger, telling: Json, status: str, place: str | None = None) -> str:
    """Why this need not be told any more; empty when it must. `status` is the escalation's now."""
    if status == "resolved":
        if not reached(ledger, telling["escalation_id"], place):
            return "it was over before the first mail could go"
        return "" if telling["kind"] == "recovery" else "it was over before this could go"
    if telling["kind"] == "recovery":
        return "it was opened again before this could go"
    if telling["kind"] == "reminder" and status != "open":
        return "somebody took it before this was due"
    return ""
