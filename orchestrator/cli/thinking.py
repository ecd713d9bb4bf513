"""What thinking cost and whether it was right, as `metrics` tells it."""

from collections.abc import Iterator, Sequence

from orchestrator.cli.printing import say, table
from orchestrator.model import Json, Phase
from orchestrator.store.times import lasting

Row = Sequence[object]


def tell_thinking(found: Json) -> None:
    """`found`: `Reader.metrics`. What there is nothing of is left out."""
    for about, heads, rows in _tables(found):
        if rows:
            say(f"\n{about}", style="bold")
            table(heads, rows)


def _tables(found: Json) -> Iterator[tuple[str, Sequence[str], Sequence[Row]]]:
    yield (
        "handed over, and whether the next one healed it",
        ("from", "to", "handed over", "healed by the next", "passed on", "a person", "went away", "not yet"),
        [_handoff(row) for row in found["handoffs"]],
    )
    yield (
        "votes whose plan was carried out",
        ("vote", "carried out", "right", "healed", "came back"),
        [
            (row["vote"], row["carried_out"], _share(row["right"], row["carried_out"]), row["healed"], row["came_back"])
            for row in found["agreement"]
        ],
    )
    yield (
        "each expert; right and wrong as the ending of a plan said",
        ("expert", "asked", "proposed", "right", "wrong", "failed", "replaced", "calls", "tokens", "dollars", "seconds"),
        [_expert(row) for row in found["experts"]],
    )
    yield (
        "each model",
        (
            "backend",
            "model",
            "calls",
            "answered",
            "failed",
            "tokens in",
            "of these cached",
            "out",
            "dollars",
            "median s",
            "9 of 10 within s",
        ),
        [_model(row) for row in found["models"]],
    )
    cost = found["incident_cost"]
    yield (
        "what an incident cost that a model was asked about",
        ("", "mean", "most"),
        [(name, *_each(name, cost)) for name in ("calls", "tokens", "dollars")] if cost["incidents"] else [],
    )
    yield (
        "each day",
        ("day", "calls", "tokens", "dollars"),
        [(row["at"], row["calls"], row["tokens"], _money(row["dollars"])) for row in found["cost_by_time"] if row["calls"]],
    )
    yield (
        "kinds of faults that a model was asked about: the first time and the second",
        ("time", "incidents", "healed", "calls each", "tokens each", "dollars each", "until healed"),
        [_time(row) for row in found["occurrences"]],
    )


def _handoff(row: Json) -> Row:
    phases = [str(Phase.numbered(row[name])) if row[name] else "not known" for name in ("from_phase", "to_phase")]
    ended = row["handed_over"] - row["under_way"]
    return (*phases, row["handed_over"], _share(row["healed"], ended), row["passed_on"], row["person"], row["went_away"], row["under_way"])


def _expert(row: Json) -> Row:
    said = [row[name] for name in ("asked", "proposed", "right", "wrong", "failed", "replaced", "calls")]
    return (row["expert"], *said, _tokens(row), _money(row["dollars"]), f"{row['seconds']:.0f}")


def _model(row: Json) -> Row:
    failed = ", ".join(f"{n} {kind}" for kind, n in sorted(row["failed"].items())) or "-"
    spread = [f"{row[name]:.1f}" if row[name] is not None else "-" for name in ("median_seconds", "p90_seconds")]
    tokens = [row[name] for name in ("tokens_in", "tokens_cached", "tokens_out")]
    return (row["backend"], row["model"], row["calls"], row["answered"], failed, *tokens, _money(row["dollars"]), *spread)


def _each(name: str, cost: Json) -> Row:
    tell = _money if name == "dollars" else "{:.1f}".format if name == "calls" else "{:.0f}".format
    return tuple(tell(cost[f"{which}_{name}"]) for which in ("mean", "most"))


def _time(row: Json) -> Row:
    spent = (f"{row['calls']:.1f}", f"{row['tokens']:.0f}", _money(row["dollars"]))
    took = lasting(row["seconds"]) if row["seconds"] is not None else "-"
    return ({1: "first", 2: "second"}[row["time"]], row["incidents"], row["healed"], *spent, took)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} % ({part} of {whole})" if whole else "-"


def _tokens(row: Json) -> int:
    return int(row["tokens_in"] + row["tokens_out"])


def _money(dollars: float) -> str:
    """Four digits: a small model's call costs less than a cent."""
    return f"{dollars:.4f}" if dollars else "0"
