"""The policy, case by case: each file beside this one is a proposal, its circumstances, and the verdict with the rule that spoke."""

import json
from pathlib import Path

import pytest

from orchestrator import actions
from orchestrator.config import Config
from orchestrator.model import Case, Evidence, Fault, Incident, Json, Proposal, Scope
from orchestrator.policy import History, Surroundings, judge, stand_down

CASES = sorted(Path(__file__).parent.glob("*.json"))


def _case(story: Json, proposal: Proposal) -> Case:
    target = story["target"]
    symptoms = tuple(Fault(check="unit_failed", target=name, reason="ExitCode", message="m") for name in story.get("symptoms", []))
    service = Config.model_validate(story["config"]).service_of(target)
    return Case(
        incident=Incident(
            id=1,
            fault=Fault(check=story.get("check", "unit_failed"), target=target, reason="ExitCode", message="m"),
            symptoms=symptoms,
            detected_at=0.0,
        ),
        scope=Scope.model_validate({"target": target, "service": service.name if service else None, **story["scope"]}),
        evidence=(Evidence(id=1, source="unit_state", text="", facts=story["facts"]),),
        approved=proposal if story.get("approved") else None,
    )


@pytest.mark.parametrize("file", CASES, ids=[file.stem for file in CASES])
def test_the_verdict_and_the_rule(file: Path) -> None:
    """Each story ends with the verdict that it names, by the rule that it names."""
    story = json.loads(file.read_text())
    plan = tuple(actions.parse(action) for action in story["plan"])
    cited = (1,) if story["cited"] else ()
    proposal = Proposal(cause="c", plan=plan, proposer="p", evidence_ids=cited, origin=story.get("origin", ""))
    verdict = judge(proposal, _case(story, proposal), Config.model_validate(story["config"]), History.model_validate(story["history"]), 0.0)
    assert (verdict.answer, verdict.rule) == (story["verdict"], story["rule"]), verdict.reason


FAULT = Fault(check="unit_failed", target="shop.service", reason="ExitCode", message="m")


@pytest.mark.parametrize(
    ("around", "said"),
    [
        (Surroundings(), ""),
        (Surroundings(maintenance="moving"), "maintenance: moving"),
        (Surroundings(shutting_down=True), "the host is shutting down"),
        (Surroundings(booting=True), "the host has just booted"),
        (Surroundings(package_manager="dpkg: pid 7"), "a package upgrade is under way: dpkg: pid 7"),
        (Surroundings(in_transition="shop.service is activating (start)"), "systemd is at work: shop.service is activating (start)"),
        (Surroundings(keeper="monit.service"), "monit.service looks after it, and is given the time to start it"),
        (Surroundings(root="db.internal is not found"), "its root is another: db.internal is not found"),
    ],
)
def test_the_daemon_stands_down_while_another_hand_is_at_work(around: Surroundings, said: str) -> None:
    """Law 4, each reason in words."""
    assert stand_down(FAULT, around) == said


def test_a_crash_loop_is_not_excused_by_its_own_restarts() -> None:
    """The unit of a loop is always between two restarts: that is the fault, not somebody at work."""
    loop = FAULT.model_copy(update={"check": "unit_crash_loop"})
    assert stand_down(loop, Surroundings(in_transition="shop.service is activating (auto-restart)")) == ""
