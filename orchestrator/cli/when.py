"""Times as people write and read them."""

import re
import time
from contextlib import suppress

import click

from orchestrator.model import epoch, utc

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST_SECONDS = 366 * 86_400


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5 alone
    """`30m`, `2h`, `1d12h`: seconds."""

    name = "duration"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        parts = re.findall(r"([0-9]+)([smhdw])", value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            self.fail(f"{value!r} is no duration; write 90s, 30m, 2h, 1d or 1d12h", param, ctx)
        seconds = sum(int(number) * _UNITS[unit] for number, unit in parts)
        if not 0 < seconds <= _LONGEST_SECONDS:
            self.fail(f"{value!r}: more than nothing, and at most a year", param, ctx)
        return float(seconds)


class Since(click.ParamType):  # type: ignore[type-arg]
    """`24h` ago, or a UTC day or moment `2026-01-31 [23:59[:59]]`: seconds since the epoch."""

    name = "since"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        if re.fullmatch(r"([0-9]+[smhdw])+", value):
            return time.time() - DURATION.convert(value, param, ctx)
        text = value.replace("T", " ")
        for missing in ("", ".000", ":00.000", " 00:00:00.000"):
            with suppress(ValueError):
                return epoch(text + missing)
        return self.fail(f"{value!r} is no time; write 24h, 7d, 2026-01-31 or '2026-01-31 23:59' (UTC)", param, ctx)


DURATION = Duration()
SINCE = Since()


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
