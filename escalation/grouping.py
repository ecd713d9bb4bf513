"""When something is told, and together with what: at most one mail in a while, and all that is due in that one."""

from collections.abc import Sequence

from escalation import tellings
from escalation.interventions import Interventions
from escalation.letters import Item, in_order, item_of, letter_of
from escalation.outbox import Outbox
from escalation.words import Escalation, Post
from orchestrator.model import Json, Word, epoch, utc
from orchestrator.store.ledger import looking, transaction
from orchestrator.store.rows import all_readable
from orchestrator.store.times import clock

HOUR = 3600.0
ROOTS = 50
"""Threads that one mail belongs to at most."""

_PULSE = f"""SELECT (SELECT MIN(next_at) FROM outbox WHERE status IN ('waiting', 'sending')) AS mail,
(SELECT MIN(t.created_at) {tellings.WAITING}) AS telling,
(SELECT MIN(COALESCE(told_at, created_at)) FROM escalations WHERE {tellings.STANDING}) AS standing"""  # noqa: S608 - constants
_LAST = "SELECT MAX(created_at) AS at FROM mails WHERE kind IN ('escalation', 'group')"
_OF_THE_HOUR = """SELECT COUNT(*) AS n FROM mails AS m WHERE created_at > ? AND kind IN ('escalation', 'group')
AND EXISTS (SELECT 1 FROM outbox WHERE mail_id = m.id AND status NOT IN ('summed', 'not sent'))"""
_ROOT = """SELECT m.id, m.message_id FROM tellings AS t JOIN told ON told.telling_id = t.id JOIN mails AS m ON m.id = told.mail_id
JOIN outbox AS o ON o.mail_id = m.id WHERE t.escalation_id = ? AND o.channel = 'mail' AND o.status IN ('waiting', 'sending', 'sent')
ORDER BY m.id LIMIT 1"""
_ELSEWHERE = """SELECT 1 FROM told JOIN outbox AS o ON o.mail_id = told.mail_id
WHERE telling_id = ? AND o.channel || ' ' || o.place != ? AND o.status IN ('waiting', 'sending', 'sent')"""


class Before(Word):
    """What a mail stands for that could not go."""

    place: str | None = None
    """None: it goes everywhere, and nothing was tried before."""
    held: str = ""
    attempts: int = 0
    since: str = ""


class Pulse:
    """What one indexed read says about whether there is anything to do."""

    def __init__(self, row: Json, post: Post, now: float) -> None:
        repeat = post.mail.repeat_seconds
        self.mails = row["mail"] is not None
        self.tellings = row["telling"] is not None
        self.reminder = bool(repeat and row["standing"] is not None and now - epoch(row["standing"]) >= repeat)


class Grouping:
    def __init__(self, desk: Interventions, outbox: Outbox, host: str) -> None:
        self.desk = desk
        self.ledger = desk.ledger
        self.outbox = outbox
        self.host = host

    @looking
    def pulse(self, post: Post, now: float) -> Pulse:
        return Pulse(self.ledger.rows(_PULSE, {"now": utc(now)})[0], post, now)

    @transaction
    def remind(self, now: float) -> None:
        """Of all that stands and nobody has, since one of them was not told of for long: that is one mail."""
        standing = f"""SELECT id, reason FROM escalations WHERE {tellings.STANDING}
        AND NOT EXISTS (SELECT 1 FROM tellings WHERE escalation_id = escalations.id AND status = 'waiting')"""  # noqa: S608 - a constant
        for row in self.ledger.rows(standing, {"now": utc(now)}):
            tellings.put(self.ledger, "reminder", row["id"], row["reason"], at=now)

    @transaction
    def compose(self, post: Post, now: float, *, at_once: bool = False) -> int | None:
        """The mail of all that is due; None when nothing is. `at_once`: without the waits of a group."""
        waiting = self.ledger.rows(f"SELECT t.* {tellings.WAITING} ORDER BY t.id LIMIT {tellings.AT_ONCE}", {"now": utc(now)})
        if not waiting or (not at_once and self._waits(waiting, post, now)):
            return None
        if self._too_many(waiting, post, now):
            return None
        due = self._still_true(waiting)
        return self._freeze(due, post, now, Before(held=_held(waiting, post))) if due else None

    @transaction
    def again(self, post: Post, place: str, now: float) -> None:
        """One mail of those that surely never got to this place, as things are now.

        They are summed in it; what is over meanwhile, and was never told there, is not told at all.
        """
        rows = self._stuck(place)
        if not any(row["attempts"] for row in rows):
            return
        in_them = "SELECT * FROM tellings WHERE id IN (SELECT telling_id FROM told WHERE mail_id = ?) ORDER BY id"
        told = {row["id"]: self.ledger.rows(in_them, (row["mail_id"],)) for row in rows}
        still = {number: self._still_true(of, place) for number, of in told.items()}
        loose = [row for row in rows if row["trouble"] != "refused"]  # what was refused must not take others along
        if len(loose) > 1 or any(len(still[row["id"]]) < len(told[row["id"]]) for row in loose):
            self._sum_up(loose, [telling for row in loose for telling in still[row["id"]]], post, place, now)
        for row in rows:
            if not still[row["id"]]:
                over = {"status": "not sent", "last_error": "it was over before the mail could go"}
                self.ledger.update("outbox", row["id"], over)

    # ---- whether -----------------------------------------------------------------------------------------------------

    def _waits(self, waiting: Sequence[Json], post: Post, now: float) -> bool:
        last = self.ledger.rows(_LAST)[0]["at"]
        first_wait = _lasts(waiting[0]["created_at"], post.mail.first_wait_seconds, now)
        return first_wait or (last is not None and _lasts(last, post.mail.group_seconds, now))

    def _too_many(self, waiting: Sequence[Json], post: Post, now: float) -> bool:
        """The hour's mails are used up: what waits says so, and is counted in the next mail."""
        if self.ledger.rows(_OF_THE_HOUR, (utc(now - HOUR),))[0]["n"] < post.mail.per_hour:
            return False
        for row in waiting:
            if not row["why"]:
                self.ledger.update("tellings", row["id"], {"why": _limit(post)})
        return True

    def _still_true(self, rows: Sequence[Json], place: str | None = None) -> list[Json]:
        """Those that must be told (at `place`); the others say why not, unless another place has told them."""
        due = []
        for row in rows:
            status = self.ledger.rows("SELECT status FROM escalations WHERE id = ?", (row["escalation_id"],))[0]["status"]
            why = tellings.why_not(self.ledger, row, status, place)
            if not why:
                due.append(row)
            elif not self.ledger.row(_ELSEWHERE, (row["id"], place)):
                tellings.drop(self.ledger, [row["id"]], why)
        return due

    def _stuck(self, place: str) -> list[Json]:
        stuck = """SELECT o.* FROM outbox AS o JOIN mails AS m ON m.id = o.mail_id WHERE o.status = 'waiting' AND o.trouble != 'unsure'
        AND m.kind IN ('escalation', 'group') AND o.channel || ' ' || o.place = ? ORDER BY o.id"""
        return self.ledger.rows(stuck, (place,))

    # ---- the mail ----------------------------------------------------------------------------------------------------

    def _sum_up(self, rows: Sequence[Json], due: Sequence[Json], post: Post, place: str, now: float) -> None:
        for row in rows:
            self.ledger.update("outbox", row["id"], {"status": "summed", "last_error": "told in a later mail, together with others"})
        if due:
            attempts, since = max(row["attempts"] for row in rows), min(row["created_at"] for row in rows)
            held = f"This mail stands for {len(rows)} that could not go since {clock(since)}." if len(rows) > 1 else ""
            self._freeze(due, post, now, Before(place=place, held=held, attempts=attempts, since=since))

    def _freeze(self, due: Sequence[Json], post: Post, now: float, before: Before) -> int | None:
        for number in {row["escalation_id"] for row in due}:
            self.ledger.update("escalations", number, {"told_at": utc(now)})
        items = self._items(due, post, now, before.place)
        if not items:
            tellings.drop(self.ledger, [row["id"] for row in due], "its escalation cannot be read")
            return None
        mine = {item.escalation.id for item in items}
        letter = letter_of(items, [row for row in self._standing() if row.id not in mine], self.host, post.link, before.held)
        places = self.outbox.places(post) if before.place is None else [before.place]
        again = before.model_dump(include={"attempts", "since"})
        mail = self.outbox.put(letter, places, now, thread=self._threads(items), **again)
        for telling in {row["id"] for row in due}:
            self.ledger.update("tellings", telling, {"status": "told", "why": ""})
            self.ledger.insert("told", {"telling_id": telling, "mail_id": mail})
        return mail

    def _items(self, due: Sequence[Json], post: Post, now: float, place: str | None) -> list[Item]:
        items = []
        for number in dict.fromkeys(row["escalation_id"] for row in due):
            found = self.desk.find(number)
            if found:
                mine = [row for row in due if row["escalation_id"] == number]
                first = not tellings.reached(self.ledger, number, place)
                items.append(item_of(self.desk, found, mine, first=first, link=post.link, now=now))
        return in_order(items)

    def _standing(self) -> tuple[Escalation, ...]:
        rows = self.ledger.rows("SELECT * FROM escalations WHERE status IN ('open', 'acknowledged') ORDER BY id LIMIT 1000")
        return all_readable("escalation", rows, Escalation.model_validate)

    def _threads(self, items: Sequence[Item]) -> str:
        """The Message-IDs of the mails that told each of them first, oldest first: a reply to all of these."""
        roots = [row for item in items if (row := self.ledger.row(_ROOT, (item.escalation.id,)))]
        return " ".join(message_id for _, message_id in sorted({(row["id"], row["message_id"]) for row in roots})[-ROOTS:])


def _lasts(since: str, seconds: float, now: float) -> bool:
    """Whether so long is not over yet; a time that lies ahead is one of before the clock was set back."""
    return 0 <= now - epoch(since) < seconds


def _limit(post: Post) -> str:
    return f"no more than {post.mail.per_hour} mails go in an hour"


def _held(waiting: Sequence[Json], post: Post) -> str:
    """What a mail says that stands for those that the hour's limit kept back."""
    if not any(row["why"] for row in waiting):
        return ""
    return f"This mail stands for {len(waiting)} tellings since {clock(waiting[0]['created_at'])}: {_limit(post)}."
