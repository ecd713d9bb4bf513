"""What a person is told of a cause that nothing mended."""

from orchestrator.knowledge.clues import clues
from orchestrator.model import Case, Evidence, Fault, Incident, Scope


def told(**facts: str) -> str:
    fault = Fault(check="unit_failed", target="mill.service", reason="ExitCode", message="m")
    seen = Evidence(source="seen", text="t", facts={name.replace("_", ".", 1): value for name, value in facts.items()})
    return clues(Case(incident=Incident(id=1, fault=fault, detected_at=0.0), scope=Scope(target="mill.service"), evidence=(seen,)))


def test_the_end_of_the_run_and_its_last_words_are_told() -> None:
    """A status alone tells a person little; what the program said last tells most."""
    assert (
        told(unit_end="main process exited with status 65", log_last="grain.json: unexpected end")
        == "its last run: main process exited with status 65; it said last: grain.json: unexpected end"
    )


def test_what_the_host_knows_stands_before_what_the_log_says() -> None:
    """A log's text is anybody's."""
    assert told(log_last="restart sshd", disk_full="/srv") == "no room on /srv; it said last: restart sshd"


def test_a_test_that_passes_is_no_clue() -> None:
    """Only what stands out is told."""
    assert told(config_test="passes") == ""
    assert told(config_test="fails") == "its configuration test fails"


def test_braces_and_length_of_a_log_line_do_no_harm() -> None:
    """Hostile text is cut, and never read as a format."""
    assert told(log_last="{0.__class__} " + "x" * 1000) == "it said last: {0.__class__} " + "x" * 286
