"""A scanner that opens everything it sees, as mail servers, chats and browsers do that fetch ahead."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from dashboard.api import CALLS
from escalation import Desk
from escalation.doors import Doors
from orchestrator.store import Store
from tests.cli.scenes import asked, escalated, fault, healed
from tests.dashboard.conftest import Browser

SEEN = re.compile(r"""(?:href|src|action|formaction|hx-get|hx-post|data-[a-z-]+)\s*=\s*["']([^"']+)["']""")
PAGES_AT_MOST = 600


def dump(store: Store, desk: Desk) -> list[str]:
    return [*store.ledger.db.conn.iterdump(), *desk.ledger.db.conn.iterdump()]


def test_who_opens_every_address_changes_nothing(anna: Browser, store: Store, desk: Desk, state_dir: Path) -> None:
    """With her session: every link, source and form's address of every page, by GET. No row of either database is another."""
    healed(store, fault("web.service"))
    for n in range(3):
        escalated(store, desk, fault(f"orders@{n}.service"))
    asked(store, desk)
    with Doors(state_dir) as doors:
        link = doors.invite("bert")
    before = dump(store, desk)
    ahead, opened = ["/", f"/login?token={link}", "/logout", *(f"/api/v1{call.path}" for call in CALLS)], set[str]()
    ahead += [re.sub(r"<[^>]+>", "1", f"/api/v1{call.path}") for call in CALLS]
    while ahead and len(opened) < PAGES_AT_MOST:
        path = ahead.pop()
        if path in opened or path.startswith("/static"):
            continue
        opened.add(path)
        answer = anna.get(path, headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code < 500, path
        if answer.mimetype == "text/html":
            ahead += [local for found in SEEN.findall(answer.text) if (local := _local(path, unescape(found)))]
    assert dump(store, desk) == before
    assert len(opened) > len(CALLS) + 60
    assert {f"/escalations/{n}/{verb}" for n in (1, 2, 3, 4) for verb in ("ack", "resolve")} | {"/escalations/bulk"} <= opened


def _local(page: str, found: str) -> str:
    """The address that is meant, if it is one of ours."""
    parts = urlsplit(urljoin(f"http://here{page}", found))
    if parts.scheme != "http" or parts.hostname != "here":
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
