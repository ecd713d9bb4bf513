"""The part of the success page that tells what thinking cost, and whether it was right: rows of cells, made of `Reader.measured`."""

from dashboard.pages.blueprint import blueprint
from orchestrator.model import Json, Phase, Word
from orchestrator.store.times import lasting

Row = tuple[object, ...]


class Thought(Word):
    calls: int
    tokens: int
    dollars: float
    cost: Json
    """Of an incident."""
    days: tuple[Json, ...]
    most: float
    """Dollars of a day or an hour."""
    votes: tuple[Row, ...]
    handoffs: tuple[Row, ...]
    experts: tuple[Row, ...]
    models: tuple[Row, ...]
    times: tuple[Row, ...]


def thought_of(found: Json) -> Thought:
    days = found["cost_by_time"]
    return Thought(
        calls=sum(day["calls"] for day in days),
        tokens=sum(day["tokens"] for day in days),
        dollars=sum(day["dollars"] for day in days),
        cost=found["incident_cost"],
        days=tuple(days),
        most=max((day["dollars"] for day in days), default=0.0),
        votes=tuple(
            (row["vote"].removeprefix("vote:"), row["carried_out"], row["right"], percent(row["right"], row["carried_out"]),
             row["healed"], row["came_back"]) for row in found["agreement"]
        ),
        handoffs=tuple(map(_handoff, found["handoffs"])),
        experts=tuple(map(_expert, found["experts"])),
        models=tuple(map(_model, found["models"])),
        times=tuple(map(_time, found["occurrences"])),
    )  # fmt: skip


def _handoff(row: Json) -> Row:
    phases = [str(Phase.numbered(row[name])) if row[name] else "not known" for name in ("from_phase", "to_phase")]
    ended = row["handed_over"] - row["under_way"]
    rest = (row["passed_on"], row["person"], row["went_away"], row["under_way"])
    return (" → ".join(phases), row["handed_over"], row["healed"], percent(row["healed"], ended), *rest)


def _expert(row: Json) -> Row:
    said = (row["expert"], row["asked"], row["proposed"], row["right"], row["wrong"], row["failed"], row["replaced"])
    return (*said, row["calls"], _tokens(row), money(row["dollars"]), f"{row['seconds']:.0f}")


def _model(row: Json) -> Row:
    failed = ", ".join(f"{n} {kind}" for kind, n in sorted(row["failed"].items())) or "0"
    spread = ("\N{EN DASH}" if row[name] is None else f"{row[name]:.1f}" for name in ("median_seconds", "p90_seconds"))
    tokens = (row["tokens_in"], row["tokens_cached"], row["tokens_out"])
    return (f"{row['backend']} {row['model']}", row["calls"], row["answered"], failed, *tokens, money(row["dollars"]), *spread)


def _time(row: Json) -> Row:
    each = (f"{row['calls']:.1f}", f"{row['tokens']:.0f}", money(row["dollars"]))
    return ("second" if row["time"] == 2 else "first", row["incidents"], row["healed"], *each, lasting(row["seconds"] or 0.0))


def _tokens(row: Json) -> int:
    return int(row["tokens_in"] + row["tokens_out"])


@blueprint.app_template_filter()
def percent(part: int, whole: int) -> str:
    """Never rounded up to 100."""
    return f"{int(1000 * part / whole) / 10:g} %" if whole else "\N{EN DASH}"


@blueprint.app_template_filter()
def money(dollars: float) -> str:
    """Cents; of less than a dollar the hundredths of a cent too, since a small model's call costs no more."""
    return f"${dollars:.2f}" if dollars >= 1 or not dollars else f"${dollars:.4f}"
