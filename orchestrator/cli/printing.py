"""The only way to the terminal: whatever is printed here was cleaned of what a terminal would obey.

Rich only where a person sees it, and only then imported; anything else gets plain text that grep and awk can read.
"""

import json
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Control characters but tab and newline, and what turns the direction of text (a file name that reads backwards)."""

STYLES = {
    "critical": "bold red", "high": "red", "warning": "yellow", "escalated": "red", "stranded": "bold red", "bad": "bold red",
    "warn": "yellow", "waiting": "yellow", "open": "yellow", "healing": "cyan", "blind": "yellow", "fault": "red", "demoted": "red",
    "fixed": "green", "healed": "green", "ok": "green", "trusted": "green", "resolved": "green", "acknowledged": "cyan",
}  # fmt: skip
"""Colour beside the word, never instead of it."""


def clean(text: str) -> str:
    """`text` without anything that a terminal would obey or hide; lines stay lines."""
    return _CONTROLS.sub("\ufffd", _ESCAPES.sub("", text.replace("\r\n", "\n")))


def one_line(text: object) -> str:
    """Cleaned, and unable to look like two lines."""
    return " ".join(clean(str(text)).split())


def say(text: str = "", *, style: str = "", error: bool = False) -> None:
    """One or more lines. Never wrapped: a command line must survive being copied."""
    text = clean(text)
    if style and not error and _on_terminal():
        from rich.text import Text  # noqa: PLC0415

        _console().print(Text(text, style=style), soft_wrap=True)
    else:
        click.echo(text, err=error)


def say_json(data: object) -> None:
    """For programs. JSON's own escapes keep what a terminal would obey harmless and still tell it."""
    click.echo(json.dumps(data, indent=2, default=str))


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Aligned columns; a cell that is one of the words in STYLES is coloured."""
    cells = [[one_line("" if cell is None else cell) for cell in row] for row in rows]
    if _on_terminal():
        _rich_table(headers, cells)
        return
    widths = [max(len(row[n]) for row in [list(headers), *cells]) for n in range(len(headers))]
    for row in [headers, *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _rich_table(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        drawn.add_column(header, overflow="fold")
    for row in cells:
        drawn.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    _console().print(drawn)


def _on_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _console() -> "Console":
    from rich.console import Console  # noqa: PLC0415

    return Console(highlight=False)
