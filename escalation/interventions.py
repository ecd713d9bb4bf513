"""Questions to people: asked once, answered once, and only with exactly the plan that was shown."""

import json
import logging
import time
from collections.abc import Sequence

from escalation.front import TEXT_CHARACTERS, FrontDesk
from escalation.text import one_line, plain
from escalation.words import AnswerStatus, Intervention, Kind, Option
from orchestrator.actions import parse
from orchestrator.model import Json, Minute, Proposal, Risk, digest, utc
from orchestrator.store import Lesson, mask
from orchestrator.store.base import as_json, stamp
from orchestrator.store.ledger import looking, transaction
from orchestrator.store.rows import all_readable, plan_data, plan_hash, plan_of, proposal_data, proposal_of, readable

log = logging.getLogger(__name__)

REASONING_CHARACTERS = 8000
MINUTES_READ = 50
REVIEW_SECONDS = 7 * 86_400.0
"""So long a person may say whether a fix was right."""


class Interventions(FrontDesk):
    @transaction
    def review(self, task_id: int, question: str) -> int:
        """Ask a person to look at a fix afterwards: a question without an escalation and without a mail, which closes itself."""
        return self._ask(task_id, None, "review", question, None, time.time() + REVIEW_SECONDS)

    @looking
    def pending(self, task_id: int) -> Intervention | None:
        """The newest question of a task that waits for an answer; one that asks something comes before a plain hand-over."""
        row = self.ledger.row(
            """SELECT * FROM interventions WHERE task_id = ? AND status = 'pending' AND kind != 'review'
            ORDER BY kind = 'escalation', id DESC LIMIT 1""",
            (task_id,),
        )
        return readable("intervention", row, intervention_of) if row else None

    @looking
    def answered(self, task_id: int, status: AnswerStatus, actor: str, *, since: float) -> Intervention | None:
        """The newest question of a task that `actor` has answered so since then."""
        row = self.ledger.row(
            """SELECT * FROM interventions WHERE task_id = ? AND status = ? AND actor = ? AND answered_at >= ? ORDER BY id DESC LIMIT 1""",
            (task_id, status, one_line(actor, 200), utc(since)),
        )
        return readable("intervention", row, intervention_of) if row else None

    @looking
    def was_refused(self, task_id: int) -> bool:
        """Whether a person said no to a plan of it: that word holds until the same person, or another one, says otherwise."""
        sql = """SELECT 1 FROM interventions WHERE status = 'rejected' AND escalation_id IN
        (SELECT id FROM escalations WHERE task_id = ? AND status != 'resolved')"""
        return self.ledger.row(sql, (task_id,)) is not None

    @looking
    def intervention(self, intervention_id: int) -> Intervention | None:
        row = self.ledger.row("SELECT * FROM interventions WHERE id = ?", (intervention_id,))
        return readable("intervention", row, intervention_of) if row else None

    @transaction
    def answer(self, intervention_id: int, status: AnswerStatus, answer: str, actor: str, *, decided: Proposal | None = None) -> bool:
        """False when it was answered, withdrawn or expired before: then nothing changed.

        `decided`: the plan that a person wrote or chose in place of the one that was asked about, which stays as it was.
        """
        said = (status, plain(mask(answer), TEXT_CHARACTERS), one_line(actor, 200), utc())
        instead = (as_json(plan_data(decided.plan)), decided.hash) if decided else (None, "")
        changed = self.ledger.run(
            """UPDATE interventions SET status = ?, answer = ?, actor = ?, answered_at = ?, decided = ?, decided_hash = ?
            WHERE id = ? AND status = 'pending' AND (expires_at IS NULL OR expires_at > ?)""",
            (*said, *instead, intervention_id, utc()),
        )
        if not changed:
            return False
        row = self.ledger.rows("SELECT * FROM interventions WHERE id = ?", (intervention_id,))[0]
        if row["escalation_id"] is not None:
            self._touched(row["escalation_id"], actor)
            act = f"{row['kind']} {status}"
            self._change(row["escalation_id"], actor, f"{act}: {answer}" if answer else act, act)
        return True

    @transaction
    def minutes(self, task_id: int, round_minutes: Sequence[Minute], escalation_id: int | None = None) -> None:
        """Keep the votes and answers of the experts. Those of an open escalation's task are shown with it."""
        found = self.open_for(task_id) if escalation_id is None else None
        of = {"task_id": task_id, "escalation_id": found.id if found else escalation_id, "created_at": utc()}
        for minute in round_minutes:
            said = {"reasoning": plain(mask(minute.reasoning), REASONING_CHARACTERS), "evidence_ids": as_json(minute.evidence_ids)}
            plain_fields = minute.model_dump(mode="json", exclude={"plan", "reasoning", "evidence_ids"})
            self.ledger.insert("agent_consultations", {**of, **plain_fields, **said, "plan": as_json(plan_data(minute.plan))})

    @transaction
    def proved(self, task_id: int, lessons: Sequence[Lesson]) -> None:
        """What an ending says of those who spoke: of the last word of each."""
        last = "SELECT MAX(id) FROM agent_consultations WHERE task_id = ? AND expert = ? AND stance IN ('propose', 'person')"
        for lesson in lessons:
            said = f"UPDATE agent_consultations SET proved = ? WHERE id = ({last})"  # noqa: S608  # a constant
            self.ledger.run(said, (lesson.proved, task_id, lesson.expert))

    @transaction
    def came_back(self, task_id: int) -> None:
        """What seemed healed was not: nobody was right about it, nor proved wrong by it."""
        revoked = (
            "UPDATE agent_consultations SET proved = IIF(proved = 'healed', 'relapsed', 'moot') WHERE task_id = ? AND proved IN (?, ?)"
        )
        self.ledger.run(revoked, (task_id, "healed", "missed"))

    @looking
    def said(self, task_id: int, since: float) -> tuple[Minute, ...]:
        """What the experts have said of a task since then, oldest first."""
        rows = self.ledger.rows(
            "SELECT * FROM agent_consultations WHERE task_id = ? AND created_at >= ? ORDER BY id DESC LIMIT ?",
            (task_id, utc(since), MINUTES_READ),
        )
        return all_readable("minute", reversed(rows), _minute_of)

    @looking
    def options_now(self, task_id: int) -> tuple[Option, ...]:
        """What the experts said when they were asked last, as plans to choose among."""
        said = """SELECT expert, stance, plan, confidence, reasoning, evidence_ids FROM agent_consultations
        WHERE task_id = :task AND created_at = (SELECT MAX(created_at) FROM agent_consultations WHERE task_id = :task) ORDER BY id"""
        return options_among(all_readable("minute", self.ledger.rows(said, {"task": task_id}), _minute_of))

    def _ask(
        self,
        task_id: int,
        escalation_id: int | None,
        kind: Kind,
        question: str,
        about: Proposal | tuple[Option, ...] | None,
        expires_at: float | None,
    ) -> int:
        asked: Json = {"kind": kind, "question": plain(mask(question), TEXT_CHARACTERS), "created_at": utc()}
        asked["expires_at"] = None if expires_at is None else stamp(expires_at)
        if isinstance(about, Proposal):
            asked |= {"plan": as_json(plan_data(about.plan)), "proposal": as_json(proposal_data(about)), "hash": about.hash}
        elif about:
            asked |= {"options": as_json([option.model_dump(mode="json") for option in about]), "hash": hash_of(about)}
        return self.ledger.insert("interventions", {"task_id": task_id, "escalation_id": escalation_id, **asked})


def hash_of(options: Sequence[Option]) -> str:
    """One name for what may be chosen among; empty where there is nothing."""
    return digest([option.hash for option in options]) if options else ""


def _minute_of(row: Json) -> Minute:
    told = {name: row[name] for name in Minute.model_fields if name in row}
    return Minute.model_validate({**told, "plan": plan_of(row["plan"]), "evidence_ids": tuple(json.loads(row["evidence_ids"]))})


def intervention_of(row: Json) -> Intervention:
    """The row as a word. A plan that no longer parses, or is not the one that was hashed, is nobody's to approve."""
    proposal = readable("plan of intervention", row, lambda row: proposal_of(row["proposal"])) if row["proposal"] else None
    if proposal and proposal.hash != row["hash"]:
        log.warning("plan of intervention %s is not the one that was asked about", row["id"])
        proposal = None
    told = ("proposal", "options", "decided")
    fields = {name: row[name] for name in Intervention.model_fields if name not in told}
    decided = plan_of(row["decided"]) if row["decided"] else None
    return Intervention(proposal=proposal, options=options_of(row["options"]), decided=decided, **fields)


def options_among(minutes: Sequence[Minute]) -> tuple[Option, ...]:
    """The distinct plans of experts who did not agree, the one with the most votes first.

    One that cannot be undone is not their word unless all of them say it: it is told, and not offered.
    """
    voters: dict[str, list[Minute]] = {}
    for minute in minutes:
        if minute.stance == "propose" and all(action.reversible or action.level is Risk.LOW for action in minute.plan):
            voters.setdefault(plan_hash(minute.plan), []).append(minute)
    return tuple(
        Option(
            hash=name,
            plan=agreed[0].plan,
            experts=tuple(minute.expert for minute in agreed),
            reasons=tuple(one_line(mask(minute.reasoning)) for minute in agreed),
            confidence=max(minute.confidence for minute in agreed),
            evidence_ids=tuple(dict.fromkeys(number for minute in agreed for number in minute.evidence_ids)),
        )
        for name, agreed in sorted(voters.items(), key=lambda item: (-len(item[1]), item[0]))
    )


def options_of(stored: str | Sequence[Json]) -> tuple[Option, ...]:
    """Those whose plan is still the one that was hashed: no other is anybody's to choose. As the row has them, or `Reader` says."""
    items = json.loads(stored) if isinstance(stored, str) else stored
    options = (Option.model_validate({**item, "plan": tuple(map(parse, item["plan"]))}) for item in items)
    return tuple(option for option in options if option.hash == plan_hash(option.plan))


def interventions_of(rows: Sequence[Json]) -> tuple[Intervention, ...]:
    return all_readable("intervention", rows, intervention_of)
