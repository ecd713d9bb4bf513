"""Who disagreed, among the experts."""

from escalation.verdict import dissents


def test_who_stands_against_the_plan_with_most_votes_dissents() -> None:
    """Another plan and a call for a person are dissent; to have nothing to say, or to have failed, is none."""
    answers = [("propose", "restart"), ("propose", "restart"), ("propose", "stop"), ("person", ""), ("nothing", ""), ("failed", "")]
    assert dissents(answers) == (False, False, True, True, False, False)


def test_where_no_plan_leads_nobody_dissents() -> None:
    """One vote each: neither is the one that the other speaks against."""
    assert dissents([("propose", "restart"), ("propose", "stop"), ("person", "")]) == (False, False, False)
    assert dissents([("person", "")]) == (False,)
