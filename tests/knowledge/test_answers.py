"""What a service says of itself that answers wrongly."""

import pytest

from orchestrator.knowledge.evidence.answers import _SIGNS


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ('{"status":"draining","sessions":3}', True),
        ('{"status":"OUT_OF_SERVICE"}', True),
        ("down for maintenance", True),
        ("maintenance downtime or capacity problems", False),
        ("the drain is blocked", False),
        ("database is gone", False),
    ],
)
def test_whoever_drains_was_told_to(said: str, *, meant: bool) -> None:
    """A restart would end the sessions that he lets go on. Apache's words for whatever is down are no sign."""
    assert bool(_SIGNS["answer.maintenance"].search(said)) is meant
