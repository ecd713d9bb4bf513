"""Plans that a person may pick from: built by code from what is stored and declared, within the incident's scope. No host is asked."""

from collections.abc import Iterable, Iterator, Sequence

from escalation.plans import read_plan
from escalation.text import one_line
from orchestrator.config import Config
from orchestrator.model import Action, Json, Scope, Word, digest, is_unit

OFFERED = 20
_PLAIN = ("restart_unit", "start_unit", "reload_unit", "reset_failed")


class Offer(Word):
    why: str
    """Where it comes from: `it healed incident 7`."""
    plan: tuple[Json, ...]


def offers(story: Json, config: Config, similar: Sequence[Json] = (), *, to_run: bool = False) -> tuple[Offer, ...]:
    """Each distinct plan once, the best proved first. `story` and `similar` are what `Reader` says of the incident.

    `to_run`: only what could run as it stands. What is taught is made anew with each incident's own candidates.
    """
    scope = _scope(story["task"])
    found: dict[str, Offer] = {}
    for why, plan in (*_stored(story, similar), *_made(story["task"], config, scope, to_run=to_run)):
        known = read_plan(plan)
        if known and all(scope.holds(target) for action in known for target in action.targets()):
            data = _data(known)
            found.setdefault(digest(data), Offer(why=one_line(why, 300), plan=data))
    return tuple(found.values())[:OFFERED]


def _stored(story: Json, similar: Sequence[Json]) -> Iterator[tuple[str, Sequence[Json]]]:
    """What healed its like, what is asked about, what the experts said, what was tried."""
    for incident in similar:
        if healed := incident.get("healed_by"):
            yield f"it healed incident {incident['id']}", healed["plan"]
    for question in story["interventions"]:
        if question["plan"]:
            yield f"it was asked about ({question['status']})", question["plan"]
    for minute in story["minutes"]:
        if minute["plan"]:
            yield f"{minute['expert']} would do it", minute["plan"]
    for attempt in reversed(story["attempts"]):
        yield f"it was proposed in phase {attempt['phase']} ({attempt['outcome'] or 'under way'})", attempt["plan"]


def _made(task: Json, config: Config, scope: Scope, *, to_run: bool) -> Iterator[tuple[str, Sequence[Json]]]:
    """The operator's own commands for it, and the plain verbs of its unit."""
    for command in config.command:
        service = config.service_of(command.service)
        user = command.user or (service.user if service else None)
        certain = user is not None or service is None or service.unit is None  # else its unit says who runs it
        if scope.holds(command.service) and (certain or not to_run):
            fields = command.model_dump(mode="json", include={"name", "service", "argv", "risk", "timeout_seconds"})
            yield f"declared: {command.about}", [{"kind": "run_command", "user": user, **fields}]
    if is_unit(task["target"]):
        for kind in _PLAIN:
            yield "a plain one", [{"kind": kind, "unit": task["target"]}]


def _scope(task: Json) -> Scope:
    return Scope.model_validate(task["scope"]) if isinstance(task["scope"], dict) else Scope(target=task["target"])


def _data(plan: Iterable[Action]) -> tuple[Json, ...]:
    return tuple(action.model_dump(mode="json") for action in plan)
