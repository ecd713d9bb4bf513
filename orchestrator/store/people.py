"""What people decide, what is kept between runs, and the daemon's own sign of life."""

import json
import os
import secrets
from collections.abc import Mapping
from importlib import metadata

from orchestrator.masking import mask
from orchestrator.model import Json, epoch, utc
from orchestrator.store.base import AT_ONCE, Part, as_json, stamp
from orchestrator.store.ledger import looking, transaction
from orchestrator.store.rows import all_readable
from orchestrator.store.words import Click, Stale, Window

RUN = f"{os.getpid()}-{secrets.token_hex(4)}"
"""This run of the daemon, as clicks know who took them."""
_STARTED = utc()


class People(Part):
    def take_clicks(self) -> tuple[Click, ...]:
        """Decisions that this daemon has not seen yet, oldest first. One that a dead daemon took unanswered comes again."""
        rows = self._untaken_clicks()
        return self._take_clicks(rows) if rows else ()  # asked at every turn of the loop, and hardly ever a reason to lock the file

    @looking
    def _untaken_clicks(self) -> list[Json]:
        return self.ledger.rows("SELECT * FROM inbox WHERE answered_at IS NULL AND taken_by IS NOT ? ORDER BY id LIMIT 100", (RUN,))

    @transaction
    def _take_clicks(self, rows: list[Json]) -> tuple[Click, ...]:
        for row in rows:
            self.ledger.update("inbox", row["id"], {"taken_at": utc(), "taken_by": RUN})
        clicks = all_readable("click", rows, _click_of)
        for unread in {row["id"] for row in rows} - {click.id for click in clicks}:
            self.answer_click(unread, "cannot be read")
        return clicks

    @transaction
    def answer_click(self, click_id: int, result: str) -> None:
        """What came of it, for the person to read; an answered click never comes again. Raises Stale when it was answered before."""
        answered = self.ledger.run(
            "UPDATE inbox SET result = ?, answered_at = ? WHERE id = ? AND answered_at IS NULL", (mask(result), utc(), click_id)
        )
        if not answered:
            raise Stale(f"click {click_id} was answered before")

    @looking
    def maintenance(self, now: float) -> tuple[Window, ...]:
        """The windows that are open at `now`."""
        open_now = "SELECT * FROM windows WHERE ended_by IS NULL AND begins_at <= :now AND until > :now ORDER BY id"
        return all_readable("maintenance window", self.ledger.rows(open_now, {"now": utc(now)}), _window_of)

    @transaction
    def pause(
        self,
        service: str,
        *,
        until: float,
        reason: str,
        actor: str,
        begins_at: float | None = None,
        key: str = "",
        click_id: int | None = None,
    ) -> int:
        """A window; an empty `service` is the whole host, a `key` one fault. The same click again opens no second one."""
        known = self.ledger.row("SELECT id FROM windows WHERE click_id = ?", (click_id,)) if click_id else None
        if known:
            return int(known["id"])
        now = utc()
        times = {"begun_at": now, "begins_at": now if begins_at is None else stamp(begins_at), "until": stamp(until)}
        self.audit(actor, "silence" if key else "pause", {"service": service, "key": key, **times, "reason": reason})
        said = {"service": service, "key": key, "reason": mask(reason), "actor": actor, "click_id": click_id}
        return self.ledger.insert("windows", {**said, **times})

    @transaction
    def resume(self, service: str, actor: str) -> int:
        """End the windows of `service` (empty: those of the whole host), also those that are still to come; returns how many."""
        self.audit(actor, "resume", {"service": service})
        return self._end_windows("service = :it AND key = ''", service, actor)

    @transaction
    def end_window(self, window_id: int, actor: str) -> None:
        """Raises Stale when it is over, or there is none."""
        if not self._end_windows("id = :it", window_id, actor):
            raise Stale(f"window {window_id} is over")
        self.audit(actor, "end", {"window": window_id})

    def _end_windows(self, which: str, it: object, actor: str) -> int:
        ended = f"UPDATE windows SET ended_by = :actor, ended_at = :now WHERE {which} AND ended_by IS NULL AND until > :now"  # noqa: S608
        count = self.ledger.run(ended, {"it": it, "actor": actor, "now": utc()})
        if count:  # what they held back looks for itself whether another one still covers it
            held_back = (
                "UPDATE tasks SET next_at = ? WHERE resolved_at IS NULL AND next_at IS NOT NULL AND waiting_for LIKE 'maintenance: %'"
            )
            self.ledger.run(held_back, (AT_ONCE,))
        return count

    @transaction
    def save_baseline(self, data: Json) -> None:
        """What ran here while all was well. As before: nothing is written."""
        self.ledger.run(
            """INSERT INTO baseline (id, data, saved_at) VALUES (1, ?, ?)
            ON CONFLICT (id) DO UPDATE SET data = excluded.data, saved_at = excluded.saved_at WHERE data != excluded.data""",
            (as_json(data), utc()),
        )

    @looking
    def baseline(self) -> Json | None:
        """None before the first one was saved, or when it cannot be read."""
        rows = self.ledger.rows("SELECT * FROM baseline")
        found = all_readable("baseline", rows, lambda row: dict(json.loads(row["data"])))
        return found[0] if found else None

    @transaction
    def remember_tick(self, now: float, summary: Json, clean: Mapping[str, float] = {}) -> None:
        """The daemon lives: the one row that status and health read; and when each check looked that saw nothing, as before."""
        for check, looked_at in clean.items():
            self.ledger.run("UPDATE checks SET looked_at = ? WHERE name = ?", (utc(looked_at), check))
        self.ledger.run(
            "INSERT OR REPLACE INTO daemon (id, tick_at, pid, version, started_at, summary) VALUES (1, ?, ?, ?, ?, ?)",
            (utc(now), os.getpid(), _version(), _STARTED, as_json(summary)),
        )


def _click_of(row: Json) -> Click:
    return Click(id=row["id"], at=epoch(row["at"]), actor=row["actor"], verb=row["verb"], args=json.loads(row["args"]))


def _window_of(row: Json) -> Window:
    given = {name: row[name] for name in ("id", "service", "key", "reason", "actor")}
    return Window(begins_at=epoch(row["begins_at"]), until=epoch(row["until"]), **given)


def _version() -> str:
    try:
        return metadata.version("autonomous-orchestrator")
    except metadata.PackageNotFoundError:
        return "uninstalled"
