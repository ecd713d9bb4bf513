"""`metrics` and `sql`: what the tables say."""

from typing import Any

import click

from orchestrator.cli.options import listing, reader, wants_json
from orchestrator.cli.printing import say, say_json, table
from orchestrator.cli.thinking import tell_thinking
from orchestrator.model import Json
from orchestrator.store import QueryRefused
from orchestrator.store.times import lasting


@click.command()
@listing
def metrics() -> None:
    """How much was healed without a person.

    And how fast, how often it came back, what models cost, and how often they were right.

    The fix rate has two denominators: all incidents (those that went away by themselves and symptoms too), and those that
    needed something, that is fixed or handed to a person.
    """
    found = reader().metrics()
    if wants_json():
        say_json(found)
    elif found["daemon"] is None:
        say("no numbers yet: the daemon has not run on this state directory")
    else:
        _tell(found)


@click.command()
@click.argument("query")
@listing
def sql(query: str) -> None:
    """One read-only SELECT over both files.

    \b
    orchestrator sql "SELECT status, COUNT(*) FROM tasks GROUP BY status"
    orchestrator sql "SELECT name FROM tasks.sqlite_master"
    """  # noqa: D301  # \b is click's own word: these lines stay lines
    try:
        rows = reader().sql(query)
    except QueryRefused as error:
        raise click.ClickException(f"refused: {error}; what is possible is one SELECT, which reads") from None
    if wants_json():
        say_json(rows)
    elif rows:
        table(tuple(rows[0]), [tuple(row.values()) for row in rows])
    else:
        say("no rows", error=True)


def _tell(found: Json) -> None:
    windows = found["windows"]
    table(("", *windows), [[label, *(tell(window) for window in windows.values())] for label, tell in _LINES])
    for name, heads, columns in _PARTS:
        if found[name]:
            say()
            table(heads, [[row[column] for column in columns] for row in found[name]])
    tell_thinking(found)


def _share(part: str, whole: str) -> Any:
    def tell(window: Json) -> str:
        n, of = int(window.get(part, 0)), int(window.get(whole, 0))
        return f"{100 * n / of:.1f} % ({n} of {of})" if of else "-"

    return tell


def _count(name: str) -> Any:
    return lambda window: window.get(name, "-")


def _seconds(window: Json) -> str:
    mean = window.get("mean_seconds")
    return lasting(mean) if mean is not None else "-"


def _escalations(window: Json) -> str:
    return ", ".join(f"{n} {status}" for status, n in sorted(window["escalations"].items())) or "none"


_LINES = (
    ("incidents", _count("total")),
    ("fix rate, of all", _share("fixed", "total")),
    ("fix rate, of those that needed something", _share("fixed", "needed")),
    ("handed to a person", _count("with_person")),
    ("went away by themselves", _count("cleared")),
    ("mean time to repair", _seconds),
    ("relapses", _count("relapses")),
    ("plans carried out", _count("executed")),
    ("  without effect", _count("no_effect")),
    ("  undone, since the proof failed", _count("rolled_back")),
    ("  that could not be undone", _count("stranded")),
    ("escalations", _escalations),
)
_PARTS = (
    ("by_phase", ("phase", "ended there", "fixed", "fix rate %"), ("phase", "ended", "fixed", "fix_rate")),
    ("time_to_repair", ("check", "fixed", "mean seconds", "longest"), ("check_name", "fixed", "mean_seconds", "longest_seconds")),
    ("patterns_per_week", ("week", "learned", "trusted", "demoted"), ("week", "learned", "trusted", "demoted")),
    ("interventions", ("asked for", "status", "asked", "mean seconds to answer"), ("kind", "status", "asked", "mean_seconds_to_answer")),
)
