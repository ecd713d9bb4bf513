"""How a mail about escalations reads: the verdict first, then why, since when, what to type; what is left out is counted."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from escalation.casefile import minutes_of
from escalation.interventions import Interventions
from escalation.rendering import local_time, render
from escalation.text import one_line
from escalation.verdict import votes
from escalation.words import Escalation, Intervention, State, TellingKind
from orchestrator.model import Json, Severity, Word, epoch
from orchestrator.store.ledger import Ledger
from orchestrator.store.rows import readable
from orchestrator.store.times import lasting

BODY_CHARACTERS = 60_000
SUBJECT_CHARACTERS = 200
IN_FULL = 12
"""So many escalations of a group stand in full; the rest each have a line."""
NAMED = 500
NUMBERS = 50
"""In a header."""
_STORY_CHARACTERS = 2500
"""Of each one in a group."""
_HISTORY = 10
_SEVERITIES = {severity.value: rank for rank, severity in enumerate(Severity)}


class Item(Word):
    """One escalation, and what is told of it now."""

    escalation: Escalation
    state: State
    said: str
    lasted: str
    reminder: bool
    """Nothing is new but that nobody has it."""
    asked: Intervention | None
    votes: tuple[str, ...]
    history: tuple[Json, ...]
    link: str

    @property
    def since(self) -> str:
        return local_time(epoch(self.escalation.created_at))

    @property
    def over(self) -> bool:
        return self.state == "RESOLVED"

    @property
    def headline(self) -> str:
        """State, id, severity, title: as in the subject of its mail."""
        row = self.escalation
        lasted = f" (after {self.lasted})" if self.over else f" (for {self.lasted})" if self.reminder else ""
        return f"{self.state} #{row.id} {row.severity.upper()} {one_line(row.title, 100)}{lasted}"

    @property
    def told(self) -> str:
        """Of its story what was tried, without what was seen: enough beside others."""
        told = self.escalation.body.partition("\nWHAT WAS SEEN\n")[0].rstrip()
        return told if len(told) <= _STORY_CHARACTERS else told[:_STORY_CHARACTERS] + "\n[the rest is left out]"

    @property
    def decisions(self) -> tuple[str, ...]:
        """What to type to answer what is asked."""
        number, asked = self.escalation.id, self.asked
        if asked and asked.proposal:
            return (f"orchestrator escalations approve {number}", f"orchestrator escalations reject {number} --reason '...'")
        if asked and asked.options:
            return tuple(f"orchestrator escalations choose {number} {n}" for n in range(1, len(asked.options) + 1))
        return (f"orchestrator escalations answer {number} '...'",) if asked and asked.kind in ("input", "decision") else ()

    @property
    def commands(self) -> tuple[str, ...]:
        ours = "orchestrator escalations"
        number = self.escalation.id
        rest = (f"{ours} ack {number}", f"{ours} note {number} '...'", f"{ours} resolve {number} --as '...'")
        return (f"{ours} show {number}", *self.decisions, *rest)


class Letter(Word):
    """A mail as it is kept."""

    kind: str
    subject: str
    body: str
    html: str
    headers: dict[str, str]


def item_of(desk: Interventions, escalation: Escalation, tellings: Sequence[Json], *, first: bool, link: str, now: float) -> Item:
    """`first`: no mail about it went out yet."""
    kinds = {row["kind"] for row in tellings}
    over = escalation.status == "resolved"
    state = _state(kinds, over=over, first=first)
    ended = epoch(escalation.resolved_at) if escalation.resolved_at else now
    return Item(
        escalation=escalation,
        state=state,
        said=str(tellings[-1]["said"]) if over or not first else escalation.reason,
        lasted=lasting(max(0.0, ended - epoch(escalation.created_at))),
        reminder=kinds == {"reminder"} and not first,
        asked=None if over else desk.pending(escalation.task_id),
        votes=() if over else _votes(desk.ledger, escalation.id),
        history=() if first else _notes(desk.ledger, escalation.id),
        link=f"{link}/escalations/{escalation.id}",
    )


def in_order(items: Sequence[Item]) -> list[Item]:
    """What stands before what is over, the worst first."""
    return sorted(items, key=lambda item: (item.over, _SEVERITIES.get(item.escalation.severity, 9), item.escalation.id))


def letter_of(items: Sequence[Item], others: Sequence[Escalation], host: str, link: str, held: str) -> Letter:
    """`items` in order; `others` stand too, and there is nothing new about them; `held`: why this mail stands for more than it should."""
    alone = items[0] if len(items) == 1 else None
    states = [item.state for item in items]
    subject = alone.headline if alone else f"{_counted(states)}: {'; '.join(one_line(item.escalation.title, 60) for item in items[:4])}"
    told = {
        "host": host,
        "link": link,
        "items": items,
        "full": items[:IN_FULL],
        "named": items[IN_FULL : IN_FULL + NAMED],
        "left_out": max(0, len(items) - IN_FULL - NAMED),
        "others": others[:IN_FULL],
        "others_left_out": max(0, len(others) - IN_FULL),
        "counted": _counted(states).lower(),
        "severities": _counted([item.escalation.severity for item in items if not item.over]),
        "standing": len(others) + sum(not item.over for item in items),
        "held": held,
        "commands": alone.commands if alone else _commands(items),
    }
    name = "escalation" if alone else "group"
    subject = one_line(f"[{host}] {subject}", SUBJECT_CHARACTERS)
    return Letter(
        kind=name,
        subject=subject,
        body=cut(render(f"{name}.txt.j2", **told)),
        html=render(f"{name}.html.j2", subject=subject, **told),
        headers={
            "Severity": min((item.escalation.severity for item in items), key=lambda name: _SEVERITIES.get(name, 9)),
            "State": ", ".join(dict.fromkeys(states)),
            "Incident": _numbers(item.escalation.task_id for item in items),
            "Escalation": _numbers(item.escalation.id for item in items),
        },
    )


def _commands(items: Sequence[Item]) -> tuple[str, ...]:
    first = items[0].escalation.id
    return ("orchestrator escalations list", f"orchestrator escalations show {first}", f"orchestrator escalations ack {first}")


def cut(body: str) -> str:
    return body if len(body) <= BODY_CHARACTERS else body[:BODY_CHARACTERS] + "\n[the rest is left out]\n"


def _state(kinds: set[TellingKind], *, over: bool, first: bool) -> State:
    if over:
        return "RESOLVED"
    if first or kinds == {"reminder"}:
        return "OPEN"
    return "ASKS" if "question" in kinds else "EXPIRED" if "expired" in kinds else "UPDATE"


def _counted(words: Sequence[str]) -> str:
    """`50 OPEN, 2 RESOLVED`."""
    return ", ".join(f"{n} {word}" for word, n in Counter(words).items())


def _numbers(of: Iterable[int]) -> str:
    numbers = [str(number) for number in of]
    return ", ".join(numbers[:NUMBERS]) + (f" and {len(numbers) - NUMBERS} more" if len(numbers) > NUMBERS else "")


def _votes(ledger: Ledger, escalation_id: int) -> tuple[str, ...]:
    latest = "SELECT * FROM (SELECT * FROM agent_consultations WHERE escalation_id = ? ORDER BY id DESC LIMIT 12) ORDER BY id"
    parsed = [row | {name: json.loads(row[name]) for name in ("plan", "evidence_ids")} for row in ledger.rows(latest, (escalation_id,))]
    minutes = readable("votes of escalation", {"id": escalation_id, "minutes": parsed}, minutes_of)
    told = votes(minutes, [row["created_at"] for row in parsed]) if minutes else ()
    return tuple(one_line(line, 400) if not line.startswith("    ") else "    " + one_line(line, 400) for line in told)


def _notes(ledger: Ledger, escalation_id: int) -> tuple[Json, ...]:
    latest = "SELECT * FROM (SELECT * FROM notes WHERE escalation_id = ? ORDER BY id DESC LIMIT ?) ORDER BY id"
    return tuple(ledger.rows(latest, (escalation_id, _HISTORY)))
