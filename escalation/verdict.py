"""One incident or escalation in the words that a woken person reads first: how it stands, who said what, what is left to do."""

from collections import Counter
from collections.abc import Iterator, Sequence

from escalation.text import one_line
from orchestrator.model import Json, Minute, Phase, is_unit
from orchestrator.store.times import age, ago, between, clock, lasting


def verdict(story: Json) -> str:
    """How it stands, in one line."""
    task = story["task"]
    took = between(task["opened_at"], task["resolved_at"])
    match task["status"]:
        case "fixed":
            line = f"HEALED by {_healer(story)} in {took}, phase {task['phase']}"
        case "cleared":
            line = f"WENT AWAY by itself after {took}"
        case "dismissed":
            line = f"DISMISSED after {took}: {one_line(task['resolution'])}"
        case "merged":
            line = f"A SYMPTOM of incident {task['root_id']}: orchestrator show {task['root_id']}"
        case "escalated" | "waiting":
            reason = one_line(task["waiting_for"]).removeprefix("a person's word: ") or "no reason was kept"
            line = f"WITH A PERSON{_owner(story)} {_since(story)}because {reason}"
        case "healing":
            phase, lasts = Phase.numbered(task["phase"]), lasting(age(task["started_at"]))
            line = f"BEING HEALED, phase {task['phase']} ({phase}), for {lasts}{_waiting(task)}"
        case _:
            line = f"SEEN {ago(task['opened_at'])}, nothing was done yet{_waiting(task)}"
    times = task["relapses"]
    return line + (f"; it came back {times} time{'s' if times != 1 else ''}" if times else "")


def votes(minutes: Sequence[Minute], when: Sequence[str] = ()) -> Iterator[str]:
    """Each expert's answer, and who disagreed with the plan that had the most votes of those who were asked at the same time (`when`)."""
    meetings = when or [""] * len(minutes)
    plans = ["; ".join(action.about() for action in minute.plan) for minute in minutes]
    disagrees = dissents([(at, minute.stance, plan) for at, minute, plan in zip(meetings, minutes, plans, strict=True)])
    for minute, plan, dissent in zip(minutes, plans, disagrees, strict=True):
        about, told = f": {plan}" if plan else "", "  [dissents]" if dissent else ""
        who = f"{minute.expert} in place of {minute.in_place_of}" if minute.in_place_of else minute.expert
        who += f" ({minute.backend} {minute.model}".rstrip() + ")"
        yield f"round {minute.round}, {one_line(who)}: {minute.stance}{one_line(about)}{told}"
        yield f"    {one_line(minute.reasoning)} ({', '.join(_cost(minute))})"


def _cost(minute: Minute) -> Iterator[str]:
    if minute.confidence:  # a model is not asked how sure it is
        yield f"confidence {100 * minute.confidence:.0f} %"
    yield f"cites {_cited(minute.evidence_ids)}"
    if minute.tokens_in or minute.tokens_out:
        yield f"{minute.tokens_in + minute.tokens_out} tokens, ${minute.dollars:.4f}"
    if minute.backend != "embedded":
        yield f"{minute.seconds:.1f} s"


def dissents(answers: Sequence[tuple[str, str, str]]) -> tuple[bool, ...]:
    """Of each answer (its meeting, its stance, its plan in words): whether it is against the plan that had most votes there."""
    chosen: dict[str, Counter[str]] = {}
    for meeting, stance, plan in answers:
        if stance == "propose":
            chosen.setdefault(meeting, Counter())[plan] += 1
    first = {meeting: leading for meeting, plans in chosen.items() if (leading := _leading(plans)) is not None}
    against = ("propose", "person", "veto")
    return tuple(
        meeting in first and stance in against and (stance, plan) != ("propose", first[meeting]) for meeting, stance, plan in answers
    )


def _leading(plans: Counter[str]) -> str | None:
    best = plans.most_common(2)
    return None if len(best) == 2 and best[0][1] == best[1][1] else best[0][0]


def remains(story: Json) -> Iterator[str]:
    """The lines that a person would type next."""
    task = story["task"]
    if task["resolved_at"] is not None:
        yield "nothing: the fault is gone"
        return
    if task["status"] not in ("escalated", "waiting"):
        yield "nothing yet: the daemon has it in hand"
        return
    if is_unit(task["target"]):
        yield f"systemctl status {task['target']}"
        yield f"journalctl -u {task['target']} --since '{task['detected_at'][:19]} UTC'"
    for escalation in story["escalations"]:
        if escalation["status"] == "resolved":
            continue
        if escalation["status"] == "open":
            yield f"orchestrator escalations ack {escalation['id']}"
        yield f"orchestrator escalations resolve {escalation['id']} --as '...'    when you have mended it"
    yield f"orchestrator retry {task['id']}    when the daemon shall try again"


def left_out(*stories: Json) -> str:
    """What is not told, since there is too much of it; empty where all is. The newest of each kind is."""
    counted: Json = {}
    for story in stories:
        counted |= story["left_out"]
    parts = [f"{n} {_PARTS.get(name, name)}" for name, n in counted.items()]
    return f"Older ones are left out here: {', '.join(parts)}. `orchestrator sql` reads all that is kept." if parts else ""


_PARTS = {"evidence": "observations", "minutes": "answers of experts", "interventions": "questions"}


def _healer(story: Json) -> str:
    healed = [attempt for attempt in story["attempts"] if attempt["outcome"] == "healed"]
    if not healed:
        return one_line(story["task"]["resolution"]) or "what was done before"
    last = healed[-1]
    origin = f" ({one_line(last['origin'])})" if last["origin"] else ""
    approved = [question for question in story["interventions"] if question["status"] == "approved"]
    allowed = next(
        (f", as {one_line(asked['actor'])} {_how(asked)}," for asked in reversed(approved) if _allowed(asked) == last["hash"]), ""
    )
    return f"{one_line(last['proposer'])}{origin}{allowed}"


def _allowed(question: Json) -> str:
    """The plan that a person let run: the one that was asked about, or his own."""
    return str(question["decided_hash"] or question["hash"])


def _how(question: Json) -> str:
    return "decided" if question["decided_hash"] else "approved"


def _owner(story: Json) -> str:
    owners = [row["owner"] for row in story["escalations"] if row["status"] == "acknowledged" and row["owner"]]
    return f" ({one_line(owners[-1])})" if owners else ""


def _since(story: Json) -> str:
    standing = [row["created_at"] for row in story["escalations"] if row["status"] != "resolved"]
    return f"since {clock(standing[-1])} ({ago(standing[-1])}) " if standing else ""


def _waiting(task: Json) -> str:
    return f"; it waits: {one_line(task['waiting_for'])}" if task["waiting_for"] else ""


def _cited(ids: tuple[int, ...]) -> str:
    return ", ".join(f"[{number}]" for number in ids) or "nothing"
