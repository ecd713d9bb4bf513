"""Models that vote: each expert has his own way to answer, and what he was asked is kept."""

import json
import threading
from collections.abc import Callable, Sequence

from orchestrator.model import Action, Case, Evidence, Json
from phases.models import Models, Reply, Request
from tests.phases.cases import Purse, agents, shop_case

Way = Json | Exception | Callable[[Request], Json]


class Voters:
    """`others` is the way of everybody who has none of his own. A way that is a function may hang."""

    def __init__(self, others: Way, **own: Way) -> None:
        self._others = others
        self._own = {name.replace("_", "-"): way for name, way in own.items()}
        self._lock = threading.Lock()
        self.asked: list[tuple[str, Request]] = []

    def __call__(self, request: Request) -> Reply:
        name = who(request)
        with self._lock:
            self.asked.append((name, request))
        way = self._own.get(name, self._others)
        if isinstance(way, Exception):
            raise way
        return Reply(answer=way(request) if callable(way) else way, model="llama-3", tokens_in=1000, tokens_out=100, dollars=0.01)

    def models(self, **settings: object) -> Models:
        return Models(agents(**settings), Purse(), self)


def who(request: Request) -> str:
    return expert_in(request.system)


def expert_in(system: str) -> str:
    return system.partition("Who you are: ")[2].partition(".")[0]


def told(request: Request) -> Json:
    """The case as he was told it."""
    document: Json = json.loads(request.turns[0].text)
    return document


def plan_id(request: Request, *kinds: str) -> str:
    return next(str(plan["id"]) for plan in told(request)["plans"] if [step["kind"] for step in plan["steps"]] == list(kinds))


def vote(stance: str, plan: str = "", cited: Sequence[int] = (), cause: str = "because") -> Json:
    return {"stance": stance, "plan": plan, "cause": cause, "evidence": list(cited), "otherwise": ""}


def chooses(*kinds: str) -> Callable[[Request], Json]:
    """This plan, by all that he was shown."""
    return lambda request: vote("choose", plan_id(request, *kinds), [item["id"] for item in told(request)["evidence"]])


def harmful(*kinds: str) -> Callable[[Request], Json]:
    def review(request: Request) -> Json:
        cited = [item["id"] for item in told(request)["evidence"]]
        return {"harmful": [{"plan": plan_id(request, *kinds), "evidence": cited, "why": "it would lose orders"}], "reason": ""}

    return review


HARMLESS: Json = {"harmful": [], "reason": "nothing would suffer"}


def well_read_case(*candidates: Action) -> Case:
    """Evidence of many sources, each with a word that stands nowhere else."""
    sources = ("unit_state", "journal_lines", "configuration", "dependencies", "resources", "answers", "listeners", "memory", "hanging")
    facts = {"unit_state": {"unit.up": "yes"}}
    seen = tuple(
        Evidence(id=100 + n, source=source, text=f"{n} of {n}", facts={**facts.get(source, {}), f"{source}.mark": f"mark-{n}"}, at=1.0)
        for n, source in enumerate(sources)
    )
    case = shop_case(evidence=seen)
    return case.model_copy(update={"candidates": candidates or case.candidates})
