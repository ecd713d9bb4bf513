"""The brain's word against the hands' own record: what either has done that the other does not know. Pure: rows in, words out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.model import Json, Word, epoch, utc

SAID = 100
_TOLD = ("at", "kind", "targets", "hash")
_NOTHING: Json = {"kind": "?", "targets": (), "hash": ""}
SLACK_SECONDS = 5.0
"""A change that is under way just now stands in one of the two first."""


class Done(Word):
    """A change as the hands recorded it."""

    id: int
    at: float
    kind: str
    targets: tuple[str, ...]
    hash: str
    undone_at: float = 0.0
    """0 for one that was not taken back."""


@dataclass(frozen=True)
class Brain:
    """What the brain's files say of changes."""

    begun: Mapping[int, Json]
    """By number, as the audit tells: {"kind", "targets", "hash"}."""
    done: frozenset[int]
    undone: frozenset[int]
    """Also what never reached the hands: then there was nothing to take back."""
    since: float
    """The audit's first row: what was done before it, it cannot know."""
    lost: Sequence[tuple[float, float]] = ()
    """From when to when rows went with a damaged file."""


def done_of(lines: Iterable[Json]) -> tuple[Done, ...]:
    """What began by these lines of the hands' record, with whether it was taken back; one of another kind tells of no change."""
    told = [line for line in lines if {"id", "op", *_TOLD} <= line.keys()]
    undone = {line["id"]: line["at"] for line in told if line["op"] == "undone"}
    begun = (line for line in told if line["op"] == "perform")
    return tuple(
        Done.model_validate({"id": line["id"], "undone_at": undone.get(line["id"], 0.0), **{name: line[name] for name in _TOLD}})
        for line in begun
    )


def brain_of(audit: Sequence[Json]) -> Brain:
    """`audit`: rows in any order, with their details parsed; one whose detail is of another form tells of no change."""
    told = [row for row in audit if isinstance(row["detail"].get("change"), int)]
    back = [row["detail"] for row in audit if row["what"] == "file put back" and "after" in row["detail"]]
    return Brain(
        begun={row["detail"]["change"]: {**_NOTHING, **row["detail"]} for row in told if row["what"] == "change begun"},
        done=frozenset(row["detail"]["change"] for row in told if row["what"] == "change done"),
        undone=frozenset(row["detail"]["change"] for row in told if row["what"] == "change undone"),
        since=min((epoch(row["at"]) for row in told if row["what"] == "change begun"), default=float("inf")),
        lost=[(epoch(row["lost_from"]), epoch(row["lost_to"])) for row in back],
    )


def compared(brain: Brain, record: Sequence[Done], now: float) -> tuple[str, ...]:
    """One sentence for each change that the two do not tell alike; none where they agree."""
    return tuple([*_unknown_to_brain(brain, record, now), *_unknown_to_hands(brain, record)][:SAID])


def _unknown_to_brain(brain: Brain, record: Sequence[Done], now: float) -> Iterator[str]:
    for done in record:
        said = f"the hands did change {done.id} ({done.kind} {', '.join(done.targets)}) at {utc(done.at)[:19]}"
        known = brain.begun.get(done.id)
        if known is None:
            lost = any(begun <= done.at <= ended for begun, ended in brain.lost)
            if not lost and brain.since <= done.at < now - SLACK_SECONDS:
                yield f"{said}, and the audit does not know of it"
        elif known["hash"] != done.hash:
            yield f"{said}, and the audit has another action under this number ({known['kind']} {', '.join(map(str, known['targets']))})"
        elif 0 < done.undone_at < now - SLACK_SECONDS and done.id in brain.done - brain.undone:
            yield f"{said} and took it back, and the audit does not know that"


def _unknown_to_hands(brain: Brain, record: Sequence[Done]) -> Iterator[str]:
    """Only of what the record reaches back to: it keeps the newest."""
    recorded = {done.id for done in record}
    first = min(recorded, default=None)
    for number in sorted(brain.done - recorded):
        if first is not None and number > first:
            ended = "undone" if number in brain.undone else "done"
            yield f"the audit says that change {number} is {ended}, and the hands' record has none of that number"
