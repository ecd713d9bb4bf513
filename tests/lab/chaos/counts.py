"""What must be zero, counted from outside: by the services' own starts, the mailbox, the files, and both records beside each other."""

import json
from collections import Counter
from dataclasses import dataclass, field
from email.message import EmailMessage

from tests.lab.chaos.rain import Injury
from tests.lab.chaos.town import ASKING, STALLS, Town
from tests.lab.host import HANDS

_STARTS = ("start_unit", "restart_unit")
UNENDED = ("open", "healing")


@dataclass
class Counts:
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    harm: list[str] = field(default_factory=list)
    redelivered: int = 0
    """Mails that arrived again under the same Message-ID: the server had taken them, and its word for that was lost. Programs show one."""
    healed: int = 0
    with_person: int = 0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.twice or self.doubled or self.harm)


def is_quiet(town: Town) -> bool:
    """Whether nothing is under way any more."""
    if any(row["status"] in UNENDED for row in town.host.incidents()):
        return False
    waiting = town.host.sql("SELECT COUNT(*) AS n FROM v_mails WHERE status NOT IN ('sent', 'not sent')", db="escalations")
    return waiting == [{"n": 0}] and not _down_alone(town)


def counted(town: Town, injuries: list[Injury], forgotten_before: float) -> Counts:
    """`forgotten_before`: what is older was on no copy from which a corrupted file was taken back, and need not be remembered.

    Nor that it was told: who is told of a loss may be told of what he knows once more.
    """
    counts = Counts(harm=town.harm())
    counts.lost += _down_alone(town)
    counts.lost += _unended(town)
    for injury in injuries:
        if injury.at > forgotten_before and not _known(town, injury):
            counts.lost.append(f"{injury.kind} of {injury.target} at {injury.at:.1f}: nobody knows of it")
    counts.twice = _twice(town)
    _count_mails(town, counts, forgotten_before)
    ended = Counter(row["status"] for row in town.host.incidents())
    counts.healed, counts.with_person = ended["fixed"], ended["escalated"] + ended["waiting"]
    return counts


def _escalated(town: Town) -> set[str]:
    rows = town.host.sql("SELECT title, task_id FROM escalations WHERE status IN ('open', 'acknowledged')", db="escalations")
    targets = {row["id"]: row["target"] for row in town.host.incidents()}
    return {targets.get(row["task_id"], row["title"].partition(" ")[0]) for row in rows}


def _down_alone(town: Town) -> list[str]:
    """Services that do not serve, and no person has them."""
    down = {web.target for web in (*STALLS, ASKING)} - town.answering()
    failed = town.host.sh("systemctl list-units --state=failed --no-legend --plain 'well-*' | cut -d' ' -f1").out.split()
    return [f"{unit} is down, and nobody was told" for unit in sorted({*down, *failed} - _escalated(town))]


def _unended(town: Town) -> list[str]:
    opened = {
        row["task_id"]
        for row in town.host.sql("SELECT task_id FROM escalations WHERE status IN ('open', 'acknowledged')", db="escalations")
    }
    return [
        f"incident {row['id']} of {row['target']} is {row['status']}"
        + (", and no escalation is open" if row["status"] in ("escalated", "waiting") else "")
        for row in town.host.incidents()
        if row["status"] in UNENDED or (row["status"] in ("escalated", "waiting") and row["id"] not in opened)
    ]


def _known(town: Town, injury: Injury) -> bool:
    """Whether an incident of it was under way after it."""
    at = f"datetime({injury.at - 1}, 'unixepoch')"
    query = (
        f"SELECT 1 FROM tasks t LEFT JOIN attempts a ON a.task_id = t.id WHERE t.target = '{injury.target}' AND"  # noqa: S608  # our own names
        f" (t.detected_at >= {at} OR t.resolved_at >= {at} OR t.resolved_at IS NULL OR a.began_at >= {at} OR a.ended_at >= {at}) LIMIT 1"
    )
    return bool(town.host.sql(query))


def _twice(town: Town) -> list[str]:
    """More starts than the hands know of, or one change carried out twice."""
    record = [json.loads(line) for line in town.host.read(f"{HANDS}/record").splitlines()]
    performed = [entry for entry in record if entry.get("op") == "perform"]
    found = [
        f"change {number} was performed {times} times" for number, times in Counter(entry["id"] for entry in performed).items() if times > 1
    ]
    for web in (*STALLS, ASKING):
        known = sum(entry["kind"] in _STARTS and web.target in entry["targets"] for entry in performed)
        if (starts := town.starts(web.target)) > known + 1:
            found.append(f"{web.target} was started {starts} times, and {known} of these were recorded")
    return found


def _count_mails(town: Town, counts: Counts, forgotten_before: float) -> None:
    """Of each escalation each question is told once, that it expired once, and that it is a person's, or over, once.

    A reminder (the clock jumps by days) is another mail, and so is news that says something else.
    """
    arrived = town.mails(forgotten_before)
    mails = {str(mail["Message-ID"]): mail for mail in arrived}
    counts.redelivered = len(arrived) - len(mails)
    told = Counter(
        (int(number), _told(mail))
        for mail in mails.values()
        for number in str(mail["X-Orchestrator-Escalation"] or "").split(", ")
        if number and ", " not in str(mail["X-Orchestrator-State"])
    )
    asked = town.host.sql(
        "SELECT escalation_id AS id, COUNT(*) AS n FROM interventions WHERE kind != 'escalation' GROUP BY 1", db="escalations"
    )
    questions = {row["id"]: int(row["n"]) for row in asked}
    reminded = town.host.sql("SELECT escalation_id AS id, COUNT(*) AS n FROM tellings WHERE kind = 'reminder' GROUP BY 1", db="escalations")
    reminders = {row["id"]: int(row["n"]) for row in reminded}
    counts.doubled = [
        f"escalation {number} {state} was told {times} times"
        for (number, state), times in told.items()
        if times > (questions.get(number, 0) if state in ("ASKS", "EXPIRED") else 1 + reminders.get(number, 0) * (state == "OPEN"))
    ]


def _told(mail: EmailMessage) -> str:
    state, body = str(mail["X-Orchestrator-State"]), mail.get_body(("plain",))
    return f"UPDATE {body.get_content() if body else ''}" if state == "UPDATE" else state
