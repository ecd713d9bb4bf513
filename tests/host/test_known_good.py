"""Good versions of files are kept whole, private and few."""

import stat
from pathlib import Path

import pytest

from orchestrator.host import FileState, KnownGood, Unavailable

CONF = "/etc/shop/shop.conf"


@pytest.fixture
def good(tmp_path: Path) -> KnownGood:
    return KnownGood(tmp_path / "state" / "known-good")


def _state(kind: str = "file", mode: int = 0o640, target: str = "") -> FileState:
    return FileState(kind, uid=1, gid=2, mode=mode, size=5, mtime=1.0, ctime=1.0, inode=9, device=8, link_target=target)


def _stored(good: KnownGood) -> list[Path]:
    return [path for path in good._directory.rglob("*") if path.is_file()]


def test_what_was_put_comes_back(good: KnownGood) -> None:
    """Content, owner, mode and time, for whoever opens the directory next."""
    good.put(CONF, b"port=1\n", _state(), loaded_at=7.0)
    again = KnownGood(good._directory)
    found = again.get(CONF)
    assert found is not None
    assert (found.kind, found.uid, found.gid, found.mode, found.size, found.loaded_at) == ("file", 1, 2, 0o640, 7, 7.0)
    assert again.content(CONF) == b"port=1\n"
    assert again.paths() == (CONF,)


def test_what_was_never_put_is_none(good: KnownGood) -> None:
    """Asking creates nothing and finds nothing."""
    assert good.get(CONF) is None
    assert good.paths() == ()
    with pytest.raises(Unavailable, match="no good content"):
        good.content(CONF)
    assert not good._directory.exists()


def test_nobody_else_may_read(good: KnownGood) -> None:
    """Configurations hold passwords: directories 0700, files 0600."""
    good.put(CONF, b"password=x\n", _state(mode=0o644), loaded_at=1.0)
    assert {stat.S_IMODE(path.stat().st_mode) for path in _stored(good)} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (good._directory, *good._directory.iterdir())} == {0o700}


def test_five_versions_are_kept(good: KnownGood) -> None:
    """Newest first; the sixth pushes the oldest out, with its content."""
    for number in range(7):
        good.put(CONF, f"port={number}\n".encode(), _state(), loaded_at=float(number))
    versions = good.history(CONF)
    assert [version.loaded_at for version in versions] == [6.0, 5.0, 4.0, 3.0, 2.0]
    assert [good.content(CONF, version.digest) for version in versions] == [f"port={n}\n".encode() for n in (6, 5, 4, 3, 2)]
    assert len(_stored(good)) == 5 + 1


def test_the_same_again_is_no_version(good: KnownGood) -> None:
    """It only moves the time; another mode is another version; an old one again is the newest."""
    good.put(CONF, b"a", _state(), loaded_at=1.0)
    good.put(CONF, b"a", _state(), loaded_at=2.0)
    assert [version.loaded_at for version in good.history(CONF)] == [2.0]
    good.put(CONF, b"a", _state(mode=0o600), loaded_at=3.0)
    good.put(CONF, b"a", _state(), loaded_at=4.0)
    assert [(version.mode, version.loaded_at) for version in good.history(CONF)] == [(0o640, 4.0), (0o600, 3.0)]


def test_shared_content_outlives_one_of_its_paths(good: KnownGood) -> None:
    """Two files of the same content share it, and it stays while one of them needs it."""
    good.put("/etc/a", b"same", _state(), loaded_at=1.0)
    good.put("/etc/b", b"same", _state(), loaded_at=1.0)
    for number in range(5):
        good.put("/etc/a", f"{number}".encode(), _state(), loaded_at=2.0)
    assert good.content("/etc/b") == b"same"


def test_directories_and_links_have_no_content(good: KnownGood) -> None:
    """Owner and mode of a directory, target of a link; nothing else is remembered."""
    good.put("/var/log/shop", b"", _state("dir", mode=0o750), loaded_at=1.0)
    good.put("/etc/shop/on", b"", _state("link", target="../off"), loaded_at=1.0)
    assert getattr(good.get("/var/log/shop"), "mode", None) == 0o750
    assert getattr(good.get("/etc/shop/on"), "link_target", None) == "../off"
    with pytest.raises(Unavailable, match="no good content"):
        good.content("/var/log/shop")
    with pytest.raises(Unavailable, match="is a fifo"):
        good.put("/run/fifo", b"", _state("fifo"), loaded_at=1.0)


def test_the_large_and_the_many_are_refused(good: KnownGood, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 MiB a file, and a cap on their number that a new version of an old file does not meet."""
    with pytest.raises(Unavailable, match="larger than 1 MiB"):
        good.put(CONF, b"x" * (1 << 20) + b"x", _state(), loaded_at=1.0)
    monkeypatch.setattr("orchestrator.host.known_good.FILES", 1)
    good.put(CONF, b"a", _state(), loaded_at=1.0)
    with pytest.raises(Unavailable, match="remembered already"):
        good.put("/etc/other", b"a", _state(), loaded_at=1.0)
    assert good.put(CONF, b"b", _state(), loaded_at=2.0).loaded_at == 2.0


def test_damage_is_never_given_back(good: KnownGood) -> None:
    """A content that does not fit its digest is refused; a damaged record is none, and can be written anew."""
    good.put(CONF, b"right", _state(), loaded_at=1.0)
    content = next(path for path in _stored(good) if path.suffix != ".json")
    content.write_bytes(b"wrong")
    with pytest.raises(Unavailable, match="damaged"):
        good.content(CONF)
    next(path for path in _stored(good) if path.suffix == ".json").write_text("{ half")
    assert good.get(CONF) is None
    good.put(CONF, b"new", _state(), loaded_at=2.0)
    assert good.content(CONF) == b"new"


def test_a_digest_cannot_reach_another_file(good: KnownGood) -> None:
    """Only digests of this path's own versions are opened."""
    good.put(CONF, b"a", _state(), loaded_at=1.0)
    with pytest.raises(Unavailable, match="no good content"):
        good.content(CONF, "../../../etc/passwd")


def test_what_is_forgotten_is_gone_with_its_content(tmp_path: Path) -> None:
    """A content that another path needs stays."""
    known = KnownGood(tmp_path / "known-good")
    for name in ("/etc/a", "/etc/b"):
        known.put(name, b"same", FileState("file", 0, 0, 0o644, 4, 1.0, 1.0, 1, 1), loaded_at=2.0)
    known.forget("/etc/a")
    assert (known.paths(), known.content("/etc/b")) == (("/etc/b",), b"same")
    known.forget("/etc/b")
    assert list((tmp_path / "known-good" / "contents").iterdir()) == []
