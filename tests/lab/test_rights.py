"""What an ordinary user and the hands see of a host with systemd: the same tests, all of them, where there are units."""

import pytest

from tests.lab.host import Host

pytestmark = pytest.mark.lab


@pytest.mark.timeout(180)
def test_with_the_hands_a_user_sees_all_that_root_sees(lab: Host) -> None:
    """Each question about processes, of units too, on a host that has them."""
    done = lab.python("-m", "pytest", "tests/host/test_rights.py", "-q", "-p", "no:cacheprovider", timeout=150)
    assert done.status == 0, done.out[-4000:]
    assert " passed" in done.out
    assert "skipped" not in done.out
