"""What a brain that was taken over may say, and what each action answers to it by itself. With units: tests/lab/test_misuse.py.

Every action is well-formed, and everything in it is the attacker's choice; the hands see the host with their own eyes.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator import actions
from orchestrator.hands.hands import Hands
from orchestrator.host import View
from orchestrator.host.machine import Machine
from orchestrator.model import Json
from tests.actions.conftest import settings
from tests.actions.test_kinds import PLAIN
from tests.host.engine import ID, Told, engine

Ask = Callable[..., str]


@pytest.fixture
def ask(view: View, machine: Machine, tmp_path: Path) -> Ask:
    """The hands' word on an action under this configuration: why it was refused; empty when it was done."""
    numbers = count(1)

    def asked(action: Json, **tables: Any) -> str:
        hands = Hands(settings(**tables), tmp_path / "state" / "record", machine, view)
        hands.approve([action], time.time() + 60)  # not even a person's word opens what is refused here
        answer = hands.perform(next(numbers), action)
        assert answer["ok"] or answer["refused"], answer
        return "" if answer["ok"] else str(answer["detail"])

    return asked


# ---- files ----


def emptied(path: Path) -> Json:
    return {"kind": "empty_file", "path": str(path), "inode": path.stat().st_ino}


def test_no_file_is_emptied_for_room_that_is_there(tmp_path: Path, ask: Ask) -> None:
    """Not a configuration, not a database, not a log: it is the disk that must be full, by the hands' own look."""
    for name in ("shop.conf", "shop.db", "debug.log"):
        (tmp_path / name).write_text("precious")
        assert "has room" in ask(emptied(tmp_path / name))
        assert (tmp_path / name).read_text() == "precious"


@pytest.fixture
def full(tmp_path: Path) -> dict[str, Any]:
    """The operator calls a disk full that has anything on it."""
    point = next(str(parent) for parent in (tmp_path, *tmp_path.parents) if os.path.ismount(parent))
    return {"disk": [{"mount": point, "max_used_percent": 0.001}]}


def test_on_a_full_disk_only_what_fills_it_is_emptied(tmp_path: Path, ask: Ask, full: dict[str, Any]) -> None:
    """A file that nobody is seen to have filled it with is somebody's data; a configuration and who logged in are never logs."""
    for name, why in (
        ("shop.db", "no log that fills"),
        ("auth.log.1", "no log that may be lost"),
        ("shop.conf", "no log that may be lost"),
    ):
        path = tmp_path / name
        path.write_text("precious")
        assert why in ask(emptied(path), **full, service=[{"name": "shop", "config_files": [str(tmp_path / "shop.conf")]}])
        assert path.read_text() == "precious"


def test_the_journal_is_kept_where_there_is_room(ask: Ask) -> None:
    """It holds what was done, and the last word of the audit: never to be had away at will, nor in harder steps than there are."""
    assert "has room" in ask({"kind": "vacuum_journal", "keep_bytes": 16 << 20}, disk=[{"mount": "/", "max_used_percent": 99.99}])
    everywhere = [{"mount": point, "max_used_percent": 0.001} for point in ("/", "/var", "/var/log")]
    assert "may keep more" in ask({"kind": "vacuum_journal", "keep_bytes": 17 << 20}, disk=everywhere)


def test_nobody_is_stopped_for_room_that_is_there(tmp_path: Path, ask: Ask, view: View) -> None:
    """A process that only has a file open for writing fills no disk."""
    own = view.processes.get(os.getpid())
    assert own
    with (tmp_path / "x.log").open("w"):
        action = {"kind": "stop_writer", "path": "/", "file": str(tmp_path / "x.log"), "pid": own.pid, "started_at": own.started_at,
                  "exe": own.exe, "holder": ""}  # fmt: skip
        assert "has room" in ask(action, disk=[{"mount": "/", "max_used_percent": 99.99}])
        assert ask({**action, "holder": "nginx.service"})  # where systemd runs, it says that the process is not its own


@pytest.fixture
def program(tmp_path: Path, view: View) -> Path:
    """A declared program of another user's, remembered with a set-user bit."""
    path = tmp_path / "program"
    path.write_text("good")
    path.chmod(0o4755)
    state = view.files.look(str(path))
    assert state
    view.known_good.put(str(path), b"good", state, loaded_at=0.0)
    return path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_no_privilege_is_lent_to_another_file(program: Path, ask: Ask) -> None:
    """Whoever may write in its directory puts his own program there, with the bit: the good owner would make it root's."""
    program.unlink()
    program.write_text("evil")
    os.chown(program, 1, 1)
    program.chmod(0o4711)
    action = {"kind": "restore_owner_mode", "service": "shop", "path": str(program), "uid": 0, "gid": 0, "mode": 0o4755}
    assert "a person's business" in ask(action, service=[{"name": "shop", "files": [str(program)]}])
    assert (program.stat().st_uid, stat.S_IMODE(program.stat().st_mode)) == (1, 0o4711)


def test_a_good_content_is_not_written_with_a_privilege(program: Path, ask: Ask, view: View) -> None:
    """Nor where what lies there now has one: the undo would give it back."""
    good = view.known_good.get(str(program))
    assert good
    declared = {"service": [{"name": "shop", "config_files": [str(program)]}]}
    program.write_text("changed")
    action = {"kind": "restore_config", "service": "shop", "path": str(program), "good_digest": good.digest}
    assert "belongs to no configuration" in ask({**action, "bad_digest": view.known_good.digest(str(program))}, **declared)
    assert program.read_text() == "changed"


def test_an_undo_gives_no_privilege_back(tmp_path: Path, view: View, machine: Machine) -> None:
    """A bit that was on the file before a good mode came is gone for good; and what somebody changed since stays."""
    path = tmp_path / "tool"
    path.write_text("x")
    path.chmod(0o755)
    state = view.files.look(str(path))
    assert state
    view.known_good.put(str(path), b"x", state, loaded_at=0.0)
    path.chmod(0o4777)
    hands = Hands(settings(service=[{"name": "shop", "files": [str(path)]}]), tmp_path / "state" / "record", machine, view)
    action = {"kind": "restore_owner_mode", "service": "shop", "path": str(path), "uid": state.uid, "gid": state.gid, "mode": 0o755}
    assert hands.perform(1, action)["ok"]
    assert "not given back" in hands.undo(1, action, {"uid": 0, "gid": 0, "mode": 0o4777})["detail"]
    path.chmod(0o700)
    assert "was changed since" in hands.undo(1, action, {})["detail"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


# ---- whom it concerns ----


@pytest.mark.parametrize(
    ("action", "whom"),
    [
        ({"kind": "quarantine_file", "service": "shop.service", "path": "/run/x.pid", "inode": 5, "device": 1}, "shop.service"),
        ({"kind": "set_aside", "unit": "shop.service", "path": "/var/lib/x", "inode": 5, "device": 1, "holds_data": False}, "shop.service"),
        ({"kind": "restore_config", "service": "shop", "path": "/etc/x", "good_digest": "", "bad_digest": ""}, "shop"),
        ({"kind": "restore_directory", "service": "shop", "path": "/etc/x", "uid": 0, "gid": 0, "mode": 0}, "shop"),
        ({"kind": "restore_owner_mode", "service": "shop", "path": "/etc/x", "uid": 0, "gid": 0, "mode": 0}, "shop"),
        ({"kind": "stop_process", "unit": "x.service", "pid": 9, "started_at": 1, "exe": "/x", "holder": "shop.service"}, "shop.service"),
        ({"kind": "make_directories", "unit": "shop.service", "paths": ["/run/x"]}, "/run/x"),
        ({"kind": "restart_container", "container": "shelf", "id": ID, "engine": "/x", "target": "shop"}, "shop"),
    ],
)
def test_who_is_only_watched_is_not_touched_under_another_name(action: Json, whom: str, ask: Ask) -> None:
    """Whose file it is, and who is stopped with it, is told as well: its mode counts, and its protection."""
    assert whom in actions.parse(action).concerns()
    watched = {"service": [{"name": "shop", "unit": "shop.service", "mode": "observe"}]}
    if whom.startswith("/"):
        assert "is protected" in ask(action, protect={"paths": [whom]})
    else:
        assert "observe" in ask(action, **watched)


def test_a_protected_unit_is_found_behind_every_field(ask: Ask) -> None:
    """Not only as the first target."""
    aside = {"kind": "set_aside", "unit": "ssh.service", "path": "/var/lib/x", "inode": 5, "device": 1, "holds_data": False}
    holder = {"kind": "stop_process", "unit": "x.service", "pid": 9, "started_at": 1, "exe": "/x", "holder": "ssh.service"}
    stale = {"kind": "quarantine_file", "service": "ssh.service", "path": "/run/x.pid", "inode": 5, "device": 1}
    for action in (aside, holder, stale):
        assert "ssh.service is protected" in ask(action)


# ---- containers ----


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    with engine(tmp_path / "engine.sock") as opened:
        yield opened


def restarted(tmp_path: Path, **other: str) -> Json:
    socket = str(tmp_path / "engine.sock")
    return {"kind": "restart_container", "container": "shelf", "id": ID, "engine": socket, "target": "container/shelf", **other}


def test_a_containers_name_and_number_belong_together(tmp_path: Path, told: Told, ask: Ask) -> None:
    """A protected one is protected by both, whatever name it is called by; what nobody wants, and what a unit runs, stays."""
    sockets = {"containers": {"sockets": [str(tmp_path / "engine.sock")]}}
    wanted: dict[str, Any] = {"policy": {"Name": "always", "MaximumRetryCount": 0}}
    told.has("vault", **wanted)
    assert "not there" in ask(restarted(tmp_path, target="container/vault"), **sockets, protect={"containers": ["vault"]})
    honest = restarted(tmp_path, container="vault", target="container/vault")
    for name in ("vault", ID[:12]):
        assert "is protected" in ask(honest, **sockets, protect={"containers": [name]})
    told.has("loose", number="1" * 64)
    assert "nobody said" in ask(restarted(tmp_path, container="loose", id="1" * 64, target="container/loose"), **sockets)
    told.has("bound", number="2" * 64, **wanted, labels={"PODMAN_SYSTEMD_UNIT": "bound.service"})
    assert "run by a unit" in ask(restarted(tmp_path, container="bound", id="2" * 64, target="bound.service"), **sockets)
    assert not [line for line in told.asked if line.startswith("POST")]


def test_no_other_socket_is_spoken_to(tmp_path: Path, told: Told, view: View) -> None:
    """The proof of an action goes to the engine that it names: one that the configuration does not know is not asked."""
    assert told.containers == {}
    action = actions.parse(restarted(tmp_path))
    with pytest.raises(Exception, match="not known as the socket of an engine"):
        action.verify(view)
    assert told.asked == []


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("restart_container", "id", "x HTTP/1.0\r\n\r\nPOST /containers/create"),
        ("restart_container", "container", "shelf\n"),
        ("restart_container", "engine", "relative"),
        ("stop_process", "has", "listens\non port 22"),
        ("stop_process", "exe", "/bin/\x1b[2Jsh"),
        ("stop_writer", "holder", "x\u202e.service"),
        ("quarantine_file", "service", "shop\n"),
        ("wait", "target", "shop\ncritical"),
        ("restore_unloaded", "failing", "\x9b31m"),
        ("start_service", "user", "root\n"),
    ],
)
def test_no_line_is_forged_by_a_field(kind: str, field: str, value: str) -> None:
    """Every text that people read is one line and moves no cursor, or it is no action at all."""
    assert actions.parse({"kind": kind, **PLAIN[kind]})
    with pytest.raises(ValidationError):
        actions.parse({"kind": kind, **PLAIN[kind], field: value})
