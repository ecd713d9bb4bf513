"""Experts who are asked by a person: what goes to a model, what of its answer counts, and what his role file says without one."""

import json
import time
from typing import Any

import pytest

from orchestrator.knowledge.experts import Expert, Opinion
from orchestrator.knowledge.memory import Recall, nobody_remembers
from orchestrator.model import Case, Evidence, Fault, Incident, Json, Scope
from orchestrator.store import Anomaly
from phases.answering import Answering
from phases.counsel import Counsel, agreement, by_role_file
from phases.models import ModelFailed, Models, Request
from phases.snapshot import CHECK, HOST
from tests.phases.cases import RELOAD, RESTART, SHOP, UNIT_STATE, Script, shop_case

DNS = Expert(
    name="dns",
    about="Knows how names are found.",
    brief="Ask the resolver first.",
    reads=("journal_lines",),
    opinion=(
        Opinion(when={"log.last": "connect"}, stance="propose", plan=("restart_unit",), reasoning="It says {log.last}."),
        Opinion(when={"names.fail": "!yes"}, stance="nothing", reasoning="No name fails."),
    ),
)
QUIET = Expert(name="quiet", about="Has nothing to say.", reads=("nothing",))
REMEMBERED: Json = {
    "of": "the same kind of fault",
    "you_said": "the pool was empty",
    "you_chose": ["restart_unit"],
    "record": "right once, wrong never",
    "last_time": "it healed",
    "verified": "2026-11-21",
}
HOST_SEEN = Evidence(id=20, source=HOST, text="load: 0.1 0.2 0.3 on 2 CPUs")


def answers(answer: str = "It is the database.", evidence: tuple[int, ...] = (UNIT_STATE,), choice: str = "", **more: object) -> Json:
    return {"answer": answer, "evidence": list(evidence), "look_next": ["systemctl status db.service"], "choice": choice, **more}


def answering(script: Script | None, case: Case | None = None, recall: Recall = nobody_remembers, **more: object) -> Answering:
    anomaly = Anomaly(id=3, check="disk_full", target="/srv", severity="high", detected_at=50.0)
    models: Models | None = script.models(**more) if script else None
    return Answering("Why is the shop slow?", case or shop_case(HOST_SEEN), models, recall, (anomaly,))


def soon() -> float:
    return time.monotonic() + 20


def document(request: Request) -> Any:
    return json.loads(request.turns[0].text)


def test_he_answers_from_what_he_was_shown() -> None:
    """His part of the case, what everybody sees, what else stands wrong, what he remembers and the question; his brief is the system's."""
    script = Script(answers(choice="a2"))
    said = answering(script, recall=lambda case, name: ({**REMEMBERED, "you_said": f"{name} {case.fault.target}"},)).ask(DNS, soon())
    told = document(script.asked[0])
    assert told["question"] == "Why is the shop slow?"
    assert [item["source"] for item in told["evidence"]] == ["unit_state", "journal_lines", "log_templates", "host"]
    assert told["evidence"][3]["text"] == "load: 0.1 0.2 0.3 on 2 CPUs"
    assert [one["target"] for one in told["anomalies"]] == ["/srv"]
    assert told["you_remember"] == [{**REMEMBERED, "you_said": f"dns {SHOP}"}]
    assert "Who you are: dns. Knows how names are found.\nAsk the resolver first." in script.asked[0].system
    assert "Why is the shop" not in script.asked[0].system
    assert (said.answer, said.evidence, said.look_next) == ("It is the database.", (UNIT_STATE,), ("systemctl status db.service",))
    assert said.choice == RELOAD.about()
    assert (said.backend, said.model, said.failed, said.tokens_in, said.dollars) == ("ollama", "llama", None, 1000, 0.01)


def test_what_he_was_not_shown_he_cannot_cite() -> None:
    """Invented evidence, and that of another's part, is left out."""
    said = answering(Script(answers(evidence=(UNIT_STATE, UNIT_STATE, 12, 999, -1)))).ask(QUIET, soon())
    assert said.evidence == (UNIT_STATE,)


def test_his_words_are_bounded_and_masked() -> None:
    """A long answer keeps its end, a secret is masked, and what a terminal would obey is gone."""
    said = answering(
        Script(answers("\x1b[2Jpassword=hunter22 " + "x" * 9000, look_next=["\x1b[31mrm\nrf", "", *(["more"] * 100)], choice=""))
    ).ask(DNS, soon())
    assert len(said.answer) < 4100
    assert "\x1b" not in said.answer + "".join(said.look_next)
    assert said.look_next[0] == "[31mrm rf"
    assert len(said.look_next) == 7
    assert "hunter22" not in answering(Script(answers("password=hunter22"))).ask(DNS, soon()).answer


@pytest.mark.parametrize(
    "wrong",
    [{}, {"answer": ""}, {**answers(), "shell": "rm -rf /"}, answers(choice="restart ssh"), answers("\x1b"), answers(evidence=("x",))],  # type: ignore[arg-type]
)
def test_what_does_not_hold_is_told_him_once(wrong: Json) -> None:
    """Then it is no answer, and his role file speaks, with the reason."""
    script = Script(wrong, answers())
    assert answering(script).ask(DNS, soon()).failed is None
    assert "problem" in json.loads(script.asked[1].turns[2].text)
    said = answering(Script(wrong, wrong)).ask(DNS, soon())
    assert said.failed == "garbage"
    assert said.answer.startswith("I am dns: ")
    assert said.choice == ""


def test_a_model_that_fails_leaves_his_role_file() -> None:
    """With why, and the line that mends it."""
    failed = ModelFailed("misconfigured", "no key\x1b[2J", mend="chmod 600 /etc/key")
    said = answering(Script(failed)).ask(DNS, soon())
    assert (said.failed, said.why, said.mend) == ("misconfigured", "no key [2J", "chmod 600 /etc/key")
    assert "It says connect. I would: restart_unit." in said.answer


def test_without_a_model_his_role_file_answers() -> None:
    """What he is, which opinions hold on what he reads, what he remembers."""
    said = answering(None, recall=lambda _case, _name: (REMEMBERED,)).ask(DNS, soon())
    assert said == Counsel(expert="dns", answer=said.answer, evidence=(12,))
    assert said.answer.splitlines() == [
        "I am dns: Knows how names are found.",
        "host: load: 0.1 0.2 0.3 on 2 CPUs",
        "- It says connect. I would: restart_unit.",
        "- No name fails.",
        "I remember: the same kind of fault: the pool was empty (restart_unit; right once, wrong never; last time it healed, 2026-11-21)",
    ]


def test_an_opinion_that_holds_of_nothing_says_nothing_about_a_question() -> None:
    """Where nothing is known to be wrong, only what was found counts."""
    fault = Fault(check=CHECK, target="/", reason="Asked", message="m")
    bare = Case(incident=Incident(id=0, fault=fault, detected_at=0.0), scope=Scope(target="/"))
    assert by_role_file(DNS, bare, ()).answer.splitlines()[1:] == ["None of my written opinions holds here."]


def test_several_are_asked_at_once_and_blind() -> None:
    """Each gets a model of his own seat, sees only his part and nobody's answer; who fails fails alone."""

    def one(request: Request) -> Json:
        if "quiet" in request.system:
            raise ModelFailed("late", "it did not answer in time")
        return answers("mine", choice="a1")

    script = Script(one, one, one)
    other = DNS.model_copy(update={"name": "tls"})
    seats = [{"backend": "ollama", "model": "second"}, {"backend": "ollama", "model": "third"}]
    said = answering(script, voter=seats).consult((DNS, QUIET, other), soon())
    assert [(one.expert, one.model, one.failed) for one in said] == [
        ("dns", "llama", None),
        ("quiet", "second", "late"),
        ("tls", "third", None),
    ]
    assert not any("mine" in turn.text for request in script.asked for turn in request.turns)
    assert agreement(said) == {RESTART.about(): ("dns", "tls")}


def test_only_equal_choices_agree() -> None:
    """Words are not compared, and who chose nothing agrees with nobody."""
    said = [Counsel(expert=name, answer="the same words", choice=choice) for name, choice in (("a", "x"), ("b", "y"), ("c", ""), ("d", ""))]
    assert agreement(said) == {}
