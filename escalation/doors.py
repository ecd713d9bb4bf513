"""Who may come in to the dashboard: one-time links, sessions, and tokens for programs. Only digests of their secrets are kept."""

import contextlib
import hashlib
import hmac
import secrets
import time
from pathlib import Path
from typing import Literal

from escalation.front import FILE_NAME
from escalation.migrations import escalations
from escalation.text import one_line
from orchestrator.model import Json, Word, utc
from orchestrator.store import Stale, StoreFailed
from orchestrator.store.ledger import Keeper, Ledger, looking, transaction

LINK_SECONDS = 600.0
IDLE_SECONDS = 12 * 3600.0
SESSION_SECONDS = 7 * 86_400.0
SEEN_SECONDS = 600.0
"""A session's and a token's last use is written down this seldom: a page that is only looked at writes nothing."""
LINKS = 100
SESSIONS = 1000
TOKENS = 1000

Right = Literal["read", "write", "alerts"]
PREFIXES: dict[Right, str] = {"read": "orc_r_", "write": "orc_w_", "alerts": "orc_a_"}
"""So that a token that is found somewhere tells what it opens."""


class Bearer(Word):
    """A token for programs, as it is stored."""

    id: int
    name: str
    right: Right
    made_by: str
    created_at: str
    used_at: str | None
    revoked_at: str | None

    @property
    def actor(self) -> str:
        return f"token {self.name}"


class Doors(Keeper):
    """escalations.db as the daemon made it; never migrates. Needs no daemon that runs."""

    def __init__(self, state_dir: Path) -> None:
        """Raises StoreUnusable when the daemon has not made the file yet, or another version did."""
        self.ledger = Ledger(state_dir / FILE_NAME, escalations, migrate=False)

    @transaction
    def invite(self, actor: str) -> str:
        """The secret of a link that lets `actor` in, once, within ten minutes."""
        now, secret = time.time(), secrets.token_urlsafe(32)
        self.ledger.run("DELETE FROM door_links WHERE expires_at <= ?", (utc(now),))
        self.ledger.run(
            "DELETE FROM door_links WHERE hash NOT IN (SELECT hash FROM door_links ORDER BY expires_at DESC LIMIT ?)", (LINKS - 1,)
        )
        self.ledger.insert("door_links", {"hash": digest_of(secret), "actor": one_line(actor, 200), "expires_at": utc(now + LINK_SECONDS)})
        return secret

    @looking
    def invited(self, secret: str) -> str:
        """Whom this link would let in; empty when it was used, is too old, or never was."""
        row = self.ledger.row("SELECT actor FROM door_links WHERE hash = ? AND expires_at > ?", (digest_of(secret), utc()))
        return str(row["actor"]) if row else ""

    @transaction
    def enter(self, secret: str) -> str:
        """Use the link up: the secret of a new session, or nothing when it lets nobody in."""
        actor = self.invited(secret)
        if not actor:
            return ""
        now, session = time.time(), secrets.token_urlsafe(32)
        self.ledger.run("DELETE FROM door_links WHERE hash = ?", (digest_of(secret),))
        self.ledger.run("DELETE FROM door_sessions WHERE created_at <= ? OR seen_at <= ?", _too_old(now))
        oldest = "DELETE FROM door_sessions WHERE hash NOT IN (SELECT hash FROM door_sessions ORDER BY seen_at DESC LIMIT ?)"
        self.ledger.run(oldest, (SESSIONS - 1,))
        self.ledger.insert("door_sessions", {"hash": digest_of(session), "actor": actor, "created_at": utc(now), "seen_at": utc(now)})
        return session

    def visitor(self, session: str) -> str:
        """Whose session it is; empty when there is none, or it is over."""
        found = self._session(session)
        if found and found["seen_at"] < utc(time.time() - SEEN_SECONDS):
            self._write_seen("door_sessions", "seen_at", found["hash"])
        return str(found["actor"]) if found else ""

    @looking
    def _session(self, session: str) -> Json | None:
        hashed = digest_of(session)
        sql = "SELECT * FROM door_sessions WHERE hash = ? AND created_at > ? AND seen_at > ?"
        found = self.ledger.row(sql, (hashed, *_too_old(time.time())))
        return found if found and hmac.compare_digest(found["hash"], hashed) else None

    @transaction
    def leave(self, session: str) -> None:
        self.ledger.run("DELETE FROM door_sessions WHERE hash = ?", (digest_of(session),))

    @transaction
    def create_token(self, name: str, right: Right, actor: str) -> str:
        """A new token, to be shown this once. Raises Stale when the name is taken."""
        name = one_line(name, 100)
        if self.ledger.row("SELECT id FROM door_tokens WHERE name = ? AND revoked_at IS NULL", (name,)):
            raise Stale(f"there is a token {name!r} already; revoke it first, or take another name")
        if self.ledger.rows("SELECT COUNT(*) AS n FROM door_tokens")[0]["n"] >= TOKENS:
            self.ledger.run("DELETE FROM door_tokens WHERE revoked_at IS NOT NULL")
            if self.ledger.rows("SELECT COUNT(*) AS n FROM door_tokens")[0]["n"] >= TOKENS:
                raise StoreFailed(f"there are {TOKENS} tokens; revoke some first")
        token = PREFIXES[right] + secrets.token_urlsafe(32)
        made = {"name": name, "right": right, "hash": digest_of(token), "made_by": one_line(actor, 200), "created_at": utc()}
        self.ledger.insert("door_tokens", made)
        return token

    @looking
    def tokens(self) -> tuple[Bearer, ...]:
        return tuple(_bearer(row) for row in self.ledger.rows("SELECT * FROM door_tokens ORDER BY id"))

    @transaction
    def revoke(self, token_id: int) -> Bearer:
        """From now on it opens nothing. Raises Stale when there is no such token, or it was revoked before."""
        if not self.ledger.run("UPDATE door_tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (utc(), token_id)):
            raise Stale(f"there is no token {token_id} that could be revoked")
        return _bearer(self.ledger.rows("SELECT * FROM door_tokens WHERE id = ?", (token_id,))[0])

    def bearer(self, token: str) -> Bearer | None:
        """Whose token it is, if it opens anything."""
        hashed = digest_of(token)
        found = self._token(hashed)
        if found is None or not hmac.compare_digest(found["hash"], hashed):
            return None
        if (found["used_at"] or "") < utc(time.time() - SEEN_SECONDS):
            self._write_seen("door_tokens", "used_at", hashed)
        return _bearer(found)

    @looking
    def _token(self, hashed: str) -> Json | None:
        return self.ledger.row("SELECT * FROM door_tokens WHERE hash = ? AND revoked_at IS NULL", (hashed,))

    def _write_seen(self, table: str, column: str, hashed: str) -> None:
        with contextlib.suppress(StoreFailed):  # a disk that is full or read-only keeps nobody from looking
            self._seen(table, column, hashed)

    @transaction
    def _seen(self, table: str, column: str, hashed: str) -> None:
        self.ledger.run(f"UPDATE {table} SET {column} = ? WHERE hash = ?", (utc(), hashed))  # noqa: S608 - constants of this file


def digest_of(secret: str) -> str:
    """As it is kept. Secrets are 256 random bits, so a fast digest without salt is enough: nobody can try them all."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _too_old(now: float) -> tuple[str, str]:
    return utc(now - SESSION_SECONDS), utc(now - IDLE_SECONDS)


def _bearer(row: Json) -> Bearer:
    return Bearer.model_validate({name: row[name] for name in Bearer.model_fields})
