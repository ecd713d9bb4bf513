"""A talk with a model about a case: bounded, grounded by code, and every failure an abstention."""

import json
import time

import pytest

from orchestrator.model import Abstain, Answer, Case, Json, Outcome, Proposal
from phases.conversation import SYSTEM
from phases.models import ModelFailed, Request
from tests.phases.cases import (
    JOURNAL,
    RELOAD,
    RESTART,
    SHOP,
    START_DB,
    TEMPLATES,
    UNIT_STATE,
    Script,
    attempt,
    no_host,
    proposes,
    research,
    said,
    shop_case,
)


def _answer(script: Script, case: Case | None = None, seconds: float = 60.0, **more: object) -> Answer:
    return research((), script, **more).propose(case or shop_case(), no_host(), time.monotonic() + seconds)


def _told(request: Request) -> Json:
    told: Json = json.loads(request.turns[-1].text)
    return told


def test_a_plan_is_chosen_by_ids_and_rests_on_evidence() -> None:
    """The plan is of the very candidates that code built, in the order that the model said."""
    script = Script(proposes("a3", "a1", evidence=(UNIT_STATE, JOURNAL)))
    answer = _answer(script)
    assert isinstance(answer, Proposal)
    assert answer.plan == (START_DB, RESTART)
    assert (answer.proposer, answer.origin) == ("research", "model:ollama/llama")
    assert answer.evidence_ids == (UNIT_STATE, JOURNAL)
    (minute,) = answer.minutes
    assert (minute.expert, minute.backend, minute.model, minute.stance) == ("researcher", "ollama", "llama-3", "propose")
    assert (minute.tokens_in, minute.tokens_out, minute.dollars) == (1000, 100, 0.01)
    (request,) = script.asked
    assert request.system == SYSTEM
    offered = _told(request)
    assert [one["id"] for one in offered["candidates"]] == ["a1", "a2", "a3"]
    assert offered["candidates"][0]["steps"] == [
        {"does": "restart shop.service", "kind": "restart_unit", "targets": [SHOP], "risk": "low", "reversible": False}
    ]
    assert f"journal {SHOP} 24h" in offered["looks"]
    assert "unit db.service" in offered["looks"]


def test_a_look_brings_evidence_with_an_id_that_can_be_cited() -> None:
    """What it shows is stored before the model hears of it."""
    script = Script(said("look", looks=["similar incidents"]), proposes("a3", evidence=(100, UNIT_STATE)))
    answer = _answer(script)
    assert isinstance(answer, Proposal)
    assert answer.evidence_ids == (100, UNIT_STATE)
    brought = _told(script.asked[1])
    assert [(one["id"], one["source"]) for one in brought["evidence"]] == [(100, "look similar")]
    assert "none of this kind" in brought["evidence"][0]["text"]
    assert [turn.role for turn in script.asked[1].turns] == ["user", "assistant", "user"]
    assert script.asked[0].turns[0] == script.asked[1].turns[0]
    assert answer.minutes[0].tokens_in == 2000


def test_a_look_that_cannot_be_taken_is_told_as_that() -> None:
    """No host here: what cannot be read is evidence too, and the talk goes on."""
    script = Script(said("look", looks=[f"unit {SHOP}"]), said("nothing", reason="nobody knows"))
    assert isinstance(_answer(script), Abstain)
    assert "could not be read" in _told(script.asked[1])["evidence"][0]["text"]


def test_the_same_look_is_not_taken_twice() -> None:
    """It is told where it can be found."""
    script = Script(*[said("look", looks=["similar incidents"])] * 2, said("nothing", reason="x"))
    _answer(script)
    assert _told(script.asked[2]) | {"say": ""} == {
        "evidence": [],
        "answers_left": 4,
        "looked_at_before": {"similar incidents": 100},
        "say": "",
    }


def test_the_talk_is_bounded_and_the_last_answer_decides() -> None:
    """One more look than there are answers is told once, and then an abstention."""
    script = Script(*[said("look", looks=["similar incidents"])] * 4)
    answer = _answer(script, turns=3)
    assert isinstance(answer, Abstain)
    assert len(script.asked) == 4
    assert "only propose, nothing and person count" in _told(script.asked[2])["say"]
    assert "only propose, nothing and person count" in _told(script.asked[3])["problem"]
    assert answer.minutes[0].stance == "failed"


INVENTED = 999
PROBLEMS = {
    "an id that is not on the list": (proposes("a9"), "a9 not on the list"),
    "a unit by its name": (proposes("restart ssh"), "restart ssh not on the list"),
    "a path outside": (proposes("/etc/passwd"), "/etc/passwd not on the list"),
    "a hundred steps": (proposes(*["a1", "a2"] * 50), "100 steps; 6 at most"),
    "the same twice": (proposes("a1", "a1"), "twice"),
    "no plan": (proposes(), "empty"),
    "no cause": (proposes("a1", cause="  "), "cause: it is empty"),
    "no evidence": (proposes("a1", evidence=()), "evidence: it is empty"),
    "invented evidence": (proposes("a1", evidence=(UNIT_STATE, INVENTED)), "999 not among what was shown"),
    "what logs say alone": (proposes("a1", evidence=(JOURNAL, TEMPLATES)), "what logs and people say"),
    "a look that is not offered": (said("look", looks=["file /etc/shadow"]), "is not offered"),
    "a look at another's unit": (said("look", looks=["unit ssh.service"]), "is not offered"),
    "five looks": (said("look", looks=["similar incidents"] * 5), "from 1 to 4"),
    "no look": (said("look"), "from 1 to 4"),
    "an unknown step": (said("shell"), "step"),
    "a field that nobody asked for": (said("nothing", argv=["rm"]), "argv"),
    "another schema": ({"stance": "propose"}, "step"),
    "a word for a list": (said("propose", plan="a1"), "plan"),
}


@pytest.mark.parametrize(("answer", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_does_not_hold_is_told_once_and_then_no_plan(answer: Json, problem: str) -> None:
    """The model hears the exact problem; the same again ends the talk, and nothing is done."""
    script = Script(answer, answer)
    ended = _answer(script)
    assert isinstance(ended, Abstain)
    assert len(script.asked) == 2
    assert problem in _told(script.asked[1])["problem"]
    assert ended.minutes[0].stance == "failed"
    assert ended.minutes[0].plan == ()


@pytest.mark.parametrize(("answer", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_was_repaired_counts(answer: Json, problem: str) -> None:
    """One chance is enough for a model that is not turned."""
    assert problem
    ended = _answer(Script(answer, proposes("a3")))
    assert isinstance(ended, Proposal)
    assert ended.plan == (START_DB,)


def test_what_was_tried_in_vain_is_told_and_not_taken_again() -> None:
    """The talk begins with it, and the very same plan is a problem."""
    tried = attempt(Proposal(cause="x", plan=(RESTART,), proposer="research", origin="model:ollama/llama"))
    script = Script(proposes("a1"), proposes("a2"))
    answer = _answer(script, shop_case(tried=[tried]))
    assert isinstance(answer, Proposal)
    assert answer.plan == (RELOAD,)
    assert json.loads(script.asked[0].turns[0].text)["tried"][0]["plan"] == ["restart shop.service"]
    assert "tried in vain" in _told(script.asked[1])["problem"]


@pytest.mark.parametrize("kind", ["refused", "late", "unreachable", "busy", "garbage", "cut", "misconfigured", "spent"])
def test_every_failure_of_the_model_is_an_abstention_with_its_reason(kind: str) -> None:
    """It is not asked again here: the backend has done what could be done."""
    script = Script(ModelFailed(kind, "why it was"))  # type: ignore[arg-type]  # each of the kinds
    answer = _answer(script)
    assert isinstance(answer, Abstain)
    assert f"{kind}: why it was" in answer.reason
    assert len(script.asked) == 1
    assert [minute.stance for minute in answer.minutes] == ["failed"]


def test_a_failure_after_a_look_keeps_what_was_spent_and_seen() -> None:
    """The minutes tell all of the talk."""
    answer = _answer(Script(said("look", looks=["similar incidents"]), ModelFailed("late", "no answer")))
    assert isinstance(answer, Abstain)
    assert answer.minutes[0].tokens_in == 1000
    assert 100 in answer.seen


def test_nothing_and_a_person_are_answers() -> None:
    """The next phase has its turn, with what the model could tell."""
    for step in ("nothing", "person"):
        script = Script(
            said(
                step,
                reason="no candidate removes it",
                ruled_out=["the disk has room"],
                open_questions=["who stopped db?"],
                alternatives=["a bad release"],
            )
        )
        answer = _answer(script)
        assert isinstance(answer, Abstain)
        assert "no candidate removes it" in answer.reason
        assert "the disk has room" in answer.ruled_out
        assert {"who stopped db?", "also possible: a bad release"} <= set(answer.open_questions)
        assert set(answer.seen) == {UNIT_STATE, JOURNAL, TEMPLATES}
        assert answer.minutes[0].stance == step


def test_a_models_words_are_bounded_and_plain() -> None:
    """A megabyte of reasoning, control characters, secrets and marks that turn the direction: one line of 500 characters."""
    wild = "\x1b[2J\u202e<script>alert(1)</script> password=hunter2hunter2 " + "x " * 500_000
    script = Script({**proposes("a3", cause=wild), "alternatives": [wild] * 1000, "open_questions": [wild] * 1000, "confidence": 1e308})
    answer = _answer(script)
    assert isinstance(answer, Proposal)
    assert len(answer.cause) <= 500
    assert not set("\x1b\u202e\n") & set(answer.cause)
    assert "hunter2" not in answer.cause
    assert answer.minutes[0].confidence == 1.0
    abstained = _answer(Script(said("nothing", reason=wild, open_questions=[wild] * 1000, ruled_out=[wild] * 1000)))
    assert isinstance(abstained, Abstain)
    assert len(abstained.model_dump_json()) < 60_000


def test_a_long_answer_is_not_sent_back_whole() -> None:
    """What it said goes into the next question as far as it is bounded."""
    script = Script({**said("look", looks=["similar incidents"]), "reason": "x" * 1_000_000}, said("nothing", reason="x"))
    _answer(script)
    assert len(script.asked[1].turns[1].text) < 7000


def test_no_time_is_no_talk() -> None:
    """A reserve is kept for the beginning of what is proposed."""
    script = Script()
    answer = _answer(script, seconds=2.0)
    assert isinstance(answer, Abstain)
    assert script.asked == []
    assert "time" in answer.reason


def test_a_call_ends_before_the_phase_does() -> None:
    """The rest is for beginning what was proposed."""
    script = Script(proposes("a3"))
    _answer(script, seconds=100.0)
    assert 60 < script.asked[0].seconds <= 86


def test_after_three_plans_of_a_model_nobody_asks_it_again() -> None:
    """A model whose plans did not help so often does not know it."""
    plans = ((RESTART,), (RELOAD,), (RESTART, RELOAD))
    tried = [attempt(Proposal(cause="x", plan=plan, proposer="research", origin="model:a/b"), number=n) for n, plan in enumerate(plans, 1)]
    assert isinstance(_answer(Script(proposes("a3")), shop_case(tried=tried[:2])), Proposal)
    script = Script()
    answer = _answer(script, shop_case(tried=tried))
    assert isinstance(answer, Abstain)
    assert script.asked == []
    assert any(text.endswith(str(Outcome.NO_EFFECT)) for text in answer.ruled_out)


def test_the_schema_is_one_that_every_backend_reads() -> None:
    """All objects are closed, all fields required, and only words that each backend understands."""
    script = Script(said("nothing", reason="x"))
    _answer(script)
    allowed = {"type", "properties", "required", "enum", "items", "anyOf", "additionalProperties", "description"}

    def words(schema: Json) -> set[str]:
        inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
        return set(schema).union(*map(words, inner))

    schema = script.asked[0].answer_schema
    assert words(schema) <= allowed
    assert schema["required"] == list(schema["properties"])
    assert schema["additionalProperties"] is False
    assert schema["properties"]["plan"]["items"]["enum"] == ["a1", "a2", "a3"]


def test_without_candidates_no_model_is_asked() -> None:
    """There is nothing to choose from, and talk costs money."""
    script = Script()
    answer = _answer(script, shop_case().model_copy(update={"candidates": ()}))
    assert isinstance(answer, Abstain)
    assert script.asked == []
