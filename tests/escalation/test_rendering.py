"""How a case reads, and what of hostile text is left."""

import pytest

from escalation import story
from escalation.letters import BODY_CHARACTERS
from escalation.text import host_name, one_line, plain
from orchestrator.model import Attempt, Case, Change, Evidence, Handoff, Outcome, Scope, Verdict
from orchestrator.store.times import lasting
from tests.escalation.made import an_incident
from tests.store.made import a_fault, a_proposal

AT = 1_700_000_000.0


def a_case(**more: object) -> Case:
    return Case.model_validate({"incident": an_incident(), "scope": Scope(target="web.service"), **more})


def test_a_story_tells_what_was_seen_tried_and_ruled_out() -> None:
    """A person who reads only this knows the fault, its symptoms, the evidence by number, each attempt with verdict and outcome."""
    proposal = a_proposal()
    attempt = Attempt(
        id=1,
        phase=2,
        proposal=proposal,
        verdict=Verdict(answer="allow", rule="low_risk"),
        executed=True,
        outcome=Outcome.ROLLED_BACK,
        detail="the probe still fails",
        changes=(Change(id=9, n=1, action=proposal.plan[0], begun_at=AT, done_at=AT + 1, undone_at=AT + 60),),
        began_at=AT,
    )
    incident = an_incident().model_copy(update={"symptoms": (a_fault("api.service"),), "occurrences": 3})
    text = story(
        a_case(
            incident=incident,
            tried=(attempt,),
            evidence=(Evidence(id=7, source="journal of web.service", text="line\nbind: address in use", at=AT),),
            handoffs=(Handoff(phase=1, reason="no pattern fits", ruled_out=("a full disk",), open_questions=("who holds the port?",)),),
        )
    )
    for said in (
        "web.service: web.service failed",
        "it came back 2 times after a fix",
        "and so api.service: api.service failed",
        "[7] journal of web.service, 2023-11-14 22:13:20",
        "    bind: address in use",
        "phase 2, quick fix: web.service died",
        "1. start web.service: systemctl start web.service",
        "policy: allow (low_risk)",
        "undone 2023-11-14 22:14:20",
        "outcome: rolled_back, the probe still fails",
        "phase 1: no pattern fits",
        "not a full disk",
        "open: who holds the port?",
    ):
        assert said in " ".join(text.split()) or said in text


def test_prose_is_wrapped_for_a_mail_and_an_action_never() -> None:
    """A long cause goes on in the next line, further in; a command line is for copying."""
    proposal = a_proposal("web-" * 20 + "x.service", cause="it is down, and " * 10)
    allowed = Verdict(answer="allow", rule="low_risk")
    text = story(a_case(tried=(Attempt(id=1, phase=1, proposal=proposal, verdict=allowed, began_at=AT),)))
    long = [line for line in text.splitlines() if len(line) > 78]
    assert [line.split(":")[0].split()[0] for line in long] == ["1."]
    assert f"systemctl start {'web-' * 20}x.service" in long[0]


@pytest.mark.parametrize(("outcome", "told"), [(Outcome.NO_EFFECT, "failed"), (Outcome.INTERRUPTED, "not ended"), (None, "not ended")])
def test_a_change_that_was_not_done_failed_or_was_cut_short(outcome: Outcome | None, told: str) -> None:
    """A start that did not work is told as that, and is not mistaken for one that a death cut short."""
    proposal, allowed = a_proposal(), Verdict(answer="allow", rule="low_risk")
    change = Change(id=9, n=1, action=proposal.plan[0], begun_at=AT)
    attempt = Attempt(id=1, phase=1, proposal=proposal, verdict=allowed, outcome=outcome, changes=(change,), began_at=AT)
    assert f"1. begun 2023-11-14 22:13:20, {told}\n" in story(a_case(tried=(attempt,)))


def test_a_story_without_anything_says_so() -> None:
    """Nothing seen and nothing done is told, not left out."""
    text = story(a_case())
    assert "Nothing more was gathered." in text
    assert "Nothing was changed." in text


def test_a_story_is_bounded_and_keeps_the_ends_of_logs() -> None:
    """However much was gathered, it fits a mail; of each log the last lines stay, and it says that lines are missing."""
    log = "\n".join(f"line {n} " + "x" * 60 for n in range(400))[:19_000]
    last = log.splitlines()[-1]
    text = story(a_case(evidence=tuple(Evidence(id=n, source="journal", text=log, at=AT) for n in range(60))))
    assert len(text) < BODY_CHARACTERS
    assert text.count(last) == 12
    assert "48 older observations" in text
    assert "are left out]" in text


def test_a_story_cannot_steer_a_terminal() -> None:
    """Escape codes in logs are gone, template syntax is only text, and secrets are masked."""
    hostile = "\x1b[2J\x9b31m{{ 7 * 7 }}{% raw %} password=hunter2\x00"
    text = story(a_case(evidence=(Evidence(source=hostile, text=hostile, at=AT),)))
    assert not set(text) & {"\x1b", "\x9b", "\x00"}
    assert "{{ 7 * 7 }}" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.44, "0.4 s"),
        (20, "20 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (8000, "2 h 13 min"),
        (270_000, "3 d 3 h"),
    ],
)
def test_a_duration_is_two_units_at_most(seconds: float, words: str) -> None:
    """What a person says."""
    assert lasting(seconds) == words


@pytest.mark.parametrize(
    ("name", "safe"),
    [("web1", "web1"), ("web1.example.org", "web1.example.org"), ("a>\r\nb: c", "a-b-c"), ("дом", "localhost"), ("", "localhost")],
)
def test_a_host_s_name_is_safe_in_a_message_id(name: str, safe: str) -> None:
    """Whatever the host calls itself, the header stays one."""
    assert host_name(name) == safe


def test_text_is_cut_where_it_tells_least() -> None:
    """A log loses its beginning and says so; a line loses its end."""
    assert plain("abcdef", 3) == "[the first 3 characters are left out]\ndef"
    assert plain("a\r\nb\tc", 10) == "a\nb\tc"
    assert one_line("a\n b\x00c", 10) == "a b c"
    assert one_line("abcdef", 4) == "abc…"


def test_what_was_ruled_out_is_told_once() -> None:
    """A phase that was tried anew, and those after it, do not say the same again; what is new they say."""
    first = Handoff(phase=1, reason="nothing that is known helped", ruled_out=("a crash: denied", "a crash: denied"))
    later = Handoff(phase=2, reason="no runbook explains it", ruled_out=("a crash: denied", "a full disk"))
    text = story(a_case(handoffs=(first, first, later)))
    for said in ("nothing that is known helped", "a crash: denied", "no runbook explains it", "not a full disk"):
        assert text.count(said) == 1, said
