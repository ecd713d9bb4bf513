"""Whether the audit is as it was written: each sentence says what is wrong, and where. Pure: rows in, words out."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.model import Json, Word
from orchestrator.store.chain import CUT, PUT_BACK, digest_of

SAID = 100
"""Sentences: where the whole was written anew, nobody needs one for each row."""


class Heard(Word):
    """A head of the chain, as somebody else keeps it."""

    at: str
    row: int
    digest: str
    by: str = "the journal"


class Verified(Word):
    rows: int = 0
    heads: int = 0
    """How many of those that others keep were compared."""
    wrong: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    """What went with a damaged file, as its own row tells: a loss, and nobody's doing."""


def verified(rows: Sequence[Json], ever: int, heads: Sequence[Heard] = ()) -> Verified:
    """`rows`: all that are there, by number. `ever`: the highest number that was ever given."""
    chain = _Chain(rows, {row["id"]: _told(row) for row in rows if row["what"] in (CUT, PUT_BACK)})
    wrong = [*chain.broken(), *chain.ended_early(ever), *chain.contradicted(heads)]
    return Verified(rows=len(rows), heads=len(heads), wrong=tuple(wrong[:SAID]), lost=tuple(chain.lost()))


@dataclass(frozen=True)
class _Chain:
    rows: Sequence[Json]
    marks: dict[int, Json]
    """What the cuts and the replacements tell, by their rows' numbers."""

    def broken(self) -> Iterator[str]:
        """Each row by the digest of the one before it; None where that one is not there to ask."""
        if not self.rows:
            return
        cut, first = self._cut, self.rows[0]["id"]
        before: str | None = "" if first == 1 else cut["digest"] if first == cut["upto"] + 1 else None
        if first > cut["upto"] + 1:
            yield f"{_named(1, first - 1)} missing at the beginning, and no cut of the retention's tells of that"
        last = first - 1
        for row in self.rows:
            if row["id"] != last + 1 and self._after(row["id"]) != last:
                yield f"{_named(last + 1, row['id'] - 1)} missing"
                before = None
            fits = before is None or digest_of(before, row) == row["digest"]
            if not fits or (row["id"] == cut["upto"] and row["digest"] != cut["digest"]):
                yield f"row {row['id']} ({row['at']}, {row['actor']}: {row['what']}) is not as it was written, or does not belong there"
            before, last = row["digest"], row["id"]

    def ended_early(self, ever: int) -> Iterator[str]:
        if ever > self._last:
            yield f"{_named(self._last + 1, ever)} missing at the end"

    def contradicted(self, heads: Sequence[Heard]) -> Iterator[str]:
        known = {row["id"]: row["digest"] for row in self.rows}
        for head in heads:
            said = f"{head.by} heard of row {head.row} at {head.at}"
            if head.row > self._last:
                yield f"{said}, and the audit ends with row {self._last}"
            elif known.get(head.row, head.digest) != head.digest:
                yield f"{said} as of another one: the audit was written anew, there or before"
            elif head.row not in known and head.row >= self.rows[0]["id"] and not self._is_lost(head.row):
                yield f"{said}, and it is missing"

    def lost(self) -> Iterator[str]:
        for number, told in self.marks.items():
            if (after := self._after(number)) is not None:
                file, kept = told.get("file"), told.get("kept_as")
                yield f"{_named(after + 1, number - 1)} lost: {file} was damaged and a copy took its place; it is kept as {kept}"

    @property
    def _last(self) -> int:
        return int(self.rows[-1]["id"]) if self.rows else 0

    @property
    def _cut(self) -> Json:
        """The last one that is told of."""
        told = (told for _, told in sorted(self.marks.items(), reverse=True) if isinstance(told.get("upto"), int))
        return next(told, {"upto": 0, "digest": ""})

    def _after(self, number: int) -> int | None:
        """The row after which a damaged file's own were lost, if this one tells of that."""
        after = self.marks.get(number, {}).get("after")
        return after if isinstance(after, int) else None

    def _is_lost(self, number: int) -> bool:
        return any((after := self._after(back)) is not None and after < number < back for back in self.marks)


def _told(row: Json) -> Json:
    try:
        told = json.loads(row["detail"])
    except (ValueError, TypeError):
        return {}
    return told if isinstance(told, dict) else {}


def _named(first: int, last: int) -> str:
    return f"row {first} is" if first == last else f"rows {first} to {last} are"
