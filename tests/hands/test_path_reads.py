"""What the hands tell of files: to a brain that is well everything that it needs, and to one that was taken over nothing else."""

import hashlib
import os
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from orchestrator.host import FileState, Unavailable, View
from tests.hands.closed import SECRET, Place, plain
from tests.host.nobody import NOBODY

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has what others may not see")


# ---- as root == as an ordinary user with hands; without them nobody says "nothing" ----


def looks(place: Place) -> list[Callable[[View], Any]]:
    missing = str(place.closed / "gone")
    return [
        lambda view: view.files.look(place.conf),
        lambda view: view.files.look(place.conf, follow=True),
        lambda view: view.files.look(missing),
        lambda view: view.files.entries(str(place.closed)),
        lambda view: view.mounts.ask("appended", place.log, inode=-1, offset=0, cap=1000),
    ]


@pytest.mark.parametrize("number", range(5))
def test_what_is_declared_is_seen_as_root_sees_it(place: Place, number: int) -> None:
    """State, absence, names and news of a log; and without hands each of them is unknown, never nothing."""
    look = looks(place)[number]
    assert place.as_user(look) == plain(look(place.view))
    with pytest.raises(Unavailable):
        place.alone(look)


def test_a_text_comes_without_its_secrets(place: Place) -> None:
    """What a configuration names is told; passwords in it are not, whatever the line looks like."""
    text = place.as_user(lambda view: view.files.read(place.conf))
    assert "host = db.example" in text
    assert "/run/shop.pid" in text
    assert SECRET not in text
    with pytest.raises(Unavailable):
        place.alone(lambda view: view.files.read(place.conf))


def test_whether_old_files_may_go_is_known(place: Place) -> None:
    """A walk that the kernel stops at the first directory has found nothing out."""
    place.more = {"path": [{"path": str(place.closed), "remove_older_than": "1d", "pattern": "*.log"}]}
    os.utime(place.log, (0, 0))

    def look(view: View) -> bool:
        return view.files.holds_old(str(place.closed), "*.log", 86_400)

    assert look(place.view) is True
    assert place.as_user(look) is True
    with pytest.raises(Unavailable):
        place.alone(look)
    with pytest.raises(Unavailable):
        place.ask("holds_old", path=str(place.closed), pattern="*", older_than=86_400)


# ---- attacks: each is refused ----


FOREIGN = (
    "/etc/shadow", "/root/.bashrc", "/etc/ssl/private/x.pem", "/etc/ssh/ssh_host_ed25519_key", "/proc/1/environ", "/dev/sda", "/dev/zero",
    "/proc/self/root/etc/shadow", "/proc/1/root/etc/shadow", "/etc/../etc/shadow", "//etc/shadow", "/etc/./shadow",
)  # fmt: skip
CONTENT: dict[str, dict[str, Any]] = {
    "read": {}, "appended": {"inode": -1, "offset": 0, "cap": 9}, "entries": {}, "digest": {}, "good_digest": {}, "good_content": {},
}  # fmt: skip


@pytest.mark.parametrize("path", FOREIGN)
@pytest.mark.parametrize("question", CONTENT)
def test_no_free_path(place: Place, question: str, path: str) -> None:
    """What nobody declared has no content here, however it is spelled and whoever is asked."""
    with pytest.raises(Unavailable):
        place.ask(question, path=path, **CONTENT[question])


@pytest.mark.parametrize("path", ["/root/.bashrc", "/root/secret", "/etc/ssl/private/x.pem", "/proc/1/environ"])
def test_not_even_whether_a_foreign_file_is_there(place: Place, path: str) -> None:
    """Nor its size: a look is for what is named, and for the directories on the way there."""
    with pytest.raises(Unavailable):
        place.ask("look", path=path)


@pytest.mark.parametrize("spelling", ["{}/../closed/shop.conf", "{}//closed/shop.conf", "{}/closed/./shop.conf", "{}/closed/shop.conf/"])
def test_a_declared_path_has_one_spelling(place: Place, spelling: str) -> None:
    """So that what was compared is what is opened."""
    with pytest.raises(Unavailable):
        place.ask("look", path=spelling.format(place.root))
    with pytest.raises(Unavailable):
        place.ask("read", path=spelling.format(place.root))


def test_a_link_of_somebody_else_leads_nowhere(place: Place) -> None:
    """Who may write where a declared file lies could send the hands to any file: neither content, nor size, nor whether it is there."""
    secret = place.root / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    hidden = place.root / "hidden"
    hidden.mkdir(mode=0o700)
    Path(place.conf).unlink()
    os.chown(place.closed, NOBODY, NOBODY)
    for target in (str(secret), "../secret", "/etc/shadow", "/proc/self/root/etc/shadow", str(hidden / "none")):
        Path(place.conf).symlink_to(target)
        os.chown(place.conf, NOBODY, NOBODY, follow_symlinks=False)
        for question, about in (("read", {}), ("look", {"follow": True}), ("good_digest", {})):
            with pytest.raises(Unavailable):
                place.ask(question, path=place.conf, **about)
        assert place.ask("look", path=place.conf)["link_target"] == target
        Path(place.conf).unlink()


def test_a_directory_that_became_a_link_leads_nowhere(place: Place) -> None:
    """The same one level above: what is walked is what is opened."""
    service = place.root / "service"
    service.mkdir()
    os.chown(service, NOBODY, NOBODY)
    place.service["config_files"] = [str(service / "etc" / "shadow")]
    (service / "etc").symlink_to("/etc")
    os.chown(service / "etc", NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(Unavailable):
        place.ask("read", path=str(service / "etc" / "shadow"))
    with pytest.raises(Unavailable):
        place.ask("look", path=str(service / "etc" / "shadow"))


@pytest.mark.parametrize("way", ["{root}/mine/engine.sock", "{root}//closed/engine.sock", "{root}/closed/../closed/engine.sock"])
def test_nobody_is_knocked_at_who_listens(place: Place, way: str) -> None:
    """By no other name of his socket either: a connection of root's could start what listens there."""
    (place.root / "mine").symlink_to("closed")
    os.chown(place.root / "mine", NOBODY, NOBODY, follow_symlinks=False)
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(place.closed / "engine.sock"))
        engine.listen()
        engine.setblocking(False)  # noqa: FBT003  # socket's own word
        for path in (way.format(root=place.root), str(place.closed / "engine.sock")):
            with suppress(Unavailable):
                assert place.ask("refuses", path=path)
            with pytest.raises(BlockingIOError):
                engine.accept()


def test_an_own_link_to_an_own_file_is_followed(place: Place) -> None:
    """How services are deployed: `current -> releases/5`, by their own user."""
    app = place.root / "app"
    (app / "releases" / "5").mkdir(parents=True)
    (app / "releases" / "5" / "app.conf").write_text("port = 80\n")
    (app / "current").symlink_to("releases/5")
    for path in (app, app / "releases", app / "releases/5", app / "releases/5/app.conf", app / "current"):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    app.chmod(0o700)
    place.service["config_files"] = [str(app / "current" / "app.conf")]
    assert place.text(str(app / "current" / "app.conf")) == "port = 80\n"


def test_an_administrators_link_does_not_open_a_secret(place: Place) -> None:
    """Links are resolved before it is decided: what leads to an account's file is one."""
    Path(place.conf).unlink()
    Path(place.conf).symlink_to("/etc/shadow")
    with pytest.raises(Unavailable):
        place.ask("read", path=place.conf)


def test_a_second_name_of_a_secret_is_none_that_was_declared(place: Place) -> None:
    """A hard link is no link that could be seen: in a directory that others may write a file with two names is not told."""
    secret = place.root / "secret"
    secret.write_text(SECRET)
    Path(place.conf).unlink()
    os.link(secret, place.conf)
    os.chown(place.closed, NOBODY, NOBODY)
    with pytest.raises(Unavailable):
        place.ask("read", path=place.conf)


@pytest.mark.parametrize("kind", ["fifo", "device", "socket", "directory", "huge", "binary"])
def test_only_a_small_text_is_read(place: Place, kind: str) -> None:
    """Nothing waits for a writer, rings a device, or fills a frame."""
    path = Path(place.conf)
    path.unlink()
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "device":
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero
        case "socket":
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(str(path))
        case "directory":
            path.mkdir()
        case "huge":
            path.touch()
            os.truncate(path, 1 << 40)
        case "binary":
            path.write_bytes(b"\x7fELF\0\0")
    with pytest.raises(Unavailable):
        place.ask("read", path=place.conf)


def test_environments_keys_and_protected_paths_stay_closed(place: Place) -> None:
    """Also where a service declares them as its configuration."""
    for name in ("shop.key", "id_key", "store.p12"):
        secret = place.file(name, "host = db\n")
        place.service["config_files"] = [place.conf, secret]
        assert place.ask("look", path=secret)
        with pytest.raises(Unavailable):
            place.ask("read", path=secret)
    place.more = {"protect": {"paths": [str(place.closed)]}}
    with pytest.raises(Unavailable):
        place.ask("read", path=place.conf)


def test_a_private_key_in_a_configuration_is_masked(place: Place) -> None:
    """Wherever it stands."""
    Path(place.conf).write_text("x\n-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\ny\n")
    assert "QUJD" not in place.text(place.conf)


# ---- what was good ----


def remembered(place: Place, path: str) -> FileState:
    state = place.view.files.look(path)
    assert state
    place.view.known_good.put(path, Path(path).read_bytes(), state, 1.0)
    return state


def test_good_copies_are_known_to_whoever_may_not_read_them(place: Place) -> None:
    """Which there are, owner and mode, whether the file still is as it was; without hands all of that is unknown."""
    remembered(place, place.conf)

    def look(view: View) -> Any:
        good = view.known_good
        return good.get(place.conf), good.paths(), good.history(place.conf), good.get("/none"), good.digest(place.conf)

    assert place.as_user(look) == plain(look(place.view))
    for ask in (
        lambda view: view.known_good.paths(),
        lambda view: view.known_good.get(place.conf),
        lambda view: view.known_good.digest(place.conf),
    ):
        with pytest.raises(Unavailable):
            place.alone(ask)
    Path(place.conf).write_text("changed\n")
    good, _, _, _, now = place.as_user(look)
    assert good["digest"] != now


def test_no_digest_of_the_hands_can_be_guessed(place: Place) -> None:
    """A digest of a known text is none of those that are told; that of another path is not told at all."""
    remembered(place, place.conf)
    plain = hashlib.sha256(Path(place.conf).read_bytes()).hexdigest()
    rows = (*place.ask("good_files")["files"], *place.ask("good_history", path=place.conf))
    told = [place.ask("good_digest", path=place.conf), *(row["digest"] for row in rows)]
    assert len(set(told)) == 1
    assert plain not in told
    with pytest.raises(Unavailable):
        place.ask("good_digest", path=str(place.closed / "other"))


def test_a_good_text_is_told_as_the_file_itself_would_be(place: Place) -> None:
    """Masked, and only of what the operator named."""
    remembered(place, place.conf)
    remembered(place, place.log)
    assert SECRET not in place.as_user(lambda view: view.known_good.content(place.conf))
    with pytest.raises(Unavailable):
        place.as_user(lambda view: view.known_good.content(place.log))


def test_what_was_remembered_since_is_asked_for_again(place: Place) -> None:
    """The whole list comes once, and then only when it changed."""
    remembered(place, place.conf)
    os.utime(place.hands_dir / "known-good" / "paths", (1, 1))
    first = place.ask("good_files", known="")
    assert first["mark"]
    assert place.ask("good_files", known=first["mark"])["files"] is None
    remembered(place, place.log)
    assert len(place.ask("good_files", known=first["mark"])["files"]) == 2
