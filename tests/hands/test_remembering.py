"""Good copies are the hands' own: they judge by what they see, and the daemon only says when to look."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.hands.hands import Hands
from orchestrator.hands.remembering import PROBATION_SECONDS
from orchestrator.host import View
from orchestrator.host.machine import Machine
from tests.host.nobody import NOBODY

SECRET = "hunter2-and-more"  # noqa: S105  # of nobody


class Shop:
    """A service that no unit runs, with a probe: what it ran with for a minute it has read."""

    def __init__(self, tmp_path: Path, directory: Path | None = None) -> None:
        self.file = (directory or tmp_path) / "shop.conf"
        self.file.write_text("good")
        tables = {"service": [{"name": "shop", "config_files": [str(self.file)], "probes": [{"file": str(self.file)}]}]}
        self.view = View(tmp_path / "hands")
        self.hands = Hands(Config.model_validate(tables), tmp_path / "hands" / "record", Machine(self.view, tmp_path / "q"), self.view)
        self.kept = tmp_path / "hands" / "known-good" / "contents"

    @property
    def good(self) -> bytes:
        return self.view.known_good.content(str(self.file)) if self.view.known_good.get(str(self.file)) else b""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.view.close()


def later(shop: Shop, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(shop.view, "now", lambda: time.time() + seconds)


def test_what_it_ran_well_with_is_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has run for a minute since the file's last change."""
    later(shop, monkeypatch, PROBATION_SECONDS + 5)
    assert shop.hands.remember("shop", time.time()) == {"detail": "", "programs": ()}
    assert shop.good == b"good"


def test_a_wish_is_not_enough(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was changed a moment ago is good for nobody, whatever time the answer is said to be of."""
    later(shop, monkeypatch, 5.0)
    shop.hands.remember("shop", 1e12)
    assert shop.good == b""


def test_only_what_is_declared_is_kept(shop: Shop) -> None:
    """By a name of the configuration, never by a path."""
    for name in ("other", str(shop.file)):
        assert shop.hands.remember(name, time.time())["detail"] == f"{name} is not declared"


def test_names_are_found_with_what_was_there_then(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A name file that was changed since names were found last is no good copy."""
    names = tmp_path / "hosts"
    names.write_text("127.0.0.1 localhost")
    monkeypatch.setattr("orchestrator.hands.remembering.NAME_FILES", (str(names),))
    shop.hands.remember("", names.stat().st_ctime - 1)
    assert shop.view.known_good.get(str(names)) is None
    shop.hands.remember("", time.time())
    assert shop.view.known_good.get(str(names))


# ---- who may write where the file lies could lead the hands to any other ----


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")


@pytest.fixture
def stall(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A service in the directory of its own user, and beside it a vault that is root's."""
    root = Path(tempfile.mkdtemp(dir="/var/tmp"))
    root.chmod(0o755)
    (root / "conf").mkdir()
    shop = Shop(root, root / "conf")
    for path in (root / "conf", shop.file):
        os.chown(path, NOBODY, NOBODY)
    (root / "vault").mkdir(mode=0o700)
    (root / "vault" / "shop.conf").write_text(SECRET)
    later(shop, monkeypatch, PROBATION_SECONDS + 5)
    yield shop
    shop.view.close()
    shutil.rmtree(root)


@root_only
def test_what_lies_behind_anothers_link_is_not_kept(stall: Shop) -> None:
    """Kept, it could be asked for, and put back where the service's user reads it."""
    conf = stall.file.parent
    conf.rename(conf.with_name("aside"))
    conf.symlink_to("vault")
    os.chown(conf, NOBODY, NOBODY, follow_symlinks=False)
    stall.hands.remember("shop", time.time())
    assert stall.good == b""
    conf.unlink()
    conf.with_name("aside").rename(conf)
    stall.hands.remember("shop", time.time())
    assert stall.good == b"good"


RACE = """
cd "$1"
while :; do
    ln -sfn ../vault/shop.conf swap; mv -T swap shop.conf
    echo good >swap; mv -T swap shop.conf
done
"""


@root_only
def test_what_is_exchanged_while_it_is_read_is_not_kept(stall: Shop) -> None:
    """A real race: what was looked at is what is kept, three hundred times."""
    race = subprocess.Popen(["bash", "-c", RACE, "race", str(stall.file.parent)], user=NOBODY)
    try:
        for _ in range(300):
            stall.hands.remember("shop", time.time())
            assert SECRET.encode() not in [file.read_bytes() for file in stall.kept.glob("*")]
    finally:
        race.kill()
        race.wait()


def test_what_does_not_fit_is_not_kept_in_part(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good copy without its end is none."""
    shop.file.write_bytes(b"x" * ((1 << 20) + 1))
    later(shop, monkeypatch, PROBATION_SECONDS + 5)
    shop.hands.remember("shop", time.time())
    assert shop.good == b""
