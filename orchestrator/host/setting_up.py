"""What systemd needs before it can start a unit's program: the program itself, and the account that it runs as.

Looked at before a start is tried: one that ends with status 203, 216 or 217 has proved nothing and cost the unit a start.
"""

import os
import time

from orchestrator.host import crontabs
from orchestrator.host.commands import run
from orchestrator.host.errors import Unavailable
from orchestrator.host.unit import Unit
from orchestrator.host.view import View

_LOOKUP_SECONDS = 5
"""Accounts may live in a directory service that does not answer."""
_SHADOW = "/etc/shadow"
_DAY = 86_400
_NOT_FOUND = 2
"""getent(1): one of the keys could not be found."""


def missing_program(view: View, unit: Unit) -> str:
    """The first of its programs that is not there, or that nobody may execute; empty when all are. Raises Unavailable."""
    if unit.own_root:
        return ""
    for path in unit.programs:
        if not path.startswith("/"):
            continue  # systemd looks for it in directories that only it knows
        state = view.files.look(path, follow=True)
        if state is None or state.kind != "file" or not state.mode & 0o111:
            return path
    return ""


def missing_account(unit: Unit) -> str:
    """The user or group of the unit that this host does not know; empty when all is known. Raises Unavailable."""
    if unit.dynamic_user or unit.own_root:
        return ""
    return next((name for kind, name in (("passwd", unit.user), ("group", unit.group)) if name and not _known(kind, name)), "")


def account_known(name: str) -> bool:
    """Whether this host knows the user. Raises Unavailable."""
    return _known("passwd", name)


def account_ended(view: View, name: str) -> bool:
    """Whether the account has expired, by shadow(5). Raises Unavailable."""
    if not os.access(_SHADOW, os.R_OK, effective_ids=True) and view.files.look(_SHADOW):
        return bool(view.rights.ask("account_has_ended", user=name))
    shadow = view.files.read(_SHADOW).decode(errors="replace")
    return crontabs.expired(shadow, name, int(time.time() // _DAY))


def _known(database: str, name: str) -> bool:
    if name.isdigit():
        return True  # systemd takes a number as it is
    result = run(["getent", database, "--", name], timeout=_LOOKUP_SECONDS)
    if result.exit not in (0, _NOT_FOUND):
        raise Unavailable(f"whether there is an account {name} could not be asked: {result.output.strip()[:200] or 'no answer'}")
    return result.exit == 0
