"""What scripts/try shows."""

import os
import signal
import subprocess
import sys

import pytest

from tests.lab.base import Base
from tests.lab.host import CHECKOUT, Host
from tests.lab.story import Story


@pytest.mark.timeout(150)
def test_the_story_comes_out_as_told(base: Base) -> None:
    """Each fault of the story ends as scripts/try tells it, and all of it within two minutes; a claim that fails raises NotAsTold."""
    told: list[str] = []
    try:
        with Host(base) as host:
            Story(host, told.append).tell()
    finally:
        sys.stdout.write("".join(told))
    assert "".join(told).count("\n== ") == 9


def test_who_has_seen_enough_may_leave() -> None:
    """`scripts/try | head` ends it: no traceback, no host left behind."""
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-B", "-m", "tests.lab.story"], check=False, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGPIPE, "")


def test_without_root_it_shows_one_look_at_this_host(lab: Host) -> None:
    """Who is not root learns why no host is broken for him, sees what one look finds, and it is no failure."""
    story = f"{sys.executable} -B -m tests.lab.story"
    shown = lab.sh(f"cd {CHECKOUT} && exec unshare --user --map-user=1000 --map-group=1000 {story}")
    assert shown.status == 0, shown.out
    assert "No host can be broken for you here: a lab needs root." in shown.out
    assert "mode suggest" in shown.out
    assert "no incidents" in shown.out
