"""A vote ends in time, whoever is dead or slow: real threads, and calls that never come back."""

import json
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from orchestrator.host import View
from orchestrator.knowledge.experts import load
from orchestrator.model import Answer, Case, HandOver, Json, Minute, Proposal
from phases.consultation import Consultation
from phases.models import ModelFailed, Models, Request
from phases.panel import VOTERS, panel
from tests.models.stub import Asked, Play, Stub
from tests.phases.cases import RESTART, Purse, agents
from tests.phases.voters import HARMLESS, Voters, Way, chooses, expert_in, vote, well_read_case, who

CASE = well_read_case()
ASKED = tuple(expert.name for expert in panel(load(), CASE, lambda expert: expert.fit(CASE)))
SECONDS = 2.0
"""Of the phase: what a call may take is a share of that."""


@pytest.fixture
def end() -> Iterator[threading.Event]:
    """What hangs waits for this, so that no thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()


def _hangs(end: threading.Event) -> Callable[[Request], Json]:
    def hang(_request: Request) -> Json:
        end.wait()
        return {}

    return hang


def _slow(ready: threading.Event, seconds: float) -> Callable[[Request], Json]:
    """An answer that holds, after so long."""

    def think(request: Request) -> Json:
        ready.wait(seconds)
        return chooses("restart_unit")(request)

    return think


def _ways(**own: Way) -> dict[str, Way]:
    return {"blast_radius_reviewer": HARMLESS, **{name.replace("-", "_"): way for name, way in own.items()}}


def _hold(models: Models, case: Case = CASE, *, embedded: bool = True, seconds: float = SECONDS) -> tuple[Answer, float]:
    began = time.monotonic()
    answer = Consultation(load(), models, embedded=embedded).propose(case, View.__new__(View), began + seconds)
    return answer, time.monotonic() - began


def _first(answer: Answer) -> list[Minute]:
    return [minute for minute in answer.minutes if minute.round == 1]


def test_one_dead_and_one_slow_expert(end: threading.Event) -> None:
    """The vote is counted within the budget; the minutes hold who failed and who took his place."""
    ways = _ways(**{ASKED[0]: _hangs(end), ASKED[1]: _slow(end, SECONDS / 4)})
    answer, took = _hold(Voters(chooses("restart_unit"), **ways).models())
    assert isinstance(answer, Proposal)
    assert (answer.plan, answer.origin, took < SECONDS) == ((RESTART,), "vote:3/3", True)
    dead, instead, *_ = _first(answer)
    assert (dead.expert, dead.stance, dead.reasoning) == (ASKED[0], "failed", "late: no answer in time")
    assert instead.expert not in ASKED
    assert (instead.stance, instead.in_place_of) == ("propose", ASKED[0])


def test_all_are_dead(end: threading.Event) -> None:
    """Each chair has its failures and a vote that counts, by what is written: as without a model."""
    answer, took = _hold(Voters(_hangs(end)).models())
    assert took < SECONDS
    assert sum(minute.stance == "failed" for minute in _first(answer)) == 2 * VOTERS + 1
    counted = [minute for minute in _first(answer) if minute.backend == "embedded"]
    assert [minute.in_place_of for minute in counted] == list(ASKED)
    alone = Consultation(load(), Voters({}).models(backend="embedded"))
    without = alone.propose(CASE, View.__new__(View), time.monotonic() + SECONDS)
    assert type(answer) is type(without)


def test_nobody_is_credited_while_a_model_is_measured(end: threading.Event) -> None:
    """With the opinions off a dead voter's vote counts as `nothing`, and is counted in time all the same."""
    ways = _ways(**{ASKED[0]: _hangs(end)})
    answer, took = _hold(Voters(ModelFailed("refused", "no"), **ways).models(), embedded=False)
    assert took < SECONDS
    counted = [minute for minute in answer.minutes if minute.backend == "embedded"]
    assert [minute.stance for minute in counted] == ["nothing"] * VOTERS


def test_a_failure_is_replaced_at_once_and_on_another_model() -> None:
    """Nobody waits for the end of the time when a call has failed; another model is asked, where there is one."""
    voters = Voters(chooses("restart_unit"), **_ways(**{ASKED[0]: ModelFailed("unreachable", "nobody listens")}))
    other = {"backend": "ollama", "model": "mistral", "url": "http://127.0.0.1:11434"}
    answer, took = _hold(voters.models(voter=(other,)))
    assert isinstance(answer, Proposal)
    assert took < SECONDS / 2
    dead, instead, *_ = _first(answer)
    assert (dead.reasoning, dead.model, instead.stance) == ("unreachable: nobody listens", "llama", "propose")
    [request] = [request for name, request in voters.asked if name == instead.expert]
    assert request.model == "mistral"


def test_when_the_money_is_spent_nobody_else_is_asked_for() -> None:
    """A replacement could not be paid either: what is written takes the chair."""
    voters = Voters(ModelFailed("spent", "the day's budget"))
    answer, _ = _hold(voters.models())
    assert len(voters.asked) == VOTERS + 1
    assert [minute.stance for minute in _first(answer) if minute.backend == "ollama"] == ["failed"] * (VOTERS + 1)


def test_a_broken_reviewer_stops_nobody(end: threading.Event) -> None:
    """His written vetoes count anyway; nobody is asked in his place."""
    voters = Voters(chooses("restart_unit"), blast_radius_reviewer=_hangs(end))
    answer, took = _hold(voters.models())
    assert isinstance(answer, Proposal)
    assert took < SECONDS
    assert answer.minutes[-1].stance == "failed"


def test_our_own_mistake_is_a_dead_voter() -> None:
    """An exception that nobody foresaw costs one vote, never the phase."""
    voters = Voters(chooses("restart_unit"), **_ways(**{ASKED[1]: ZeroDivisionError("ours")}))
    answer, _ = _hold(voters.models())
    assert isinstance(answer, Proposal)
    assert [minute.reasoning for minute in answer.minutes if minute.stance == "failed"] == ["ZeroDivisionError: ours"]


def test_what_comes_too_late_is_not_counted(end: threading.Event) -> None:
    """A chair has one vote: of the one who sits there when it is counted."""
    late = threading.Event()

    def too_late(request: Request) -> Json:
        end.wait(SECONDS)
        late.set()
        return chooses("reload_unit")(request)

    answer, _ = _hold(Voters(chooses("restart_unit"), **_ways(**{ASKED[2]: too_late})).models())
    end.set()
    assert late.wait(SECONDS)
    assert [minute.expert for minute in answer.minutes if minute.stance == "propose" and minute.plan != (RESTART,)] == []


def test_a_vote_waits_for_its_turn(end: threading.Event) -> None:
    """With one call at a time they are asked one after the other, and none is lost."""
    inside: list[str] = []

    def alone(request: Request) -> Json:
        inside.append(who(request))
        assert len(inside) == 1
        end.wait(0.01)
        inside.remove(who(request))
        return chooses("restart_unit")(request)

    answer, _ = _hold(Voters(alone, **_ways()).models(calls=1))
    assert isinstance(answer, Proposal)
    assert answer.origin == "vote:3/3"


def test_nobody_is_left_behind(end: threading.Event) -> None:
    """A call that hangs for ever keeps neither the vote nor the end of the program: its thread is nobody's to wait for."""
    answer, _ = _hold(Voters(_hangs(end)).models())
    assert not isinstance(answer, HandOver) or answer.reason
    hanging = [thread for thread in threading.enumerate() if thread.name.startswith("expert-")]
    assert hanging
    assert all(thread.daemon for thread in hanging)


def test_over_the_network_too() -> None:
    """Real calls by their children, of a server where one expert's answer never comes, another's is slow, and a third's is garbage."""

    def play(asked: Asked) -> Play:
        name = expert_in(asked.system)
        if name == ASKED[0]:
            return Play(play="hang")
        if name == ASKED[1]:
            return Play(play="prose")
        document = json.loads(asked.turns[0])
        restart = next(plan["id"] for plan in document["plans"] if [step["kind"] for step in plan["steps"]] == ["restart_unit"])
        cited = [item["id"] for item in document["evidence"]]
        answer = HARMLESS if name == "blast-radius-reviewer" else vote("choose", restart, cited)
        return Play(answer=answer, seconds=0.5 if name == ASKED[2] else 0.0)

    with Stub(play) as stub:
        answer, took = _hold(Models(agents(url=stub.url), Purse()), seconds=4 * SECONDS)
        asked = len(stub.asked)
    assert isinstance(answer, Proposal)
    assert (answer.plan, answer.origin, took < 4 * SECONDS) == ((RESTART,), "vote:3/3", True)
    assert [(minute.expert, minute.reasoning.partition(":")[0]) for minute in answer.minutes if minute.stance == "failed"] == [
        (ASKED[0], "late"),
        (ASKED[1], "garbage"),
    ]
    assert asked == VOTERS + 1 + 2
