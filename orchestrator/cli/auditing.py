"""`audit verify`: what is asked, and of whom."""

import json
import os
from pathlib import Path

from orchestrator.config import Config
from orchestrator.hands.chained import Chained
from orchestrator.host.errors import Unavailable
from orchestrator.host.witness import heads_of
from orchestrator.model import Json, Word
from orchestrator.store import Reader
from orchestrator.store.comparing import brain_of, compared, done_of
from orchestrator.store.verifying import Heard, verified


class Told(Word):
    """One comparison, in words."""

    rows: int = 0
    heads: int = 0
    wrong: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    """What could not be compared, and why."""


def chain_of(config: Config, reader: Reader) -> Told:
    """The audit by itself, and by the heads that its writer told the journal."""
    state_dir = Path(config.daemon.state_dir)
    rows, ever = reader.whole_audit()
    heads, untold = _heads(state_dir)
    found = verified(rows, ever, heads)
    return Told(rows=found.rows, heads=found.heads, wrong=found.wrong, lost=found.lost, untold=untold)


def hands_of(config: Config, reader: Reader, now: float) -> Told:
    """The brain's changes and the hands' record, each by the other; and whether the record is as it was written."""
    file = config.hands_dir / "record"
    lines = Chained(file)
    record = done_of(lines.read())
    if lines.unusable:
        only_root = "" if os.geteuid() == 0 else "; only root may read it"
        return Told(untold=(f"not compared with the hands' record: {file} {lines.unusable}{only_root}",))
    if not lines.count:
        return Told(untold=(f"not compared with the hands' record: {file} is not there",))
    rows, _ = reader.whole_audit()
    wrong = compared(brain_of([_parsed(row) for row in rows]), record, now)
    return Told(rows=len(record), wrong=(*filter(None, [lines.damaged]), *wrong))


def _heads(state_dir: Path) -> tuple[tuple[Heard, ...], tuple[str, ...]]:
    """By whoever owns the file, and root: nobody else writes it."""
    try:
        uids = frozenset((0, (state_dir / "tasks.db").stat().st_uid))
        heads = tuple(Heard(at=at[:19], row=row, digest=digest) for at, row, digest in heads_of(state_dir, uids))
    except (OSError, Unavailable) as error:
        return (), (f"not compared with the journal: {error}",)
    return heads, () if heads else ("not compared with the journal: it has no head of this audit, or you may not read it",)


def _parsed(row: Json) -> Json:
    try:
        detail = json.loads(row["detail"])
    except (ValueError, TypeError):
        detail = {}
    return {**row, "detail": detail if isinstance(detail, dict) else {}}
