"""What the scoreboard counts, and how it is judged, without a host."""

from dataclasses import replace

from tests.lab.exam.cases import Case, Expects
from tests.lab.exam.report import scoreboard
from tests.lab.exam.result import Result, Told
from tests.lab.exam.run import judged
from tests.lab.exam.scene import speaks_of

RAN = {"ActiveState": "active", "starts": 0}
ASKED = Told(escalated=True, right_cause=True, right_plan=True, texts=("it is the frost",))


def case(name: str, expects: Expects) -> Case:
    cause = "frost" if expects in ("ask", "escalate") else ""
    plan = ("thaw",) if expects == "ask" else ()
    scripts = {"setup": "true", "inject": "true", "healthy": "true"}
    return Case.model_validate(
        {"name": name, "family": "cold", "about": "It is broken.", "expects": expects, "cause": cause, "plan": plan, **scripts}
    )


def test_what_ours_healed_counts_only_when_its_record_says_so_too() -> None:
    """A user is served again, and the daemon called a person all the same: not healed, and told as a failure."""
    served = Result(case("ice", "heal"), "ours", healed=True, seconds=3.0)
    assert judged(served).ok
    called = judged(replace(served, told=Told(escalated=True, wrong=("it called a person",))))
    assert (called.ok, called.wrong) == (False, ("it called a person",))
    assert "- cold/ice: it called a person" in scoreboard([called])


def test_a_question_needs_its_cause_its_plan_and_a_healing_after_the_yes() -> None:
    """And nothing before it."""
    asked = Result(case("ice", "ask"), "ours", healed=True, seconds=3.0, told=ASKED)
    assert judged(asked).ok
    for worse in (
        replace(asked, healed=False),
        replace(asked, told=replace(ASKED, right_plan=False)),
        replace(asked, told=replace(ASKED, right_cause=False)),
        replace(asked, told=replace(ASKED, early=1)),
        replace(asked, harm=("it thawed the neighbour",)),
    ):
        assert not judged(worse).ok


def test_a_peer_acts_when_it_starts_what_stays_as_it_is_with_nobody() -> None:
    """What the case itself starts is nobody's act."""
    nobody = Result(case("calm", "leave"), "none", units={"mill.service": RAN | {"starts": 1}})
    still = Result(case("calm", "leave"), "monit", units={"mill.service": RAN | {"starts": 1}})
    assert judged(still, nobody).ok
    assert judged(replace(still, units={"mill.service": RAN | {"starts": 2}}), nobody).wrong == ("it acted",)


def test_each_figure_has_what_it_is_out_of() -> None:
    """Who heals and harms has not healed; who cannot call a person has a dash there, and none of these cases in its families."""
    results = [
        judged(result)
        for result in (
            Result(case("ice", "heal"), "monit", healed=True, seconds=4.0),
            Result(case("hail", "heal"), "monit", healed=True, seconds=8.0, harm=("a bystander was touched",)),
            Result(case("theft", "escalate"), "monit"),
            Result(case("ice", "heal"), "ours", healed=True, seconds=2.0),
            Result(case("hail", "heal"), "ours"),
            Result(case("theft", "escalate"), "ours", told=replace(ASKED, early=2)),
        )
    ]
    table = dict(line.strip("| ").split(" | ", 1) for line in scoreboard(results).splitlines() if line.startswith("| "))
    found = {name.strip(): [cell.strip() for cell in cells.split("|")] for name, cells in table.items()}
    assert found["harm / all"] == ["1/3", "0/3"]
    assert found["healed / healable"] == ["1/2", "1/2"]
    assert found["escalated / must escalate"] == ["-", "1/1"]
    assert found["seconds to heal, median"] == ["4.0", "2.0"]
    assert found["cold"] == ["1/3, 4.0/4.0 s", "2/3, 2.0/2.0 s"]
    assert "theft 2" in scoreboard(results)


def test_a_unit_is_spoken_of_by_its_name_or_its_path() -> None:
    """A part of another name is not its name."""
    assert speaks_of("systemctl stop mill", "mill.service")
    assert speaks_of("umount /srv/mill", "srv-mill.mount")
    assert not speaks_of("systemctl stop mill-stone", "mill.service")
