"""Times of the tables as people read them."""

import time

from orchestrator.model import epoch, utc


def lasting(seconds: float) -> str:
    """`0.4 s`, `14 min`, `3 h 5 min`, `2 d 4 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def age(text: str | None) -> float:
    """Seconds since a time of the tables; 0 for one that lies ahead (the clock was set back) or is no time."""
    try:
        return max(0.0, time.time() - epoch(text or ""))
    except ValueError:
        return 0.0


def ago(text: str | None) -> str:
    """A time of the tables, as how long ago."""
    return f"{lasting(age(text))} ago" if text else "never"


def until(text: str) -> str:
    """A time of the tables that may lie ahead."""
    ahead = epoch(text) - time.time()
    return f"in {lasting(ahead)}" if ahead > 0 else "it is past"


def clock(text: str | None) -> str:
    """A time of the tables for reading beside a log: whole seconds, and which zone."""
    return f"{text[:19]} UTC" if text else "-"


def between(start: str | None, end: str | None) -> str:
    """How long from one time of the tables to another; empty where one is missing."""
    try:
        return lasting(max(0.0, epoch(end or "") - epoch(start or "")))
    except ValueError:
        return ""


def moment(at: float) -> str:
    """Seconds since the epoch as `clock` writes them."""
    return clock(utc(at))
