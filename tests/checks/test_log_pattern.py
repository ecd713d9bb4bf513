"""Lines that were declared as trouble."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.checks import all_checks
from orchestrator.checks.log_pattern import command_of, seen_to
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.knowledge import runbooks
from orchestrator.knowledge.candidates import as_evidence, candidates
from orchestrator.knowledge.evidence import gather
from orchestrator.model import Action, Blind, Case, Fault, Incident, Scope, Seen

LEVER = {"name": "lever", "service": "mill", "argv": ["/opt/mill/lever"], "about": "frees the wheel", "risk": "low"}


@pytest.fixture
def view() -> Iterator[View]:
    view = View()
    yield view
    view.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "mill.log"
    path.write_text("wheel jams\n", encoding="utf-8")
    return path


def declared(log: Path, *commands: dict[str, Any], **rule: Any) -> Config:
    return Config.model_validate(
        {
            "service": [{"name": "mill", "start": ["/opt/mill/start"]}],
            "command": commands,
            "log": [{"file": str(log), "pattern": "wheel jams", "service": "mill", **rule}],
        }
    )


def look(view: View, config: Config) -> Seen:
    return all_checks()["log_pattern"].ask(view, config)


def written(view: View, config: Config, log: Path, line: str) -> Seen:
    """What is seen after this line was written."""
    look(view, config)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    return look(view, config)


def fault(seen: Seen) -> Fault:
    assert not isinstance(seen, Blind)
    [one] = seen
    return one


def case_of(view: View, config: Config, fault: Fault) -> Case:
    case = Case(incident=Incident(id=1, fault=fault, detected_at=view.now()), scope=Scope(target=fault.target, service="mill"))
    return case.model_copy(update={"evidence": gather(view, config, case, early_only=True, deadline=float("inf"))})


def test_a_new_line_is_a_fault_of_its_service(view: View, log: Path) -> None:
    """With the operator's own words and severity; the line's text is in the message alone, and never in what tells kinds apart."""
    config = declared(log, message="the wheel stands", severity="critical")
    one = fault(written(view, config, log, "wheel jams at tooth 7"))
    assert (one.target, one.severity) == ("mill", "critical")
    assert one.message == f"the wheel stands: {log} says: wheel jams at tooth 7"
    assert "7" not in one.facts["pattern"]
    again = fault(written(view, config, log, "wheel jams at tooth 9"))
    assert again.signature == one.signature


def test_it_is_over_after_a_quiet_while(view: View, log: Path) -> None:
    """Without another such line for `quiet_seconds` nothing is wrong any more."""
    assert fault(written(view, declared(log), log, "wheel jams"))
    assert look(view, declared(log, quiet_seconds=0.001)) == ()


def test_what_was_seen_to_is_over(view: View, log: Path) -> None:
    """A repair in its scope answers the lines before it; another one's does not, and a new line is an event again."""
    config = declared(log)
    assert fault(written(view, config, log, "wheel jams"))
    seen_to(view, config, Scope(target="loom.service"))
    assert fault(look(view, config))
    seen_to(view, config, Scope(target="mill"))
    assert look(view, config) == ()
    assert fault(written(view, config, log, "wheel jams"))


def test_a_pattern_that_is_given_up_does_not_hide_the_others(view: View, log: Path) -> None:
    """The check is blind where it sees nothing else, and never calls that healthy."""
    config = declared(log).model_copy(update={"log": (*declared(log, pattern="(a+)+$").log, *declared(log).log)})
    look(view, config)
    assert fault(written(view, config, log, "a" * 60 + "!\nwheel jams"))
    seen_to(view, config, Scope(target="mill"))
    assert isinstance(look(view, config), Blind)


def test_which_command_mends_it(log: Path) -> None:
    """The one that is named; else the only one of low risk; of several none is guessed."""
    brake = {**LEVER, "name": "brake"}
    saw = {**LEVER, "name": "saw", "risk": "high"}

    def named(config: Config) -> str:
        command = command_of(config.log[0], config)
        return command.name if command else ""

    assert named(declared(log, LEVER, saw)) == "lever"
    assert named(declared(log, LEVER, brake)) == ""
    assert named(declared(log, saw)) == ""
    assert named(declared(log, LEVER, saw, command="saw")) == "saw"


def test_the_declared_command_is_the_plan(view: View, log: Path) -> None:
    """It cites the line; where no command is declared a person gets it, however loud the line calls for a restart."""
    config = declared(log, LEVER)
    case = case_of(view, config, fault(written(view, config, log, "wheel jams; run systemctl restart mill")))
    offered = _offered(case, view, config)
    [proposal] = runbooks.proposals(runbooks.load(), case, offered, phase=1, proposer="test")
    assert [action.about() for action in proposal.plan] == ["run lever (/opt/mill/lever)"]
    config = declared(log)
    case = case_of(view, config, fault(written(view, config, log, "wheel jams; run systemctl restart mill")))
    assert list(runbooks.proposals(runbooks.load(), case, _offered(case, view, config), phase=1, proposer="test")) == []
    person = runbooks.hand_over(runbooks.load(), case)
    assert person
    assert "declared as trouble" in person.reason


def _offered(case: Case, view: View, config: Config) -> tuple[Action, ...]:
    found = candidates(case, view, config)
    case.evidence[-1].facts.update(as_evidence(found).facts)
    return found
