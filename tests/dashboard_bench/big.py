"""A state directory as two years of a busy host would leave it: made through the real migrations, the same at every run."""

import hashlib
import itertools
import json
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import escalation.migrations
import orchestrator.store.migrations
from escalation import Desk
from orchestrator.config import Mail
from orchestrator.model import Severity, utc
from orchestrator.store import Store
from orchestrator.store.retention import INCIDENTS_DAYS

INCIDENTS, ESCALATIONS, EVIDENCE, MAILS = 200_000, 100_000, 1_000_000, 100_000
CALLS = 30_000
"""Of models, in the days that they are kept: what a day's tokens are enough for."""
MUCH_EVIDENCE = 10_000
"""Of one incident, the newest: more than the daemon itself keeps."""
DAYS = 730
_CHECKS = ("unit_failed", "disk_full", "service_down", "unit_crash_loop", "memory_leaking", "log_pattern", "probe_failing", "certificate",
           "mount_stale", "timer_idle", "names_fail", "container_unhealthy")  # fmt: skip
_WORDS = ("connection refused by upstream, deadlock detected while writing, no space left on device, out of memory: killed process, "
          "permission denied for user, timeout while waiting for lock, certificate has expired, segmentation fault in worker, "
          "too many open files, checksum mismatch in segment, configuration test failed at line, address already in use")  # fmt: skip
RARE = "gyroscope"
"""A word that stands in one of two thousand escalations, for the search that finds little."""
_PLAN = json.dumps([{"kind": "start_unit", "unit": "svc-1.service"}])

_TASKS = """fingerprint check_name target reason title severity status phase fix_successful occurrences detected_at started_at
    resolved_at key fault opened_at scope last_seen seen resolution waiting_for"""
_ATTEMPTS = "task_id phase proposer plan verdict rule executed outcome began_at ended_at key signature hash cause origin detail"
_ESCALATIONS = """task_id title reason kind severity status owner snoozed_until created_at resolved_at resolution body acknowledged_at
    looked_at updated_at check_name target fingerprint"""
_CALLS = """task_id phase expert backend model began_at ended_at tokens_in tokens_cached tokens_out dollars seconds outcome
    signature run"""
_HANDOFFS = "task_id escalation_id from_phase to_phase reason created_at ended ended_at"
_MINUTES = """task_id escalation_id round expert backend model stance plan confidence reasoning evidence_ids tokens_in tokens_out
    seconds created_at proved"""

Rows = Iterator[tuple[Any, ...]]


def big_state(root: Path, say: Callable[[str], None] = print) -> Path:
    """The directory beneath `root`; made anew when the schema or this file changed. Takes some minutes and some GB the first time."""
    sources = (__file__, orchestrator.store.migrations.__file__, escalation.migrations.__file__)
    made_of = hashlib.blake2b(b"".join(Path(source).read_bytes() for source in sources), digest_size=6).hexdigest()
    state = root / f"state-{made_of}"
    if not (state / "made").exists():
        for old in root.glob("state-*"):
            shutil.rmtree(old)
        say(f"making {state}: {INCIDENTS:,} incidents, {ESCALATIONS:,} escalations, {EVIDENCE:,} observations")
        began = time.monotonic()
        _make(state)
        (state / "made").touch()
        say(f"made in {time.monotonic() - began:.0f} s, {sum(file.stat().st_size for file in state.glob('*.db')) >> 20} MB")
    return state


def _make(state: Path) -> None:
    Store(state).shut()
    Desk(state, Mail(), "bench").close()
    maker = _Maker()
    for file, tables in (("tasks.db", maker.of_tasks()), ("escalations.db", maker.of_escalations())):
        with closing(sqlite3.connect(state / file, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA cache_size = -400000")
            for table, columns, rows in tables:
                _fill(connection, table, columns.split(), rows)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _fill(connection: sqlite3.Connection, table: str, columns: Sequence[str], rows: Rows) -> None:
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608  # names of this file
    while some := list(itertools.islice(rows, 20_000)):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, some)
        connection.execute("COMMIT")


class _Maker:
    def __init__(self) -> None:
        self.chance = random.Random(4)  # noqa: S311  # the same state at every run
        self.now = time.time()
        self.words = _WORDS.replace(",", "").replace(":", "").split()

    def at(self, n: int, of: int) -> float:
        """When the `n`th of so many rows of a table was written."""
        return self.now - DAYS * 86_400 * (1 - n / (of + 1))

    def text(self, characters: int) -> str:
        chosen = " ".join(self.chance.choices(self.words, k=characters // 7 + 1))
        return chosen[:characters]

    def severity(self) -> str:
        return self.chance.choices(list(Severity), (1, 5, 3, 1))[0].value

    def of_tasks(self) -> Iterator[tuple[str, str, Rows]]:
        at = utc(self.now)
        yield "tasks", _TASKS, self.incidents()
        yield "attempts", _ATTEMPTS, self.attempts()
        yield "changes", "attempt_id n action before begun_at done_at", self.changes()
        yield "evidence", "task_id source text facts at", self.evidence()
        yield "model_calls", _CALLS, self.calls()
        yield "patterns", "signature plan stage wins losses relapses origin created_at hash", self.patterns()
        yield "checks", "name state detail looked_at changed_at", ((name, "ok", "", at, at) for name in _CHECKS)
        yield "inbox", "at actor verb args taken_at result answered_at", self.inbox()
        yield "windows", "service reason actor begun_at begins_at until ended_by", self.windows()
        yield "audit", "at actor what detail", self.audit()
        yield "daemon", "id tick_at pid version started_at summary", iter([(1, at, 1, "0.1.0", at, "{}")])

    def of_escalations(self) -> Iterator[tuple[str, str, Rows]]:
        yield "escalations", _ESCALATIONS, self.escalations()
        yield "interventions", "escalation_id kind question plan hash status actor created_at answered_at task_id", self.interventions()
        yield "notes", "escalation_id at actor text", self.notes()
        yield "tellings", "escalation_id kind said created_at status", self.tellings()
        yield "mails", "kind message_id thread subject body created_at", self.mails()
        yield "told", "telling_id mail_id", ((n, (n + 1) // 2) for n in range(1, MAILS * 2 + 1))
        yield "outbox", "mail_id channel created_at status next_at attempts sent_at", self.outbox()
        yield "agent_consultations", _MINUTES, self.minutes()
        yield "handoffs", _HANDOFFS, self.handoffs()

    def incidents(self) -> Rows:
        """The newest two thousand hold those that stand."""
        for n in range(1, INCIDENTS + 1):
            began = self.at(n, INCIDENTS)
            check, unit = self.chance.choice(_CHECKS), f"svc-{self.chance.randrange(400)}.service"
            live = n > INCIDENTS - 2000 and n % 4 == 0
            status = "escalated" if live else self.chance.choices(("fixed", "cleared", "merged", "dismissed"), (70, 15, 12, 3))[0]
            at, ended = utc(began), None if live else utc(began + self.chance.expovariate(1 / 90))
            phase = 4 if live else self.chance.choices((1, 2, 3, 4), (70, 15, 8, 7))[0]
            healed = {"fixed": int(phase < 4), "escalated": 0}.get(status)
            title = f"{unit} {self.text(60)}"
            key = f"{check}:{unit}" + (f":{n}" if live else "")
            fault = json.dumps({"check": check, "target": unit, "reason": "UnitFailed", "message": title, "severity": "high", "facts": {}})
            scope = json.dumps({"target": unit, "below": [f"dep-{m}.service" for m in range(8)], "above": [], "paths": []})
            kind = f"v1:{hash_of(f'{check}:{unit}')}"
            told = (kind, check, unit, "UnitFailed", title, self.severity(), status, phase, healed, 1, at, at, ended, key, fault, at, scope)
            yield (*told, ended or utc(self.now), 1, "healed" if healed else "", "nothing left" if live else "")

    def attempts(self) -> Rows:
        for n in range(1, INCIDENTS * 5 // 4 + 1):
            task = 1 + n * 4 // 5 % INCIDENTS
            outcome = self.chance.choices(("healed", "no_effect", "rolled_back", "denied", "asked"), (70, 15, 5, 5, 5))[0]
            verdict = {"denied": "deny", "asked": "ask"}.get(outcome, "allow")
            at, phase = utc(self.at(task, INCIDENTS) + 1), self.chance.choices((1, 2, 3), (8, 2, 1))[0]
            proposer, origin = ("consultation", f"vote:{2 + n % 2}/3") if phase == 3 else ("quick fix", "instant")
            judged = (task, phase, proposer, _PLAN, verdict, "low_risk", int(verdict == "allow"), outcome, at, at)
            yield (*judged, f"unit_failed:svc-{task % 400}.service", "v1:x", "h" * 16, self.text(80), origin, self.text(60))

    def changes(self) -> Rows:
        for n in range(1, INCIDENTS + 1):
            at = utc(self.at(n, INCIDENTS) + 2)
            yield n, 1, json.dumps({"kind": "start_unit", "unit": "svc-1.service"}), json.dumps({"running": False}), at, at

    def evidence(self) -> Rows:
        each = (EVIDENCE - MUCH_EVIDENCE) // INCIDENTS
        for n in range(EVIDENCE):
            task = min(1 + n // each, INCIDENTS)
            source = ("journal", "unit", "disk", "sockets", "packages")[n % 5]
            yield task, source, self.text(self.chance.choice((200, 400, 800, 1600))), '{"exit": "1"}', utc(self.at(task, INCIDENTS))

    def calls(self) -> Rows:
        """Three an incident, of two models; one in twenty failed."""
        kept = INCIDENTS_DAYS / DAYS
        for n in range(CALLS):
            began = self.now - INCIDENTS_DAYS * 86_400 * (1 - n / (CALLS + 1))
            task = int(INCIDENTS * (1 - kept + kept * (n - n % 3) / CALLS))
            expert, model = ("sceptic", "systems", "data")[n % 3], ("claude-opus-5-5", "claude-haiku-5-5")[n // 3 % 2]
            outcome, seconds = "late" if n % 20 == 0 else "answered", self.chance.uniform(1, 30)
            kind = f"v1:{hash_of(f'{_CHECKS[task % len(_CHECKS)]}:svc-{task % 400}.service')}"
            said = (8000, 6000, 500, 0.04, round(seconds, 3), outcome, kind, "1-a")
            yield task, 3, expert, "anthropic", model, utc(began), utc(began + seconds), *said

    def patterns(self) -> Rows:
        for n in range(400):
            stage = ("probation", "trusted", "demoted")[n % 3]
            yield f"v1:{n}", _PLAN, stage, n % 9, n % 3, 0, "phase 2", utc(self.at(n, 400)), f"{n:016x}"

    def inbox(self) -> Rows:
        for n in range(20_000):
            at = utc(self.at(n, 20_000))
            yield at, "eve", "approve", json.dumps({"escalation_id": n, "hash": "h" * 16}), at, "done: it runs", at

    def windows(self) -> Rows:
        for n in range(500):
            at = self.at(n, 500)
            yield f"svc-{n % 40}", self.text(40), "eve", utc(at), utc(at), utc(at + 1800), "eve" if n % 2 else None

    def audit(self) -> Rows:
        for n in range(100_000):
            yield utc(self.at(n, 100_000)), "eve", "pause", '{"service": "web"}'

    def escalations(self) -> Rows:
        """The newest tenth holds those that stand: 4 of 10 there are open, 2 acknowledged, 1 of 10 snoozed."""
        states, shares = ("open", "acknowledged", "snoozed", "resolved"), (4, 2, 1, 3)
        for n in range(1, ESCALATIONS + 1):
            began = self.at(n, ESCALATIONS)
            state = self.chance.choices(states, shares)[0] if n > ESCALATIONS * 9 // 10 else "resolved"
            seen = utc(began + 300) if state == "acknowledged" or (state == "resolved" and n % 5 > 0) else None
            ended = utc(began + self.chance.expovariate(1 / 7200)) if state == "resolved" else None
            check, unit = self.chance.choice(_CHECKS), f"svc-{self.chance.randrange(400)}.service"
            title = f"{unit} {self.text(60)}" + (f" {RARE}" if n % 2000 == 0 else "")
            kind = self.chance.choices(("approval", "input", "decision", "escalation"), (3, 1, 1, 5))[0]
            owner = self.chance.choice(("eve", "anna", "bob")) if seen else ""
            snoozed = utc(self.now + 86_400) if state == "snoozed" else None
            told = (n * 2, title, self.text(200), kind, self.severity(), {"snoozed": "open"}.get(state, state), owner, snoozed, utc(began))
            more = (ended, self.text(50) if ended else "", self.text(2500), seen, seen, ended or seen or utc(began))
            yield (*told, *more, check, unit, f"v1:{hash_of(f'{check}:{unit}')}")

    def interventions(self) -> Rows:
        for n in range(1, ESCALATIONS * 6 // 5 + 1):
            number = 1 + n * 5 // 6 % ESCALATIONS
            at, old = self.at(number, ESCALATIONS), number < ESCALATIONS * 9 // 10
            status = self.chance.choice(("approved", "rejected", "answered", "expired", "withdrawn")) if old else "pending"
            ended = utc(at + self.chance.expovariate(1 / 1800)) if old else None
            kind = self.chance.choice(("approval", "input", "decision", "escalation"))
            yield number, kind, self.text(80), _PLAN, "h" * 16, status, "eve" if old else "", utc(at), ended, number * 2

    def notes(self) -> Rows:
        for n in range(ESCALATIONS * 5 // 2):
            number = 1 + n * 2 // 5
            yield number, utc(self.at(number, ESCALATIONS)), self.chance.choice(("eve", "orchestrator")), self.text(100)

    def tellings(self) -> Rows:
        for n in range(MAILS * 2):
            number = 1 + n * ESCALATIONS // (MAILS * 2)
            yield number, ("problem", "recovery")[n % 2], self.text(60), utc(self.at(number, ESCALATIONS)), "told"

    def mails(self) -> Rows:
        """Each told two things."""
        for n in range(MAILS):
            yield "escalation", f"<{n}@bench>", f"<{n // 2 * 2}@bench>", self.text(80), self.text(1500), utc(self.at(n, MAILS))

    def outbox(self) -> Rows:
        for n in range(1, MAILS + 1):
            at = utc(self.at(n, MAILS))
            status = "waiting" if n > MAILS - 20 else self.chance.choices(("sent", "summed", "not sent"), (7, 2, 1))[0]
            yield n, "mail", at, status, at, 1, at if status == "sent" else None

    def minutes(self) -> Rows:
        for n in range(ESCALATIONS * 3 // 2):
            number = 1 + n * 2 // 3
            at = utc(self.at(number, ESCALATIONS))
            expert = ("sceptic", "systems", "data")[n % 3]
            yield (
                number * 2,
                number,
                1,
                expert,
                "embedded",
                "",
                "propose",
                _PLAN,
                0.7,
                self.text(300),
                "[1]",
                0,
                0,
                0.2,
                at,
                ("healed", "missed", "")[n % 3],
            )

    def handoffs(self) -> Rows:
        """Two phases gave up before each person had it."""
        for n in range(1, ESCALATIONS + 1):
            at = utc(self.at(n, ESCALATIONS))
            for phase in (1, 2):
                yield n * 2, None, phase, phase + 1, self.text(80), at, "a person" if phase == 2 else "passed on", at
            over = n <= ESCALATIONS * 9 // 10
            yield n * 2, n, 3, 4, self.text(80), at, "a person" if over else None, at if over else None


def hash_of(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
