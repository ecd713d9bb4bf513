"""What thinking cost and whether it was right: votes against what became of them, each expert, each model, money, hand-overs."""

from collections.abc import Sequence

from orchestrator.model import Json
from orchestrator.store.past import parts_of, spread
from orchestrator.store.reporting import Rows

KINDS_COMPARED = 500
"""Kinds of faults whose first time is compared with the second."""

ANSWERS_TIMED = 1000
"""Of each model, the newest: how long an answer takes lately, at a tenth of what all of them cost to read."""

_CALLS = "FROM model_calls INDEXED BY calls_in_numbers WHERE began_at >= :since AND outcome != ''"
_SUMS = """COUNT(*) AS calls, SUM(tokens_in) AS tokens_in, SUM(tokens_cached) AS tokens_cached, SUM(tokens_out) AS tokens_out,
SUM(dollars) AS dollars, SUM(seconds) AS seconds"""
_BY_WHOM = f"""SELECT backend, model, outcome, expert, {_SUMS} FROM model_calls INDEXED BY calls_by_whom
WHERE began_at >= :since AND outcome != '' GROUP BY 1, 2, 3, 4"""  # noqa: S608  # constants
"""In the order of its index, which costs less than to sort what a range of time has."""
_TOOK = f"""SELECT seconds {_CALLS} AND outcome = 'answered' AND backend = :backend AND model = :model
ORDER BY began_at DESC LIMIT {ANSWERS_TIMED}"""
_BY_PART = f"""SELECT substr(began_at, 1, :length) AS at, COUNT(*) AS calls, SUM(tokens_in + tokens_out) AS tokens, SUM(dollars) AS dollars
{_CALLS} GROUP BY 1"""
_OF_INCIDENTS = f"""SELECT COUNT(*) AS incidents, AVG(calls) AS mean_calls, MAX(calls) AS most_calls, AVG(tokens) AS mean_tokens,
MAX(tokens) AS most_tokens, AVG(dollars) AS mean_dollars, MAX(dollars) AS most_dollars, AVG(seconds) AS mean_seconds
FROM (SELECT COUNT(*) AS calls, SUM(tokens_in + tokens_out) AS tokens, SUM(dollars) AS dollars, SUM(seconds) AS seconds
    {_CALLS} AND task_id IS NOT NULL GROUP BY task_id)"""  # noqa: S608  # constants
_SAID = """SELECT expert, COUNT(*) AS asked, SUM(stance = 'propose') AS proposed, SUM(stance = 'failed') AS failed,
SUM(stance = 'veto') AS vetoed, SUM(proved = 'healed') AS right, SUM(proved NOT IN ('', 'healed', 'moot')) AS wrong
FROM agent_consultations INDEXED BY consultations_in_numbers WHERE created_at >= :since GROUP BY expert"""
_REPLACED = """SELECT in_place_of AS expert, COUNT(*) AS replaced FROM agent_consultations
WHERE created_at >= :since AND in_place_of != '' AND stance != 'failed' GROUP BY 1"""
_AGREED = """SELECT a.origin AS vote, COUNT(*) AS carried_out, SUM(a.outcome = 'healed') AS healed,
SUM(a.outcome = 'healed' AND tasks.opened_at > a.ended_at) AS came_back
FROM attempts AS a INDEXED BY attempts_voted JOIN tasks ON tasks.id = a.task_id
WHERE a.proposer = 'consultation' AND a.ended_at >= :since AND a.executed = 1 AND a.outcome != 'interrupted' GROUP BY 1 ORDER BY 1"""
"""A row that opened again after its healing has relapsed: whatever comes later is a row of its own."""
_HANDED = """SELECT from_phase, to_phase, COUNT(*) AS handed_over, SUM(ended IS NULL) AS under_way, SUM(ended IS 'healed') AS healed,
SUM(ended IS 'passed on') AS passed_on, SUM(ended IS 'a person') AS person, SUM(ended IS 'went away') AS went_away
FROM handoffs INDEXED BY handoffs_in_numbers WHERE created_at >= :since GROUP BY 1, 2 ORDER BY 1, 2"""
_TIMES = f"""WITH kinds AS (SELECT signature, MAX(task_id) AS newest FROM model_calls WHERE signature != ''
    GROUP BY 1 ORDER BY 2 DESC LIMIT {KINDS_COMPARED}),
firsts AS (SELECT signature, (SELECT MIN(id) FROM tasks WHERE fingerprint = signature AND status != 'merged') AS first FROM kinds),
both AS (SELECT first, (SELECT MIN(id) FROM tasks WHERE fingerprint = signature AND status != 'merged' AND id > first) AS second
    FROM firsts),
each AS (SELECT 1 AS time, first AS id FROM both WHERE second IS NOT NULL UNION ALL SELECT 2, second FROM both WHERE second IS NOT NULL)
SELECT time, COUNT(*) AS incidents, AVG(calls) AS calls, AVG(tokens) AS tokens, AVG(dollars) AS dollars, AVG(tasks.seconds) AS seconds,
    SUM(fix_successful IS 1) AS healed
FROM (SELECT time, id, (SELECT COUNT(*) FROM model_calls WHERE task_id = each.id) AS calls,
    (SELECT COALESCE(SUM(tokens_in + tokens_out), 0) FROM model_calls WHERE task_id = each.id) AS tokens,
    (SELECT COALESCE(SUM(dollars), 0) FROM model_calls WHERE task_id = each.id) AS dollars FROM each) AS cost
JOIN tasks ON tasks.id = cost.id GROUP BY time ORDER BY time"""  # noqa: S608  # a constant
_NO_CALLS = {"calls": 0, "tokens_in": 0, "tokens_cached": 0, "tokens_out": 0, "dollars": 0.0, "seconds": 0.0}
_NOT_ASKED = {"asked": 0, "proposed": 0, "failed": 0, "replaced": 0, "vetoed": 0, "right": 0, "wrong": 0}


def measured_of(book: Rows, days: int) -> Json:
    """Of the last `days`; of one, the last 24 hours. `occurrences`: the first time of a kind of fault that a model saw, and the second."""
    parts = parts_of(days)
    since = {"since": parts[0]}
    calls = book.rows("tasks", _BY_WHOM, since)
    return {
        "agreement": [{**row, "right": row["healed"] - row["came_back"]} for row in book.rows("tasks", _AGREED, since)],
        "experts": _experts([*book.rows("escalations", _SAID, since), *book.rows("escalations", _REPLACED, since)], _of_experts(calls)),
        "models": [{**model, **_times(book, model, since)} for model in _models(calls)],
        "incident_cost": book.row("tasks", _OF_INCIDENTS, since) or {"incidents": 0},
        "cost_by_time": _each_part(parts, book.rows("tasks", _BY_PART, {**since, "length": len(parts[0])})),
        "occurrences": book.rows("tasks", _TIMES),
        "handoffs": book.rows("escalations", _HANDED, since),
    }


def _times(book: Rows, model: Json, since: Json) -> Json:
    which = {"backend": model["backend"], "model": model["model"]}
    return spread([row["seconds"] for row in book.rows("tasks", _TOOK, {**since, **which})])


def _experts(said: Sequence[Json], calls: Sequence[Json]) -> list[Json]:
    """What each said, beside what asking him cost: inside incidents and out of them."""
    found = {row["expert"]: {"expert": row["expert"], **_NOT_ASKED, **_NO_CALLS} for row in (*said, *calls)}
    for row in said:
        found[row["expert"]] |= row
    for row in calls:
        _add(found[row["expert"]], row)
    return sorted(found.values(), key=lambda row: (-row["asked"], row["expert"]))


def _of_experts(calls: Sequence[Json]) -> list[Json]:
    """Without those that only asked whether a model is there."""
    return [row for row in calls if row["expert"]]


def _models(calls: Sequence[Json]) -> list[Json]:
    """Of each: all its calls, and those that failed, by how."""
    found: dict[tuple[str, str], Json] = {}
    for row in calls:
        which = {"backend": row["backend"], "model": row["model"]}
        model = found.setdefault((row["backend"], row["model"]), {**which, **_NO_CALLS, "answered": 0, "failed": {}})
        _add(model, row)
        if row["outcome"] == "answered":
            model["answered"] += row["calls"]
        else:
            model["failed"][row["outcome"]] = model["failed"].get(row["outcome"], 0) + row["calls"]
    return list(found.values())


def _add(sums: Json, row: Json) -> None:
    sums |= {name: sums[name] + row[name] for name in _NO_CALLS}


def _each_part(parts: Sequence[str], rows: Sequence[Json]) -> list[Json]:
    by_part = {row["at"]: row for row in rows}
    return [by_part.get(part, {"at": part, "calls": 0, "tokens": 0, "dollars": 0.0}) for part in parts]
