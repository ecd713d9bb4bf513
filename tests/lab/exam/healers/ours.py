"""Our daemon, and the judgement of its own record: what it did, and what it told a person."""

import hashlib
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress

from tests.lab.exam.healers.base import Healer
from tests.lab.exam.result import Told
from tests.lab.host import CONFIG, DAEMON, HANDS, LabError, Row
from tests.lab.watched import SETTINGS, words_of

_PASSED = ("cleared", "dismissed", "merged")
"""How an incident ends that needed nothing."""


class Ours(Healer):
    name = "ours"
    calls = True

    def begin(self) -> None:
        self.host.write(f"{CONFIG.rpartition('/')[0]}/conf.d/exam.toml", self.case.config)
        self.host.start_daemon(SETTINGS)
        self._copies(self.case.remembered, 15)
        with suppress(LabError):  # what is not good from the start never gets a good copy
            self._copies(self._declared_files(), 6)
        self.host.wait_until(lambda: self.host.sql("SELECT 1 FROM baseline"), 20, "a baseline")
        if rows := self.incidents():
            raise LabError(f"incidents before the fault: {[row['title'] for row in rows]}")

    def _declared_files(self) -> list[str]:
        services = self.case.declared().service
        units = [f"/etc/systemd/system/{service.unit}" for service in services if service.unit]
        there = self.host.sh(f"ls -d {shlex.join(['/dev/null', *units])} 2>/dev/null").out.split()[1:]
        return [*there, *(path for service in services for path in (*service.config_files, *service.files))]

    def _copies(self, paths: tuple[str, ...] | list[str], seconds: float) -> None:
        """Wait until it holds good copies of these files."""
        files = [f"{HANDS}/known-good/paths/{hashlib.sha256(path.encode()).hexdigest()}.json" for path in paths]
        if files:
            self.host.wait_until(lambda: self.host.sh(shlex.join(["ls", *files])).status == 0, seconds, f"good copies of {paths}")

    # What its tables say

    def incidents(self) -> list[Row]:
        """The roots; a symptom is told with its root."""
        return [row for row in self.host.incidents() if row["root_id"] is None]

    def escalations(self) -> list[Row]:
        return self.host.sql("SELECT * FROM escalations ORDER BY id", db="escalations")

    def changes(self) -> list[Row]:
        return self.host.sql("SELECT action, begun_at, undone_at FROM changes ORDER BY id")

    def called(self) -> bool:
        """Whether a person was called and the daemon has let go: the row says so too."""
        return bool(self.escalations()) and any(row["status"] in ("escalated", "waiting") for row in self.incidents())

    def ended(self) -> bool:
        """Whether every root has ended well in the record."""
        rows = self.incidents()
        return bool(rows) and all(row["status"] in ("fixed", *_PASSED) for row in rows)

    def approve(self) -> str:
        """A person says yes to each question with a plan; returns what went wrong."""
        asked = self.host.sql("SELECT escalation_id FROM interventions WHERE kind = 'approval' AND status = 'pending'", db="escalations")
        for row in asked:
            done = self.host.orchestrator("escalations", "approve", str(row["escalation_id"]), "--yes")
            if done.status:
                return f"approve {row['escalation_id']} said {done.status}: {done.out.strip()}"
        return "" if asked else "no question with a plan waits for an answer"

    # The judgement

    def judge(self) -> Told:
        changes, escalations = self.changes(), self.escalations()
        first = min((row["created_at"] for row in escalations), default="9")
        texts = tuple(self._text(row) for row in escalations)
        plans = [tuple(action["kind"] for action in json.loads(row["plan"])) for row in self._questions()]
        return Told(
            escalated=bool(escalations),
            right_cause=bool(self.case.cause) and any(re.search(self.case.cause, text, re.IGNORECASE) for text in texts),
            right_plan=self.case.plan in plans,
            changes=tuple(words_of(json.loads(row["action"])) + (" (undone)" if row["undone_at"] else "") for row in changes),
            early=sum(row["begun_at"] < first for row in changes),
            texts=texts,
            wrong=tuple(self._wrong(changes, escalations)),
        )

    def _questions(self) -> list[Row]:
        return self.host.sql("SELECT plan FROM interventions WHERE kind = 'approval' AND plan IS NOT NULL ORDER BY id", db="escalations")

    def _text(self, escalation: Row) -> str:
        """What the person reads at its top: what is wrong, why it comes to him, what is asked, and the causes that were thought of."""
        task, number = escalation["task_id"], escalation["id"]
        causes = self.host.sql(f"SELECT cause FROM attempts WHERE task_id = {task:d} ORDER BY id")  # noqa: S608  # a number
        asked = self.host.sql(
            f"SELECT question, proposal FROM interventions WHERE escalation_id = {number:d} ORDER BY id",  # noqa: S608  # a number
            db="escalations",
        )
        proposed = [json.loads(row["proposal"])["cause"] for row in asked if row["proposal"]]
        thought = [*(row["question"] for row in asked), *proposed, *(row["cause"] for row in causes)]
        return " | ".join(dict.fromkeys(part for part in (escalation["title"], escalation["reason"], *thought) if part))

    def _wrong(self, changes: list[Row], escalations: list[Row]) -> Iterator[str]:
        """Where its record differs from what the case expects, whatever a user sees."""
        rows = self.incidents()
        real = [row for row in rows if row["status"] not in _PASSED]
        shown = [f"{row['target']} {row['status']}: {row['title']}" for row in rows]
        expects = self.case.expects
        if expects == "leave":
            if changes:
                yield f"it acted: {[words_of(json.loads(row['action'])) for row in changes]}"
            if escalations:
                yield f"it called a person: {escalations[0]['title']}: {escalations[0]['reason']}"
            if standing := [row["title"] for row in real if not row["waiting_for"]]:
                yield f"it called this a fault: {standing}"
            return
        if len(real) > self.case.incidents:
            yield f"{len(real)} incidents instead of {self.case.incidents}: {shown}"
        if expects == "heal" and escalations:
            yield f"it called a person: {escalations[0]['title']}: {escalations[0]['reason']}"
        if expects == "heal" and not any(row["fix_successful"] == 1 for row in rows):
            yield f"no incident is fixed: {shown}"
        if expects in ("heal", "ask") and any(row["status"] != "fixed" for row in real):
            yield f"not every incident is fixed: {shown}"

    def story(self) -> str:
        return self.host.sh(f"journalctl --no-pager -o short-precise -u {DAEMON} | tail -n 400").out
