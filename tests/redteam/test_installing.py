"""The installation works as root in a directory that is the daemon's user's: whoever has that user is at work beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.redteam.ground import BRAIN, Ground

SCRIPTS = Path(__file__).parents[2] / "scripts" / "installing"
STATE, VICTIM = "/srv/brain", "/srv/victim"
SWAPPED = f"""exec python3 -c '
import ctypes, os
os.chdir("{STATE}")
os.symlink("{VICTIM}", "link")
exchange = ctypes.CDLL(None).renameat2
while True:
    exchange(-100, b"d", -100, b"link", 2)
'"""
LINKED = f"""exec python3 -c '
import os
while True:
    try: os.symlink("{VICTIM}/ledger", "{STATE}/tasks.db")
    except OSError: pass
'"""


@pytest.fixture
def state(ground: Ground) -> Iterator[Ground]:
    """The brain's directory with a file of root's in it, as a command of root's may leave one; and a file elsewhere that is root's."""
    ground.host.ok(f"install -d -m 2770 -o {BRAIN} -g {BRAIN} {STATE}; install -d {VICTIM}; echo gold >{VICTIM}/ledger")
    ground.host.ok(f"cd {STATE}; mkdir d; touch d/ledger; chown -R {BRAIN} .")
    yield ground
    ground.host.ok(f"rm -rf {STATE} {VICTIM} /srv/before")


@contextmanager
def beside(ground: Ground, race: str) -> Iterator[None]:
    """An attacker who never sleeps."""
    ground.host.write("/tmp/race", race, 0o755)
    ground.host.ok(f"systemd-run --quiet --uid={BRAIN} --unit=race bash /tmp/race")
    try:
        yield
    finally:
        ground.host.ok("systemctl stop race; systemctl reset-failed race 2>/dev/null || true")


def test_no_file_elsewhere_becomes_the_brains(state: Ground) -> None:
    """A directory that is exchanged for a link, while what root left in the state is given to its owner."""
    left = f"find {STATE} -name ledger -type f -exec chown -h root {{}} +"
    with beside(state, SWAPPED):
        tried = f". {SCRIPTS}/places.sh; for n in $(seq 20); do {left}; state_of_brain {STATE}; stat -c %U {VICTIM}/ledger; done"
        owners = state.host.sh(f"{{ {tried}; }} 2>/dev/null", 200).out.split()
    assert set(owners) == {"root"}, owners


def test_turning_back_writes_through_no_link(state: Ground) -> None:
    """The copy of a database comes back to its place, and to no other that a link there leads to."""
    given = f"mkdir -p $before/databases; echo forged >$before/databases/tasks.db; give_data_back {STATE}"
    script = f"say() {{ :; }}; before=/srv/before; . {SCRIPTS}/turning_back.sh; for n in $(seq 30); do {given}; done"
    with beside(state, LINKED):
        state.host.sh(script, 200)
    assert state.host.ok(f"cat {VICTIM}/ledger; stat -c %U {VICTIM}/ledger").split() == ["gold", "root"]
    state.host.ok(script.replace("seq 30", "seq 1").replace("forged", "kept"))
    assert state.host.ok(f"cat {STATE}/tasks.db") == "kept\n"
