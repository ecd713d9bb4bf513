"""Known signs in log lines, as data: `signs.toml`. Each found sign is a fact that names the (normalised) line."""

import re
import tomllib
from functools import cache
from importlib.resources import files

_MAX_LINE = 300
_VOLATILE = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), "<uuid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]*(Z|[+-]\d\d:?\d\d)?\b"), "<time>"),
    (re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b"), "<ip>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\b[0-9a-f]{12,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\d+"), "<n>"),
)


def normalised(line: str) -> str:
    """A line without times, pids, addresses and numbers: the same message gives the same text."""
    text = line.strip()[:_MAX_LINE]
    for pattern, placeholder in _VOLATILE:
        text = pattern.sub(placeholder, text)
    return text


@cache
def _signs() -> tuple[tuple[str, re.Pattern[str]], ...]:
    table = tomllib.loads(files("orchestrator.knowledge").joinpath("signs.toml").read_text("utf-8"))
    return tuple((name, re.compile("|".join(patterns), re.IGNORECASE)) for name, patterns in table.items())


def signs_in(text: str) -> dict[str, str]:
    """Facts `log.<sign>` (and `danger.<sign>`) with the last line that shows each."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        for name, pattern in _signs():
            if pattern.search(line[:2000]):
                found[name] = normalised(line)
    return found
