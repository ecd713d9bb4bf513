"""One act on many escalations: each for itself, so that one that moved on holds up no other."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dashboard.flashes import Flash, Way
from dashboard.problem import Problem
from escalation.acts import Act, Done, StillStands, Unheard, Unknown
from escalation.operator import Operator
from orchestrator.model import Word
from orchestrator.store import Stale

AT_MOST = 200


class Fate(Word):
    """What came of it for one of them: done, or why not."""

    id: int
    done: Done | None = None
    problem: Problem | None = None


def perform_on(ids: Sequence[int], act: Act, operator: Operator, once: str = "") -> Iterator[Fate]:
    """Nobody waits here for the daemon's answers: of two hundred that would be minutes. Raises StoreFailed, StoreUnusable."""
    hasty = replace(operator, patience=0.0)
    for number in dict.fromkeys(ids):
        try:
            done = hasty.perform(act, number, once=f"{once}-{number}" if once else "")
            yield Fate(id=number, done=done)
        except Unknown as error:
            yield Fate(id=number, problem=Problem(status=404, detail=str(error)))
        except Unheard as error:
            yield Fate(id=number, problem=Problem(status=503, detail=str(error)))
        except (Stale, StillStands) as error:
            newer = getattr(error, "newer", None)
            yield Fate(id=number, problem=Problem(status=409, detail=str(error), newer=newer.model_dump(mode="json") if newer else None))


def summed(fates: Sequence[Fate], act: Act) -> Flash:
    """All of it in one line, and the way back for those that it was done to."""
    done = [fate for fate in fates if fate.done and not fate.done.refused]
    others = [fate for fate in fates if fate not in done]
    why = "; ".join(f"{fate.id}: {fate.problem.detail if fate.problem else fate.done.text if fate.done else ''}" for fate in others[:5])
    more = f", and {len(others) - 5} more" if len(others) > 5 else ""
    text = f"{act.verb}: done for {len(done)} of {len(fates)}" + (f"; not for {why}{more}" if others else "")
    waits = next((fate.done.waits for fate in done if fate.done and fate.done.waits), "")
    fields = {"verb": act.undo, "ids": ",".join(str(fate.id) for fate in done)}
    undo = Way(path="/escalations/bulk", verb=act.undo, fields=fields) if act.undo and done else None
    return Flash(text=text, refused=not done, waits=waits, undo=undo)
