"""Known signs in log lines, as data: `signs.toml`. Each found sign is a fact that holds the line."""

import re
import tomllib
from functools import cache
from pathlib import Path

_MAX_LINE = 300


@cache
def _signs() -> tuple[tuple[str, re.Pattern[str]], ...]:
    table = tomllib.loads(Path(__file__).with_name("signs.toml").read_text("utf-8"))
    return tuple((name, re.compile("|".join(patterns), re.IGNORECASE)) for name, patterns in table.items())


def signs_in(text: str) -> dict[str, str]:
    """Facts `log.<sign>` (and `danger.<sign>`) with the last line that shows each."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        for name, pattern in _signs():
            if pattern.search(line[:2000]):
                found[name] = line.strip()[:_MAX_LINE]
    return found
