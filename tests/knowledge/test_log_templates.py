"""What is new in a log since the fault."""

from dataclasses import dataclass, field
from typing import Any, cast

from orchestrator.config import Config
from orchestrator.host import Line, View
from orchestrator.knowledge.evidence.log_templates import log_templates
from orchestrator.knowledge.templates import key
from orchestrator.model import Case, Fault, Incident, Scope


@dataclass
class Said:
    """A journal that holds these lines."""

    lines: tuple[Line, ...] = ()

    def tail(self, unit: str, *, lines: int) -> tuple[Line, ...]:
        del unit
        return self.lines[-lines:]


@dataclass
class Heard:
    journal: Any = field(default_factory=Said)


def facts_of(*lines: Line) -> dict[str, str]:
    fault = Fault(check="probe_failing", target="depot.service", reason="NoAnswer", message="silent")
    case = Case(incident=Incident(id=1, fault=fault, detected_at=1000.0), scope=Scope(target="depot.service"))
    [evidence] = log_templates(cast(View, Heard(Said(lines))), Config(), case)
    return evidence.facts


def test_what_it_always_says_is_not_new() -> None:
    """A line of a kind that was there before the fault tells nothing of it, though its numbers differ."""
    facts = facts_of(Line(at=100, message="took 5 ms"), Line(at=990, message="took 900 ms"), Line(at=995, message="pool 3 exhausted"))
    assert facts["log.new"] == key("pool 9 exhausted")


def test_the_newest_error_has_a_key_that_a_runbook_can_name() -> None:
    """By priority or by its words; a later line that is no error does not hide it."""
    facts = facts_of(
        Line(at=990, message="oops 1", priority=3), Line(at=991, message="ERROR: no lease for 10.0.0.1"), Line(at=992, message="still here")
    )
    assert facts["log.template"] == key("ERROR: no lease for 10.0.0.77")
    assert facts["log.template_text"] == "ERROR: no lease for <ip>"


def test_a_silent_program_gives_no_facts() -> None:
    """No line, no key; and what systemd says about the unit is no line of the program."""
    assert facts_of(Line(at=990, message="depot.service: Failed with result 'exit-code'.", pid=1, trusted=True)) == {}
