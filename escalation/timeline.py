"""Everything that happened to one incident, in order: also what was not sent or not done, and why."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from escalation.plans import read_plan
from escalation.text import one_line
from orchestrator.model import Json, Phase, Word, epoch
from orchestrator.store.times import clock

DAEMON = "orchestrator"
TEXT_CHARACTERS = 600
_GATHERED_SECONDS = 60.0
"""Observations with less than this between them are one moment."""
_SYMPTOMS_SHOWN = 12


class Moment(Word):
    at: str
    who: str = ""
    """The person; or the daemon, where it spoke to people."""
    what: str
    """`asked`, `mail not sent`, `healed`: what a reader looks for."""
    text: str = ""


def timeline(story: Json) -> tuple[Moment, ...]:
    """What `Reader.story` found, or `of_escalation` made, the oldest first."""
    parts = (_seen, _gathered, _tried, _said, _escalated, _asked, _noted, _mailed, _decided, _covered, _ended)
    found = [moment for part in parts for moment in part(story)]
    return tuple(sorted(found, key=lambda moment: moment.at))


def of_escalation(found: Json) -> Json:
    """The story as far as `Reader.escalation` knows it: for one whose incident is gone."""
    told = {"escalations": [found["escalation"]], "minutes": found["agent_consultations"], "mails": found["outbox"]}
    nothing: Json = dict.fromkeys(("symptoms", "attempts", "evidence", "decisions", "windows"), ())
    return {**nothing, "task": None, **told, "interventions": found["interventions"], "notes": found["notes"]}


def _moment(at: str | None, what: str, text: object = "", who: str = "") -> Iterator[Moment]:
    if at:
        yield Moment(at=at, what=what, text=one_line(text, TEXT_CHARACTERS), who=one_line(who, 200))


def _seen(story: Json) -> Iterator[Moment]:
    task = story["task"]
    if task is None:
        return
    yield from _moment(task["detected_at"], "seen", task["title"])
    if task["opened_at"] != task["detected_at"]:
        yield from _moment(task["opened_at"], "it came back", f"opened for the {task['occurrences']}. time")
    shown = story["symptoms"][:_SYMPTOMS_SHOWN]
    for symptom in shown:
        yield from _moment(symptom["detected_at"], "symptom", symptom["title"])
    for symptom in story["symptoms"][len(shown) : len(shown) + 1]:
        yield from _moment(symptom["detected_at"], "symptoms", f"{len(story['symptoms']) - len(shown)} more")


def _gathered(story: Json) -> Iterator[Moment]:
    by_people = [row for row in story["evidence"] if row["source"].startswith("person ")]
    for row in by_people:
        yield from _moment(row["at"], "said", row["text"], who=row["source"].removeprefix("person "))
    for together in _close(sorted((row for row in story["evidence"] if row not in by_people), key=lambda row: row["at"])):
        sources = list(dict.fromkeys(one_line(row["source"], 60) for row in together))
        first, last = together[0]["id"], together[-1]["id"]
        numbers = f"[{first}]" if first == last else f"[{first}-{last}]"
        yield from _moment(together[0]["at"], "evidence gathered", f"{numbers} {', '.join(sources)}")


def _close(rows: Sequence[Json]) -> Iterator[list[Json]]:
    """Runs of rows with little time between one and the next."""
    run: list[Json] = []
    for row in rows:
        if run and epoch(row["at"]) - epoch(run[-1]["at"]) > _GATHERED_SECONDS:
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _tried(story: Json) -> Iterator[Moment]:
    for row in story["attempts"]:
        origin = f" ({row['origin']})" if row["origin"] else ""
        proposed = (
            f"{row['proposer']}{origin}: {about(row['plan'])}; {row['cause']}. Policy: {row['verdict']} ({row['rule']}) {row['reason']}"
        )
        yield from _moment(row["began_at"], f"phase {row['phase']} ({Phase.numbered(row['phase'])}) proposed", proposed)
        for change in row["changes"]:
            action = about([change["action"]])
            yield from _moment(change["begun_at"], "change begun" if change["done_at"] else "change begun, not ended", action)
            yield from _moment(change["undone_at"], "change undone", action)
        yield from _moment(row["ended_at"], str(row["outcome"]).replace("_", " "), row["detail"])


def _said(story: Json) -> Iterator[Moment]:
    for at, minutes in groupby(story["minutes"], key=lambda row: row["created_at"]):
        votes = (f"{row['expert']}: {row['stance']}{' ' + about(row['plan']) if row['plan'] else ''}" for row in minutes)
        yield from _moment(at, "experts answered", "; ".join(votes))


def _escalated(story: Json) -> Iterator[Moment]:
    for row in story["escalations"]:
        yield from _moment(
            row["created_at"], "escalated", f"escalation {row['id']}, {row['severity']}: {_first_reason(story, row)}", DAEMON
        )


def _first_reason(story: Json, escalation: Json) -> str:
    said = next((row for row in story["notes"] if row["escalation_id"] == escalation["id"]), None)
    return str(said["text"] if said else escalation["reason"])


def _asked(story: Json) -> Iterator[Moment]:
    for row in story["interventions"]:
        if row["kind"] == "escalation":
            continue
        planned = f": {about(row['plan'])}" if row["plan"] else ""
        expires = f"; until {clock(row['expires_at'])}" if row["expires_at"] else ""
        yield from _moment(row["created_at"], f"asked ({row['kind']})", f"{row['question']}{planned}{expires}", DAEMON)
        if row["escalation_id"] is None:  # a review; what came of any other question is a note
            yield from _moment(row["answered_at"], f"review {row['status']}", row["answer"], row["actor"])


def _noted(story: Json) -> Iterator[Moment]:
    """Acts of people, and what the daemon told later. An escalation's first note is its reason."""
    first = {row["escalation_id"]: row["id"] for row in reversed(story["notes"])}
    for row in story["notes"]:
        if row["id"] != first[row["escalation_id"]]:
            act = row["act"] or ("told" if row["actor"] == DAEMON else "note")
            yield from _moment(row["at"], act, row["text"].removeprefix(act).removeprefix(": "), row["actor"])


def _mailed(story: Json) -> Iterator[Moment]:
    """What was to be told, and the way of the mail that told it; what waits, failed or was never sent, with the reason."""
    for row in story["mails"]:
        told = row["subject"] or row["said"]
        together = f" (with {row['told_together'] - 1} more)" if row["told_together"] > 1 else ""
        trouble = f": {row['last_error']}" if row["last_error"] else ""
        by = " by notification" if row["channel"] == "notify" else ""
        match row["status"]:
            case "sent":
                yield from _moment(row["sent_at"], f"mail sent{by}", f"{row['kind']}: {told}{together}{trouble}")
            case "waiting" | "sending":
                tried = f", after {row['attempts']} tries" if row["attempts"] else ""
                next_at = f", next at {clock(row['next_at'])}" if row["next_at"] else ""
                yield from _moment(row["created_at"], f"mail waits{by}", f"{row['kind']}: {told}{next_at}{tried}{trouble}")
            case _:
                yield from _moment(row["created_at"], f"mail {row['status']}{by}", f"{row['kind']}: {told}{trouble}")


def _decided(story: Json) -> Iterator[Moment]:
    """What people left for the daemon. Taken up, its effect stands elsewhere; what was refused or waits stands only here."""
    for row in story["decisions"]:
        if row["answered_at"] is None:
            waits = f"{row['verb']}: the daemon has not taken decision {row['id']} up"
            yield from _moment(row["at"], "decision waits", waits, row["actor"])
        else:
            what = "decision refused" if str(row["result"]).startswith("refused") else "decision"
            yield from _moment(row["answered_at"], what, f"{row['verb']}: {row['result']}", row["actor"])


def _covered(story: Json) -> Iterator[Moment]:
    for row in story["windows"]:
        what = "silence" if row["key"] else "maintenance"
        of = row["key"] or row["service"] or "the whole host"
        yield from _moment(row["begins_at"], f"{what} begins", f"{of}, until {clock(row['until'])}: {row['reason']}", row["actor"])
        if row["ended_by"]:
            yield from _moment(row["ended_at"], f"{what} ended early", of, row["ended_by"])


def _ended(story: Json) -> Iterator[Moment]:
    task = story["task"]
    if task is not None and task["resolved_at"]:
        what = {"fixed": "healed", "cleared": "went away"}.get(task["status"], task["status"])
        yield from _moment(task["resolved_at"], what, task["resolution"])


def about(plan: Iterable[Json]) -> str:
    """A stored plan in short."""
    told = (read_plan([item]) for item in plan)
    return "; ".join(known[0].about() if known else "an action that this version cannot read" for known in told)
