"""Who may call: a token says itself what it opens. A session only looks, so that no cookie ever changes anything here."""

from flask import request
from werkzeug.exceptions import Forbidden, Unauthorized

from dashboard.api.call import Right
from dashboard.here import here
from dashboard.login import cookie_name, doors
from escalation.doors import digest_of

OPENS: dict[Right, frozenset[Right]] = {
    "read": frozenset(("read",)),
    "write": frozenset(("read", "write", "alerts")),
    "alerts": frozenset(("alerts",)),
}


def let_in(right: Right) -> None:
    """Raises Unauthorized, Forbidden, StoreUnusable."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        bearer = doors().bearer(token.strip()[:200])
        if bearer is None:
            raise Unauthorized("the token opens nothing: it is wrong, or was revoked")
        if right not in OPENS[bearer.right]:
            raise Forbidden(f"the token {bearer.name!r} opens {bearer.right}, and this needs {right}")
        here().actor, here().door = bearer.actor, digest_of(token.strip()[:200])
        return
    secret = request.cookies.get(cookie_name(), "")
    actor = doors().visitor(secret) if secret and right == "read" and request.method in ("GET", "HEAD") else ""
    if not actor:
        raise Unauthorized("send a token: Authorization: Bearer …; `orchestrator dashboard token create NAME --read` makes one")
    here().actor, here().session = actor, secret
