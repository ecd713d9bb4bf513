"""Times as people write them."""

import re
import time
from contextlib import suppress

import click

from orchestrator.model import epoch

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
