"""Whether the daemon lives: by its last tick, and by its process."""

import os

from orchestrator.model import Json
from orchestrator.store.times import lasting

_POLLS = 3
_LEAST_SECONDS = 90.0
"""A tick older than three polls, and than this, is stale: one slow sweep is no death."""


def dead(status: Json, poll_seconds: float) -> str:
    """Why nobody watches the host, by what `Reader.status` says; empty while the daemon lives."""
    daemon, age = status["daemon"], status["tick_age_seconds"]
    if daemon is None:
        return "it has not run on this state directory yet"
    if not exists(int(daemon["pid"])):
        return f"its process {daemon['pid']} is gone; its last tick was {lasting(age)} ago"
    if age > max(_LEAST_SECONDS, _POLLS * poll_seconds):
        return f"its last tick was {lasting(age)} ago, though its process {daemon['pid']} is there"
    return ""


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
