"""Conditions of knowledge that is written as data."""

import pytest

from orchestrator.knowledge.conditions import captured, filled, groups, holds, problem


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        ("*", "something", True),
        ("*", "", False),
        ("", "", True),
        ("", "something", False),
        ("!fails", "", True),
        ("!fails", "passes", True),
        ("!fails", "fails", False),
        (("crash", "clean"), "clean", True),
        (("crash", "clean"), "error", False),
        ("~/var/.*", "/var/cache", True),
        ("~/var/.*", "x/var/cache", False),
        ("exact", "exact", True),
        ("exact", "not exact", False),
    ],
)
def test_each_kind_of_condition(wanted: str | tuple[str, ...], value: str, *, expected: bool) -> None:
    """Present, absent, anything but, one of, whole pattern, equal."""
    assert holds({"fact": wanted}, {"fact": value} if value else {}) is expected


REACH = {"journal": "~.*cannot reach (?P<needed>[^ ]+)", "check": "unit_failed"}


def test_a_named_group_takes_a_name_from_the_newest_line_that_matches() -> None:
    """What a log names can be used by its group's name; a line matches whole, or not at all."""
    facts = {
        "journal": "web: cannot reach a.service\nweb: cannot reach b.service\nweb: cannot reach c.service at all",
        "check": "unit_failed",
    }
    assert holds(REACH, facts)
    assert captured(REACH, facts) == {"needed": "b.service"}
    assert groups(REACH) == {"needed"}
    assert not holds(REACH, {**facts, "journal": "cannot reach c.service at all"})


def test_a_broken_pattern_is_told_at_load() -> None:
    """A regular expression that cannot be compiled is named with its fact."""
    assert "fact: '~(' is no regular expression" in problem({"fact": "~("})


def test_braces_in_a_log_line_stay_text() -> None:
    """A sentence is filled from facts; hostile braces in a fact's value are not read again."""
    assert filled("because {log.config} and {nothing}", {"log.config": "{unit.exit} %s {0}"}) == "because {unit.exit} %s {0} and -"


def test_what_is_not_known_leaves_no_dash_in_brackets_or_alone() -> None:
    """A person reads the sentence at night; what a fact's own value holds stays as it is."""
    cause = "It does not answer ({reason}), and {program} was changed. {obstacle}"
    assert filled(cause, {"program": "/opt/x (-)."}) == "It does not answer, and /opt/x (-). was changed."
    known = {"reason": "refused", "program": "/opt/x", "obstacle": "It is gone"}
    assert filled(cause, known) == "It does not answer (refused), and /opt/x was changed. It is gone"
