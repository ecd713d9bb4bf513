"""The audit as a chain: each row has a digest of the row before and of its own content, so that none can be changed unseen.

There is no secret in it: whoever may write the file could write the whole chain anew. That is found by its heads, which the
journal and the hands' record keep.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from orchestrator.masking import mask
from orchestrator.model import Json, Word, utc
from orchestrator.store.ledger import Ledger

DETAIL_CHARACTERS = 64_000
CUT, PUT_BACK = "audit cut", "file put back"
"""What the retention removed, and what a damaged file took along: the two gaps that a chain may have, each told by a row of it."""

_NEWEST = "SELECT id, digest FROM audit ORDER BY id DESC LIMIT 1"
_EVER = "SELECT COALESCE(MAX(seq), 0) AS n FROM sqlite_sequence WHERE name = 'audit'"
_BEGAN = 400


class Head(Word):
    """The newest row of the chain."""

    row: int
    digest: str


def digest_of(before: str, row: Mapping[str, Any]) -> str:
    """`before`: the digest of the row before; empty for the first one that ever was."""
    content = [before, *(row[name] for name in ("id", "at", "actor", "what", "detail"))]
    return hashlib.sha256(json.dumps(content, separators=(",", ":"), default=repr).encode()).hexdigest()


def append(ledger: Ledger, actor: str, what: str, detail: Json) -> int:
    """Part of a transaction: the row stands or falls with what it tells of. A number is never given twice."""
    last, ever = ledger.row(_NEWEST), ledger.rows(_EVER)[0]["n"]
    row = {"id": max(ever, last["id"] if last else 0) + 1, "at": utc(), "actor": actor[:200], "what": what[:200], "detail": _told(detail)}
    return ledger.insert("audit", {**row, "digest": digest_of(last["digest"] if last else "", row)})


def head(ledger: Ledger) -> Head | None:
    """None before the first row."""
    last = ledger.row(_NEWEST)
    return Head(row=last["id"], digest=last["digest"]) if last else None


def chain_up(db: Database) -> None:
    """Take over rows that were written before there was a chain."""
    before = ""
    for number, at, actor, what, detail in db.conn.execute("SELECT id, at, actor, what, detail FROM audit ORDER BY id").fetchall():
        before = digest_of(before, {"id": number, "at": at, "actor": actor, "what": what, "detail": detail})
        db.conn.execute("UPDATE audit SET digest = ? WHERE id = ?", (before, number))


def _told(detail: Json) -> str:
    text = json.dumps(_masked(detail), separators=(",", ":"), default=str)
    if len(text) <= DETAIL_CHARACTERS:
        return text
    return json.dumps({"left_out": len(text), "begins": text[:_BEGAN]}, separators=(",", ":"))


def _masked(value: Any) -> Any:
    """Each text by itself: over the whole, a mask would break the JSON."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {str(name): _masked(item) for name, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list | tuple) else value
