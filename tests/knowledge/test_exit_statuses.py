"""systemd's exit statuses and results as data."""

from orchestrator.checks.unit_failed import REASONS
from orchestrator.host.unit import SETUP_STATUSES
from orchestrator.knowledge.exit_statuses import result, step


def test_every_status_of_systemd_has_a_meaning() -> None:
    """The same numbers and words as the host's own table; a program's own status has none."""
    known = {number: found.step for number in range(256) if (found := step(number))}
    assert known == SETUP_STATUSES
    assert all(step(number).means and step(number).about in ("files", "security", "kernel") for number in known)  # type: ignore[union-attr]


def test_every_result_has_a_meaning() -> None:
    """All that a check has a name for."""
    assert [name for name in REASONS if not result(name)] == []
    assert result("no-such-result") == ""
