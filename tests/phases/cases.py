"""A case as phase 2 meets it, with real actions in its scope; nothing here asks a host."""

import itertools
from collections.abc import Callable, Sequence
from typing import cast

from orchestrator.actions import parse
from orchestrator.config import Agents, Config
from orchestrator.host import Unavailable, View
from orchestrator.knowledge.runbooks import Runbook
from orchestrator.model import Attempt, Case, Evidence, Fault, Incident, Json, Outcome, Proposal, Scope, Verdict
from phases.models import Cost, Models, Reply, Request
from phases.research import Research

SHOP = "shop.service"
RESTART = parse({"kind": "restart_unit", "unit": SHOP})
RELOAD = parse({"kind": "reload_unit", "unit": SHOP})
START_DB = parse({"kind": "start_unit", "unit": "db.service"})
UNIT_STATE, JOURNAL, TEMPLATES = 11, 12, 13
NOW = 5000.0


def shop_case(*more: Evidence, tried: Sequence[Attempt] = (), evidence: Sequence[Evidence] | None = None) -> Case:
    """shop.service fails its probe; db.service, which it needs, is down."""
    fault = Fault(check="probe_failing", target=SHOP, reason="WrongStatus", message="shop runs and does not answer: status 500")
    given = (
        Evidence(id=UNIT_STATE, source="unit_state", text="state: active (running), result none", facts={"unit.up": "yes"}, at=1.0),
        Evidence(id=JOURNAL, source="journal_lines", text="connect to 10.0.0.7:5432 failed\n" * 3, facts={"log.last": "connect"}, at=2.0),
        Evidence(id=TEMPLATES, source="log_templates", text="log1:00 connect to <ip> failed", at=2.0),
    )
    return Case(
        incident=Incident(id=7, fault=fault, phase=2, detected_at=100.0, opened_at=100.0),
        scope=Scope(target=SHOP, below=("db.service",), above=("front.service",), service="shop", paths=("/etc/shop/shop.conf",)),
        evidence=(*(given if evidence is None else evidence), *more),
        tried=tuple(tried),
        candidates=(RESTART, RELOAD, START_DB),
    )


def attempt(proposal: Proposal, outcome: Outcome = Outcome.NO_EFFECT, number: int = 1) -> Attempt:
    return Attempt(
        id=number, phase=2, proposal=proposal, verdict=Verdict(answer="allow", rule="auto"), executed=True, outcome=outcome, began_at=200.0
    )


def agents(**more: object) -> Agents:
    return Agents.model_validate({"backend": "ollama", "model": "llama", "url": "http://127.0.0.1:11434", **more})


def config(**more: object) -> Config:
    return Config.model_validate({"agents": agents(**more).model_dump(mode="json", exclude_none=True)})


class Purse:
    """Enough for everything, and keeps the books."""

    def __init__(self) -> None:
        self.settled: list[Cost] = []

    def reserve(self, most: Cost) -> int:
        assert most.tokens_in > 0
        return 1

    def settle(self, call: int, was: Cost) -> None:
        assert call == 1
        self.settled.append(was)


class Script:
    """A model that says what it is told to say, and remembers what it was asked."""

    def __init__(self, *answers: Json | Exception | Callable[[Request], Json]) -> None:
        self._answers = list(answers)
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Reply:
        self.asked.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        said = answer(request) if callable(answer) else answer
        return Reply(answer=said, model="llama-3", tokens_in=1000, tokens_out=100, dollars=0.01)

    def models(self, **more: object) -> Models:
        return Models(agents(**more), Purse(), ask=self)


def said(step: str, **more: object) -> Json:
    """One answer by the schema."""
    empty: Json = {"looks": [], "cause": "", "evidence": [], "plan": [], "alternatives": [], "ruled_out": [], "open_questions": []}
    return {"step": step, **empty, "confidence": 0.5, "reason": "", **more}


def proposes(*plan: str, evidence: Sequence[int] = (UNIT_STATE,), cause: str = "db.service is down") -> Json:
    return said("propose", cause=cause, evidence=list(evidence), plan=list(plan))


def no_host() -> View:
    """A view on a host where nothing can be read: whoever asks it hears that."""
    return cast("View", NoHost())


class NoHost:
    def now(self) -> float:
        return NOW

    def __getattr__(self, name: str) -> object:
        raise Unavailable(f"there is no host here: {name}")


def research(books: Sequence[Runbook], script: "Script | None" = None, **more: object) -> Research:
    """Phase 2 as it is; without a script no model is configured. Looks are kept as evidence from number 100 on."""
    numbers = itertools.count(100)
    settings = config(**more) if script else Config()
    models = Models(settings.agents, Purse(), ask=script or Script())

    def keep(incident: int, items: Sequence[Evidence]) -> tuple[Evidence, ...]:
        assert incident
        return tuple(item.model_copy(update={"id": next(numbers)}) for item in items)

    return Research(books, models, settings, keep=keep, anomalies=tuple, past=lambda _number: [])


def nobody() -> Models:
    """No model is configured, and none is asked."""
    return Models(Agents(), Purse(), ask=Script())
