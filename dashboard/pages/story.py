"""The story of one incident as its page tells it: each attempt with before and after, each vote, what was seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dashboard.pages.plans import Step, changes_of, in_short, steps_of
from escalation.text import one_line
from escalation.verdict import dissents
from orchestrator.model import Json, Phase

SEEN_SHOWN = 40
"""Observations on one page, the cited ones first; all that the store keeps are one click away."""
TRIES_SHOWN, VOTES_SHOWN = 30, 30
_BEFORE = "before the change"


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt. `row` is as stored."""

    row: Json
    phase: str
    planned: tuple[Step, ...]
    done: tuple[Step, ...]
    before: Json | None
    """The observation of what stood wrong just before it."""

    @property
    def outcome(self) -> str:
        return str(self.row["outcome"] or "under way")

    @property
    def steps(self) -> tuple[Step, ...]:
        """What was begun, or else what was meant."""
        return self.done or self.planned


@dataclass(frozen=True, slots=True)
class Vote:
    row: Json
    plan: str
    dissents: bool


@dataclass(frozen=True, slots=True)
class Seen:
    row: Json
    cited: bool
    first: str


@dataclass(frozen=True, slots=True)
class Told:
    """The parts of a story, ready to be shown; the newest of each, where there is no end of them."""

    tries: tuple[Try, ...]
    tries_left_out: int
    handoffs: tuple[Json, ...]
    votes: tuple[Vote, ...]
    seen: tuple[Seen, ...]
    seen_left_out: int


def told(story: Json, *, all_seen: bool = False) -> Told:
    seen, tries = _seen(story), tuple(_tries(story))
    shown = seen if all_seen else _chosen(seen)
    return Told(
        tries=tries[-TRIES_SHOWN:],
        tries_left_out=max(0, len(tries) - TRIES_SHOWN),
        handoffs=tuple({**item, "phase": _phase(item["phase"])} for item in story["task"]["handoffs"]),
        votes=votes_of(story["minutes"]),
        seen=shown,
        seen_left_out=len(seen) - len(shown),
    )


def votes_of(minutes: Sequence[Json]) -> tuple[Vote, ...]:
    """Each answer, and whether it disagrees with what most said who were asked at the same time."""
    minutes = minutes[-VOTES_SHOWN:]
    plans = [in_short(row["plan"]) for row in minutes]
    disagrees = dissents([(row["created_at"], row["stance"], plan) for row, plan in zip(minutes, plans, strict=True)])
    return tuple(map(Vote, minutes, plans, disagrees))


def _tries(story: Json) -> Iterator[Try]:
    for row in story["attempts"]:
        before = [item for item in story["evidence"] if item["source"] == _BEFORE and item["at"] <= row["began_at"]]
        yield Try(row, _phase(row["phase"]), steps_of(row["plan"]), changes_of(row["changes"]), before[-1] if before else None)


def _cited(story: Json) -> Iterator[int]:
    for row in (*story["attempts"], *story["minutes"]):
        yield from (number for number in row["evidence_ids"] if isinstance(number, int))


def _seen(story: Json) -> tuple[Seen, ...]:
    """The newest first."""
    cited = frozenset(_cited(story))
    return tuple(Seen(row, row["id"] in cited, _first_line(row["text"])) for row in reversed(story["evidence"]))


def _chosen(seen: tuple[Seen, ...]) -> tuple[Seen, ...]:
    """What was cited, and the newest of the rest, in their order."""
    best = {item.row["id"] for item in sorted(seen, key=lambda item: not item.cited)[:SEEN_SHOWN]}
    return tuple(item for item in seen if item.row["id"] in best)


def _first_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return one_line(lines[0], 160) if lines else "nothing"


def _phase(number: int) -> str:
    return str(Phase.numbered(number)) if 1 <= number <= len(Phase) else f"phase {number}"
