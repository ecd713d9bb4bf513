"""How the host fared, once a period: one sentence, then the numbers with what they are out of, then what waits."""

import json
import logging
from datetime import datetime, timedelta
from pathlib import Path

from escalation.letters import Letter, cut
from escalation.outbox import Outbox
from escalation.plans import lines_of
from escalation.rendering import local_time, render
from escalation.text import one_line
from escalation.words import Post
from orchestrator.model import Json, Word, utc
from orchestrator.store import QueryRefused, Reader, StoreFailed
from orchestrator.store.ledger import looking, transaction
from orchestrator.store.times import ago, lasting

log = logging.getLogger(__name__)

MONDAY = 0
O_CLOCK = 8
_AGAIN_SECONDS = 600.0
SHOWN = 10
"""Rows of each list; what is beyond is counted."""

_FAULTS = """SELECT COUNT(*) AS n, COALESCE(SUM(fix_successful = 1), 0) AS healed, COALESCE(SUM(status = 'cleared'), 0) AS cleared,
    COALESCE(SUM(fix_successful = 0 AND resolved_at IS NOT NULL), 0) AS helped, COUNT(fix_successful) AS needed,
    COALESCE(SUM(resolved_at IS NULL), 0) AS standing, COALESCE(SUM(status = 'dismissed'), 0) AS dismissed,
    COALESCE(SUM(fix_successful = 1 AND phase = 1), 0) AS quick
FROM tasks WHERE {window} AND status != 'merged'"""
_SECONDS = """SELECT (julianday(resolved_at) - julianday(opened_at)) * 86400 AS seconds FROM tasks
WHERE {window} AND fix_successful = 1 AND resolved_at IS NOT NULL ORDER BY seconds"""
_BACK = """SELECT id, title, occurrences FROM tasks WHERE opened_at >= '{since}' AND opened_at < '{until}' AND occurrences > 1
ORDER BY occurrences DESC"""
_LEARNED = """SELECT id, plan, stage, wins FROM patterns WHERE created_at >= '{since}' AND created_at < '{until}'
ORDER BY wins DESC, id"""
_WAITING = """SELECT id, severity, title, status, owner, created_at FROM escalations
WHERE status IN ('open', 'acknowledged') ORDER BY created_at"""
_UNSEEN = """SELECT id, title, resolution FROM escalations WHERE status = 'resolved' AND looked_at IS NULL
AND resolved_at >= '{since}' AND resolved_at < '{until}' ORDER BY id DESC"""
_SENT = "SELECT COUNT(*) AS n FROM outbox WHERE sent_at >= '{since}' AND sent_at < '{until}'"
_UNSENT = """SELECT why, COUNT(*) AS n FROM (
    SELECT why FROM tellings WHERE status = 'not sent' AND created_at >= '{since}' AND created_at < '{until}'
    UNION ALL SELECT last_error FROM outbox WHERE status = 'not sent' AND created_at >= '{since}' AND created_at < '{until}')
GROUP BY why ORDER BY n DESC"""
_ESCALATED = "SELECT COUNT(*) AS n FROM escalations WHERE created_at >= '{since}' AND created_at < '{until}'"


class Period(Word):
    """Of the host's own days: from and to, in seconds since the epoch."""

    name: str
    since: float
    until: float

    @property
    def next_at(self) -> float:
        """When the one after it is over."""
        return _moved(self.until, self.until - self.since)


class Digest:
    def __init__(self, state_dir: Path, outbox: Outbox, host: str) -> None:
        self._reader = Reader(state_dir)
        self.ledger = outbox.ledger
        self.outbox = outbox
        self.host = host
        self._done = ("", 0.0, 0.0)
        """For which setting nothing is due, from when to when."""

    def put(self, post: Post, now: float) -> int | None:
        """Once for each period that is over; None when nothing is due. Never raises: mails of faults do not wait for it."""
        every, since, until = self._done
        if post.mail.digest == "off" or (every == post.mail.digest and since <= now < until):
            return None
        period = period_of(post.mail.digest, now)
        try:
            mail = None if self._is_put(period) else self._put(period, self._letter_or_none(period, post), post, now)
        except (StoreFailed, QueryRefused) as error:
            log.warning("no digest yet: %s", error)
            self._done = (post.mail.digest, now, now + _AGAIN_SECONDS)
            return None
        self._done = (post.mail.digest, period.until, period.next_at)
        return mail

    @looking
    def _is_put(self, period: Period) -> bool:
        return self.ledger.row("SELECT 1 FROM mails WHERE period = ?", (period.name,)) is not None

    @looking
    def _letter_or_none(self, period: Period, post: Post) -> Letter | None:
        """None for the very first period: it would tell of a time in which nobody looked."""
        return self._letter(period, post) if self.ledger.row("SELECT 1 FROM mails WHERE period GLOB '*ly to *'") else None

    @transaction
    def _put(self, period: Period, letter: Letter | None, post: Post, now: float) -> int | None:
        """Its row stands in either case, and its name is unique: no period comes twice."""
        if letter is None:
            self.outbox.put(Letter(kind="digest", subject="", body="", html="", headers={}), [], now, period=period.name)
            return None
        return self.outbox.put(letter, self.outbox.places(post), now, period=period.name)

    def _letter(self, period: Period, post: Post) -> Letter:
        numbers = self._numbers(period)
        subject = one_line(f"[{self.host}] DIGEST {numbers['sentence']}", 150)
        told = {**numbers, "host": self.host, "link": post.link, "subject": subject}
        told |= {"since": local_time(period.since), "until": local_time(period.until)}
        body = cut(render("digest.txt.j2", **told))
        return Letter(kind="digest", subject=subject, body=body, html=render("digest.html.j2", **told), headers={"State": "DIGEST"})

    def _numbers(self, period: Period) -> Json:
        times = {"since": utc(period.since), "until": utc(period.until)}
        window = "detected_at >= '{since}' AND detected_at < '{until}'".format(**times)

        def rows(query: str) -> list[Json]:
            return self._reader.sql(query.format(window=window, **times))

        faults, waiting, learned = rows(_FAULTS)[0], rows(_WAITING), rows(_LEARNED)
        seconds = [row["seconds"] for row in rows(_SECONDS)]
        return {
            "sentence": sentence(faults, len(waiting)),
            "faults": faults,
            "median": lasting(seconds[len(seconds) // 2]) if seconds else "",
            "slowest": lasting(seconds[-1]) if seconds else "",
            "escalated": rows(_ESCALATED)[0]["n"],
            "sent": rows(_SENT)[0]["n"],
            "lists": {
                "WHAT WAITS LONGEST": [_waits(row) for row in waiting],
                "WHAT CAME BACK": [
                    f"incident {row['id']}, seen {row['occurrences']} times: {one_line(row['title'], 100)}" for row in rows(_BACK)
                ],
                "WHAT WAS LEARNED": [_knows(row) for row in learned],
                "HEALED, AND NOBODY LOOKED": [_unseen(row) for row in rows(_UNSEEN)],
                "NOT SENT, AND WHY": [f"{row['n']}: {one_line(row['why'], 150)}" for row in rows(_UNSENT)],
            },
            "shown": SHOWN,
        }


def period_of(every: str, now: float) -> Period:
    """The last one that is over at `now`: of days that end at 8 by the host's own clock, of weeks that end so on a Monday."""
    days = 7 if every == "weekly" else 1
    end = datetime.fromtimestamp(now).replace(hour=O_CLOCK, minute=0, second=0, microsecond=0)  # noqa: DTZ006 - the host's own clock
    if end.timestamp() > now:
        end -= timedelta(days=1)
    if every == "weekly":
        end -= timedelta(days=(end.weekday() - MONDAY) % 7)
    begin = end - timedelta(days=days)
    return Period(name=f"{every} to {end:%Y-%m-%d}", since=begin.timestamp(), until=end.timestamp())


def sentence(faults: Json, waiting: int) -> str:
    """What a person reads who reads nothing else."""
    n, healed = faults["n"], faults["healed"]
    told = f"{n} fault{'s' if n != 1 else ''}, {healed} healed alone" if n else "nothing was wrong"
    told += f", {faults['cleared']} went away" if faults["cleared"] else ""
    if waiting:
        return f"{waiting} wait{'s' if waiting == 1 else ''} for you: {told}."
    return f"{'All quiet' if healed + faults['cleared'] == n else 'Nothing waits for you'}: {told}."


def _moved(at: float, seconds: float) -> float:
    """So many days later by the host's own clock, where a day may have 23 hours or 25."""
    return (datetime.fromtimestamp(at) + timedelta(days=round(seconds / 86_400))).timestamp()  # noqa: DTZ006 - see above


def _waits(row: Json) -> str:
    who = f", with {one_line(row['owner'], 40)}" if row["owner"] else ""
    return f"#{row['id']} {row['severity'].upper()} {one_line(row['title'], 80)} ({ago(row['created_at'])}{who})"


def _knows(row: Json) -> str:
    plan = "; ".join(line.strip() for line in lines_of(json.loads(row["plan"])))
    return f"pattern {row['id']} ({row['stage']}, {row['wins']} wins): {one_line(plan, 150)}"


def _unseen(row: Json) -> str:
    return f"#{row['id']} {one_line(row['title'], 80)}: {one_line(row['resolution'], 100)}"
