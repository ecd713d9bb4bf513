"""What is healed each time and comes back each time: the service is kept up, and a person hears of it once."""

import sys
from collections.abc import Iterator

import pytest

from tests.lab.host import DAEMON, Host
from tests.lab.watched import SETTINGS, Watched, Web

SHORT = SETTINGS.replace("[daemon]", "[daemon]\nrelapse_seconds = 0.5")
"""What comes back after half a second is no relapse here, so that hours pass in seconds."""
LEAKY = Web("leaky")
STEADY = Web("steady", port=7101)


@pytest.fixture
def watched(lab: Host) -> Iterator[Watched]:
    yield Watched(lab)
    sys.stdout.write(lab.sh(f"journalctl --no-pager -o short-precise -u {DAEMON}").out)


def _crash(watched: Watched, web: Web, times: int) -> None:
    """Once more, and healed once more."""
    watched.host.ok(f"systemctl kill -s KILL {web.name}")
    fixed = "SELECT COUNT(*) AS n FROM tasks WHERE status = 'fixed' AND target = '{0}'"
    watched.host.wait_until(lambda: watched.host.sql(fixed.format(web.target)) == [{"n": times}], 75, f"healed {times} times")
    watched.host.ok("sleep 0.6")


@pytest.mark.timeout(300)
def test_the_third_repair_of_a_day_is_told_once_and_the_next_ones_are_done(watched: Watched) -> None:
    """The pattern that was seen is in the escalation; the service is healed each time, before and after."""
    webs = [watched.web(LEAKY), watched.web(STEADY)]
    watched.begin(SHORT)
    _crash(watched, STEADY, 1)
    for times in (1, 2):
        _crash(watched, LEAKY, times)
    assert watched.escalations() == []
    _crash(watched, LEAKY, 3)
    watched.host.incident(LEAKY.target, "escalated")
    [told] = watched.escalations()
    assert "healed 3 times" in told["reason"]
    assert "by start_unit, and each time it lasted" in told["reason"]
    _crash(watched, LEAKY, 4)
    assert len(watched.escalations()) == 1
    assert [watched.answers(web) for web in webs] == ["hello", "hello"]
    assert watched.changes() == ["start_unit steady.service", *["start_unit leaky.service"] * 4]
