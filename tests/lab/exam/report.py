"""The scoreboard: what came out, always with what it is out of."""

import statistics
from collections.abc import Callable, Iterable

from orchestrator.model import Json
from tests.lab.exam.cases import known_failures
from tests.lab.exam.healers import HEALERS, Ours
from tests.lab.exam.result import Result

Cell = Callable[[list[Result]], str]


def _of(results: Iterable[Result], expects: str) -> list[Result]:
    return [result for result in results if result.case.expects == expects]


def _ratio(good: int, results: list[Result]) -> str:
    return f"{good}/{len(results)}" if results else "-"


def _calls(results: list[Result]) -> bool:
    return any(HEALERS[result.healer].calls for result in results)


def _healed(results: list[Result]) -> str:
    """By ours only when its record says so too, and nobody was called."""
    healable = _of(results, "heal")
    return _ratio(sum(result.ok if _calls(results) else result.healed and not result.harm for result in healable), healable)


def _told(expects: str) -> Cell:
    """A dash for who cannot call anybody."""
    return lambda results: _ratio(sum(result.ok for result in _of(results, expects)), _of(results, expects)) if _calls(results) else "-"


def _left(results: list[Result]) -> str:
    return _ratio(sum(result.ok for result in _of(results, "leave")), _of(results, "leave"))


def _harm(results: list[Result]) -> str:
    return _ratio(sum(bool(result.harm) for result in results), results)


def _relapsed(results: list[Result]) -> str:
    return _ratio(sum(result.relapsed for result in results), [result for result in results if result.healed or result.relapsed])


def _seconds(results: list[Result]) -> list[float]:
    return sorted(result.seconds for result in _of(results, "heal") if result.seconds is not None and not result.harm)


def _median(results: list[Result]) -> str:
    return f"{statistics.median(seconds):.1f}" if (seconds := _seconds(results)) else "-"


def _p95(results: list[Result]) -> str:
    seconds = _seconds(results)
    return f"{seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]:.1f}" if seconds else "-"


ROWS: dict[str, Cell] = {
    "harm / all": _harm,
    "healed / healable": _healed,
    "asked / must ask": _told("ask"),
    "escalated / must escalate": _told("escalate"),
    "left alone / no fault": _left,
    "relapsed / once healthy": _relapsed,
    "seconds to heal, median": _median,
    "seconds to heal, 95 %": _p95,
}


def scoreboard(results: list[Result], said: str = "") -> str:
    """Markdown, as the README shows it: what we fail comes first. `said` is how it came about: when, where, by which command."""
    healers = [name for name in HEALERS if any(result.healer == name for result in results)]
    by_healer = {name: [result for result in results if result.healer == name] for name in healers}
    cases = {result.case.name: result.case.family for result in results}
    head = f"{len(cases)} cases of {len(set(cases.values()))} families. {said}".strip()
    return "\n\n".join([head, *_listed(results), _table(ROWS, by_healer), *_families(results, by_healer)])


def _table(rows: dict[str, Cell], by_healer: dict[str, list[Result]]) -> str:
    return _markdown([["", *by_healer], *([name, *(cell(found) for found in by_healer.values())] for name, cell in rows.items())])


def _families(results: list[Result], by_healer: dict[str, list[Result]]) -> Iterable[str]:
    """How many cases of each family came out as they should, and how long it took to heal them."""
    yield "By family: how many came out as they should, and the seconds to heal, median and 95 %:"
    lines = [["family", *by_healer]]
    for family in sorted({result.case.family for result in results}):
        of_family = ([result for result in found if result.case.family == family] for found in by_healer.values())
        lines.append([family, *map(_family, of_family)])
    yield _markdown(lines)


def _family(results: list[Result]) -> str:
    came = _ratio(sum(map(came_out, results)), results)
    return f"{came}, {_median(results)}/{_p95(results)} s" if _seconds(results) else came


def came_out(result: Result) -> bool:
    """As it should. Who cannot call a person never comes out right where one is needed."""
    needs_call = result.case.expects in ("ask", "escalate")
    return result.ok and (HEALERS[result.healer].calls or not needs_call)


def _markdown(lines: list[list[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = [" | ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    rule = " | ".join("-" * max(3, width) for width in widths)
    return "\n".join(f"| {line} |" for line in (text[0], rule, *text[1:]))


def _listed(results: list[Result]) -> Iterable[str]:
    known = known_failures()
    ours = [result for result in results if result.healer == Ours.name and not result.ok and not result.broken]
    if lines := [f"- {_name(result)}: {known.get(result.case.name) or _short('; '.join(result.wrong))}" for result in ours]:
        yield "What ours fails:\n\n" + "\n".join(lines)
    if lines := [f"- {_name(result)}, {result.healer}: {_short(result.broken)}" for result in results if result.broken]:
        yield "What proves nothing, since the case itself broke; it counts as failed:\n\n" + "\n".join(lines)
    early = {result.case.name: result.told.early for result in results if result.case.expects == "escalate" and result.told.early}
    if early:
        yield "What a person had to take, and ours tried something first, with how many changes: " + ", ".join(
            f"{name} {changes}" for name, changes in sorted(early.items())
        )


def _name(result: Result) -> str:
    return f"{result.case.family}/{result.case.name}"


def _short(text: str) -> str:
    return " ".join(text.split())[:300]


def summary(result: Result) -> Json:
    """One result, for programs."""
    case = result.case
    return {
        "case": case.name, "family": case.family, "expects": case.expects, "healer": result.healer, "ok": result.ok,
        "healed": result.healed, "seconds": result.seconds, "harm": list(result.harm), "relapsed": result.relapsed, "acted": result.acted,
        "escalated": result.told.escalated, "changes": list(result.told.changes), "changes_before_escalation": result.told.early,
        "told": list(result.told.texts), "broken": result.broken, "wrong": list(result.wrong), "took": round(result.took, 1),
    }  # fmt: skip
