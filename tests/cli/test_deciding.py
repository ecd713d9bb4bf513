"""What people decide beyond a yes or no: other plans, windows, a word on a fix, a report."""

import json
import time

import pytest

from escalation import Desk
from orchestrator.actions import parse
from orchestrator.model import Minute, Stage, Status, utc
from orchestrator.store import Store
from tests.cli.conftest import Call
from tests.cli.scenes import ATTACK, asked, escalated, fault, healed, opened, store_case
from tests.cli.test_people import answering


def _disagree(store: Store, desk: Desk) -> tuple[int, int]:
    number = opened(store)
    votes = [
        Minute(expert=name, stance="propose", plan=(parse({"kind": kind, "unit": "shop.service"}),), confidence=0.7, reasoning=f"{name}'s")
        for name, kind in (("log-reader", "restart_unit"), ("host-reader", "reset_failed"), ("old-hand", "restart_unit"))
    ]
    desk.minutes(number, votes)
    escalation = desk.escalate(store_case(store, number).incident, "the experts do not agree", body="", kind="decision")
    store.escalated(number, reason="the experts do not agree")
    return number, escalation


def test_an_edited_plan_is_shown_beside_the_one_that_was_asked_about(call: Call, store: Store, desk: Desk) -> None:
    """Both as exactly what would run; then the daemon takes the person's."""
    number, escalation, _proposal = asked(store, desk)
    with answering(store, desk):
        result = call("escalations", "edit", str(escalation), "reset_failed unit=shop.service")
    assert "    1. stop other.service" in result.stdout
    assert "  instead\n    1. forget the failure of shop.service" in result.stdout
    assert result.stdout.endswith("and then exactly this plan runs\n")
    approved = store_case(store, number).approved
    assert approved is not None
    assert approved.plan[0].kind == "reset_failed"
    assert call("escalations", "edit", str(escalation), "reset_failed unit=shop.service").exit_code == 1


def test_the_experts_plans_are_numbered_and_one_is_chosen(call: Call, store: Store, desk: Desk) -> None:
    """As `show` numbers them, the one with the most votes first."""
    number, escalation = _disagree(store, desk)
    told = call("escalations", "show", str(escalation)).stdout
    assert "plan 1, of log-reader, old-hand (70 % sure): log-reader's" in told
    assert f"decide     orchestrator escalations choose {escalation} WHICH" in told
    with answering(store, desk):
        assert call("escalations", "choose", str(escalation), "3").exit_code == 1
        assert "chosen: forget the failure of shop.service" in call("escalations", "choose", str(escalation), "2").stdout
    assert store_case(store, number).approved is not None


def test_a_silence_and_a_planned_window_are_listed_and_ended(call: Call, store: Store, desk: Desk) -> None:
    """With their end, their reason and who made them."""
    number = opened(store)
    with answering(store, desk):
        assert call("silence", str(number), "--for", "2h", "--reason", "known").stdout.startswith(
            "hands off unit_failed:shop.service until 2"
        )
        assert " from 2" in call("pause", "shop", "--for", "1h", "--in", "2h", "--reason", "tonight").stdout
        listed = call("windows").stdout.splitlines()
        assert [line.split()[:3] for line in listed[1:]] == [["2", "planned", "shop"], ["1", "open", "unit_failed:shop.service"]]
        assert call("windows", "end", "1").stdout == "window 1 ended\n"
        assert call("windows", "end", "1").exit_code == 1
        assert call("windows", "end", "9").exit_code == 1
    assert [row["open"] for row in json.loads(call("windows", "--json").stdout)] == [1, 0]


def test_a_word_on_a_fix(call: Call, store: Store, desk: Desk) -> None:
    """It is listed, the incident says how to answer, and a wrong one demotes the pattern."""
    number = healed(store)
    review = desk.review(number, "files are hidden beneath the mount")
    assert f"orchestrator reviews judge {review} right    or    wrong" in call("show", str(number)).stdout
    assert "files are hidden" in call("reviews").stdout
    with answering(store, desk):
        assert call("reviews", "judge", str(review), "wrong", "--as", "they are missed").exit_code == 0
    assert store.patterns()[0].stage is Stage.DEMOTED
    assert call("reviews").stdout == "no fix waits for a look\n"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("ack", "1"), "orchestrator escalations ack 1"),
        (("trust", "2"), "orchestrator patterns trust 2"),
        (("judge", "3", "right"), "reviews judge 3 right"),
    ],
)
def test_a_verb_without_its_group_is_understood(call: Call, words: tuple[str, ...], meant: str) -> None:
    """Nothing is done; the line that was meant is there to be copied."""
    result = call(*words)
    assert result.exit_code == 64
    assert "Did you mean `" in result.stderr
    assert meant in result.stderr
    assert "Did you mean" not in call("nonsense").stderr


def test_what_is_not_there_is_said_plainly(call: Call, store: Store, desk: Desk) -> None:
    """Of an incident, an escalation, a window."""
    assert store
    assert desk
    assert call("retry", "99").stderr == "there is no incident 99\n"
    assert call("escalations", "ack", "99").stderr == "there is no escalation 99\n"
    assert call("report", "99").exit_code == 1


def test_teaching_says_first_what_it_would_have_met(call: Call, store: Store) -> None:
    """The past incidents of that kind; nothing is taught."""
    number = healed(store)
    told = call("patterns", "teach", "--incident", str(number), "--preview").stdout
    assert told.startswith(f"past incidents of this kind ({fault().signature}): 1; 1 fixed\n")
    assert f"#{number} fixed" in told
    assert "by restart shop.service" in told
    assert store.take_clicks() == ()


def test_a_report_is_the_whole_story_in_markdown(call: Call, store: Store, desk: Desk) -> None:
    """Each section is there; what a log wrote is text in it and no mark-up, and commands no terminal."""
    what = fault(message=f"shop.service failed: [click](http://evil) **bold** `x` # head {ATTACK}")
    number, escalation = escalated(store, desk, what)
    desk.note(escalation, "the disk is <b>loose</b>", "anna")
    told = call("report", str(number)).stdout
    heads = [line for line in told.splitlines() if line.startswith("#")]
    assert heads[1:] == ["## Overview", "## What happened", "## Contributing factors", "## Resolution", "## What was tried", "## Open ends"]
    assert r"\[click\](http://evil) \*\*bold\*\* \`x\` \# head" in told
    assert r"anna: **note**: the disk is \<b\>loose\</b\>" in told
    assert "ruled out: a full disk" in told
    assert "nobody answered: who holds port 8080?" in told
    assert "1. phase 1, quick fix (runbook:start-after-a-crash): restart shop.service; policy: allow (auto); rolled_back" in told
    assert "\x1b" not in told
    assert "\n\n\n" not in told


def test_a_report_of_what_is_over_says_what_ended_it(call: Call, store: Store) -> None:
    """And that nothing is open."""
    number = healed(store)
    told = call("report", str(number)).stdout
    assert "## Resolution\n\nthe check and all probes are clean for 5 s" in told
    assert told.rstrip().endswith("## Open ends\n\n- none")


def test_a_timeline_is_printed_in_order(call: Call, store: Store, desk: Desk) -> None:
    """Of the incident and of its escalation, also when the incident is gone."""
    number, escalation = escalated(store, desk)
    desk.ack(escalation, "anna")
    of_incident, of_escalation = call("show", str(number), "--timeline").stdout, call("escalations", "show", "1", "--timeline").stdout
    assert of_incident == of_escalation
    times = [line[:19] for line in of_incident.splitlines()]
    assert times == sorted(times)
    assert "UTC  anna: acknowledged" in of_incident
    assert "acknowledged" in [moment["what"] for moment in json.loads(call("show", str(number), "--timeline", "--json").stdout)]
    store.close(number, Status.CLEARED, phase=4, fix_successful=None, resolution="")
    store.ledger.run("DELETE FROM tasks")
    assert "anna: acknowledged" in call("escalations", "show", "1", "--timeline").stdout


def test_it_says_until_when_it_is_proved(call: Call, store: Store) -> None:
    """A person who waits knows how long."""
    number = opened(store)
    store.begin_phase(number, 1)
    store.wait(number, time.time() + 1, f"it is being proved, until {utc()[:19]} UTC")
    assert "it is being proved, until 2" in call("show", str(number)).stdout
