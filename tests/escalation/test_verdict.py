"""Who disagreed, among the experts, and what each of them cost."""

from escalation.verdict import dissents, votes
from orchestrator.actions import parse
from orchestrator.model import Minute

RESTART = (parse({"kind": "restart_unit", "unit": "shop.service"}),)


def _dissents(*answers: tuple[str, str]) -> tuple[bool, ...]:
    return dissents([("now", stance, plan) for stance, plan in answers])


def test_who_stands_against_the_plan_with_most_votes_dissents() -> None:
    """Another plan, a veto and a call for a person are dissent; to have nothing to say, or to have failed, is none."""
    answers = (("propose", "restart"), ("propose", "restart"), ("propose", "stop"), ("person", ""), ("nothing", ""), ("failed", ""))
    assert _dissents(*answers, ("veto", "")) == (False, False, True, True, False, False, True)


def test_where_no_plan_leads_nobody_dissents() -> None:
    """One vote each: neither is the one that the other speaks against."""
    assert _dissents(("propose", "restart"), ("propose", "stop"), ("person", "")) == (False, False, False)
    assert _dissents(("person", "")) == (False,)


def test_each_meeting_is_one_of_its_own() -> None:
    """Who chose another plan after the first had failed disagrees with nobody."""
    answers = [("09:00", "propose", "restart"), ("09:00", "propose", "restart"), ("09:05", "propose", "stop"), ("09:05", "person", "")]
    assert dissents(answers) == (False, False, False, True)


def test_the_minutes_of_a_meeting_read_as_it_was() -> None:
    """Who failed and why, who took his place, who said veto, with which model, and for how much."""
    of = {"backend": "anthropic", "model": "claude", "seconds": 3.14}
    said = {"evidence_ids": (7,), "tokens_in": 2000, "tokens_out": 100, "dollars": 0.012, **of}
    meeting = (
        Minute.model_validate({"expert": "storage", "stance": "failed", "reasoning": "late: no answer in time", **of}),
        Minute.model_validate(
            {"expert": "memory", "stance": "propose", "plan": RESTART, "reasoning": "it leaks", "in_place_of": "storage", **said}
        ),
        Minute.model_validate({"expert": "review", "stance": "veto", "reasoning": "restart shop.service: orders would be lost", **said}),
        Minute(expert="systemd", stance="nothing", reasoning="it is up", confidence=0.5),
    )
    assert list(votes(meeting)) == [
        "round 1, storage (anthropic claude): failed",
        "    late: no answer in time (cites nothing, 3.1 s)",
        "round 1, memory in place of storage (anthropic claude): propose: restart shop.service",
        "    it leaks (cites [7], 2100 tokens, $0.0120, 3.1 s)",
        "round 1, review (anthropic claude): veto  [dissents]",
        "    restart shop.service: orders would be lost (cites [7], 2100 tokens, $0.0120, 3.1 s)",
        "round 1, systemd (embedded): nothing",
        "    it is up (confidence 50 %, cites nothing)",
    ]
