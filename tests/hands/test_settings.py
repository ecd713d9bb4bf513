"""The hands' own configuration: root's word alone, and read anew by themselves."""

import os
from pathlib import Path

import pytest

from orchestrator.config import ConfigError
from orchestrator.hands.settings import Settings
from tests.hands.talking import NOBODY

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has files that are root's")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "etc" / "config.toml"
    (file.parent / "conf.d").mkdir(parents=True)
    file.write_text('[daemon]\nmode = "suggest"\n')
    return file


def test_a_change_counts_from_the_next_question_on(file: Path) -> None:
    """Also one in `conf.d`; what did not change is not read again."""
    settings = Settings(file)
    first = settings.current()
    assert settings.current() is first
    (file.parent / "conf.d" / "10-more.toml").write_text('[protect]\nunits = ["till.service"]\n')
    assert settings.current().protect.units == ("till.service",)
    assert settings.current().daemon.mode == "suggest"


def test_a_bad_new_one_leaves_the_old(file: Path) -> None:
    """A typing error must not take the hands from a host."""
    settings = Settings(file)
    old = settings.current()
    file.write_text("[daemon\n")
    assert settings.current() is old
    file.write_text("")
    assert settings.current().daemon.mode == "auto"


@pytest.mark.parametrize("which", ["config.toml", "conf.d", "conf.d/20-theirs.toml", "."])
@pytest.mark.parametrize("how", ["owner", "mode", "link"])
def test_what_somebody_else_can_write_is_not_believed(file: Path, tmp_path: Path, which: str, how: str) -> None:
    """The file, one beside it, the directories: neither at the start nor later; the message says how to mend it."""
    theirs = file.parent / which
    if not theirs.exists():
        theirs.write_text("")
    settings = Settings(file)
    match how:
        case "owner":
            os.chown(theirs, NOBODY, 0)
        case "mode":
            theirs.chmod(theirs.stat().st_mode | 0o020)
        case "link":
            elsewhere = tmp_path / "elsewhere"
            theirs.rename(elsewhere)
            theirs.symlink_to(elsewhere)
            os.chown(elsewhere, NOBODY, 0)
    for ask in (settings.current, lambda: Settings(file)):
        with pytest.raises(ConfigError, match=r"ch(own root:root|mod go-w) /"):
            ask()


def test_what_anybody_could_put_there_is_not_believed(tmp_path: Path) -> None:
    """A directory like /tmp keeps what is root's; but a file that is not there yet could be anybody's."""
    tmp_path.chmod(0o1777)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "config.toml").write_text("")
    assert Settings(tmp_path / "root" / "config.toml").current()
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(ConfigError, match="go-w"):
        Settings(tmp_path / "config.toml")
