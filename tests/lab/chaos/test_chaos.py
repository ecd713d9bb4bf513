"""A short chaos run in the suite; the long ones are `scripts/bench chaos`."""

import sys

import pytest

from tests.lab.base import Base
from tests.lab.chaos.run import report, run
from tests.lab.host import Host


@pytest.mark.timeout(600)
def test_nothing_is_lost_doubled_or_harmed_in_a_bad_minute(base: Base) -> None:
    """Faults rain, and those that heal are killed, starved and blinded: all four counts are zero."""
    with Host(base) as host:
        ending = run(host, seconds=60, seed=7, said=sys.stdout.write)
        sys.stdout.write(report(ending))
        if not ending.counts.clean:
            sys.stdout.write(host.journal("autonomous-orchestrator*"))
    assert ending.counts.clean
    assert len(ending.injuries) > 5
    assert sum(ending.woes.values()) > 2
