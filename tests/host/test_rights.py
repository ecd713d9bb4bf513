"""What an ordinary user learns of this host: with the hands to ask as much as root, without them that he is blind, and never nothing.

Where systemd runs, all of it: `tests/lab/test_rights.py` sees to that. Elsewhere what belongs to a unit is left out.
"""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.checks import all_checks
from orchestrator.config import Config
from orchestrator.hands import process_reads, reads
from orchestrator.host import KernelLog, Process, Unavailable, View, places
from orchestrator.host.journal_room import journal_bytes
from orchestrator.host.stale import not_stale, refuses
from tests.host.engine import engine
from tests.host.nobody import Asked, as_nobody

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives rights away, which only root has")
BOOTED = Path("/run/systemd/system").is_dir()
CLONE_NEWNS = 0x00020000
OF_PROCESSES = {"containers", "files", "insides", "journal", "kernel_log", "limits", "open_files", "processes", "sockets"}
"""What these may not see they ask for: see CLOSED."""
OF_PATHS = {"certificates", "digests", "known_good", "logs", "mounts", "packages", "runs", "servers"}
"""They ask for what lies in a directory or file that is closed: see tests/hands/test_path_reads.py."""
OF_EVERYBODY = {"baseline", "by_hand", "clock", "floods", "groups", "kernel", "manager", "names", "programs", "rights", "trends", "units"}
"""What systemd, the journal and the kernel tell everybody, and what the daemon itself has learned."""
DISK = "/dev/shm"
"""A file system of its own on every host, on which little lies."""
UNIT = "rights-shop.service"
HOLDER = (
    "from orchestrator.host import View; view = View(); print([process.pid for process in (view.sockets.holder_of_port({0}),) if process])"
)
PROGRAM = """
import ctypes, fcntl, os, pathlib, shutil, socket, sys, threading
place = pathlib.Path(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
threading.Thread(target=client.recv, args=(1,), daemon=True).start()
lock = open(place / "shop.lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
gone = open(place / "gone.log", "wb")
gone.write(b"x" * (8 << 20))
gone.flush()
os.unlink(gone.name)
old = shutil.copy(next(line.split()[-1] for line in open("/proc/self/maps") if "/libc" in line), place / "libold.so")
ctypes.CDLL(old)
os.unlink(old)
os.chdir(place)
(place / "new").write_text(f"{os.getpid()} {listener.getsockname()[1]}")
os.rename(place / "new", place / "ready")
threading.Event().wait()
"""


@dataclass(frozen=True)
class Shop:
    """A process of root's that listens, waits for an answer, holds a lock, a large deleted file and a library that was replaced."""

    pid: int
    port: int
    place: Path
    engine: Path

    @property
    def lock(self) -> str:
        return str(self.place / "shop.lock")

    @property
    def socket(self) -> str:
        return str(self.place / "dead.sock")


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    place = Path(tempfile.mkdtemp(dir=DISK))
    argv = [sys.executable, "-c", PROGRAM, str(place)]
    as_unit = ["systemd-run", "--quiet", "--wait", f"--unit={UNIT}"] if BOOTED else []
    dead = f"import socket; socket.socket(socket.AF_UNIX).bind('{place}/dead.sock')"
    subprocess.run([sys.executable, "-c", dead], check=True)
    with subprocess.Popen([*as_unit, *argv]) as started, engine(place / "engine.sock") as containers:
        containers.has(ports={"80/tcp": [{"HostPort": "8080"}]})
        containers.log = b"sold out\n"
        while not (place / "ready").exists():
            assert started.poll() is None
            time.sleep(0.02)
        pid, port = map(int, (place / "ready").read_text().split())
        yield Shop(pid, port, place, place / "engine.sock")
        os.kill(pid, 9)
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def view(state: Path) -> Iterator[View]:
    opened = View(state)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def config(shop: Shop) -> Config:
    return Config.model_validate({"containers": {"sockets": [str(shop.engine)]}})


def _get(view: View, shop: Shop) -> Process:
    process = view.processes.get(shop.pid)
    assert process
    return process


def _owners(view: View, shop: Shop) -> list[int]:
    inodes = [listener.inode for listener in view.sockets.on_port(shop.port)]
    return [process.pid for process in view.sockets.owners(inodes).values()]


def _files(view: View, shop: Shop) -> list[Any]:
    files, complete = view.open_files.on(DISK)
    if not complete:
        raise Unavailable("not all of them")
    return [asdict(file) for file in files if file.pid == shop.pid and file.deleted]


def _container(view: View, shop: Shop) -> Any:
    """Asked as each of its questions is: of all, of one, of what it said and of what it is made of."""
    [one] = view.containers.all((str(shop.engine),))
    again = view.containers.again(one)
    assert again
    return asdict(one), again.name, view.containers.log(one), view.containers.has_image(one)


Looks = dict[str, Callable[[View, Shop], Any]]
LOOKS: Looks = {
    "programs": lambda view, shop: dict(view.processes.programs())[shop.pid],
    "exe": lambda view, shop: _get(view, shop).exe,
    "is_of_this_root": lambda view, shop: view.processes.is_of_this_root(shop.pid),
    "holder_of_port": lambda view, shop: [process.pid for process in (view.sockets.holder_of_port(shop.port),) if process],
    "owners": _owners,
    "serves": lambda view, shop: view.sockets.serves(shop.pid),
    "lockers": lambda view, shop: view.open_files.lockers([shop.lock]),
    "holding_locks": lambda view, shop: sorted(view.open_files.holding_locks([1, shop.pid])),
    "lock_holder": lambda view, shop: view.files.lock_holder(shop.lock),
    "files on a disk": _files,
    "files of a process": lambda view, shop: [asdict(file) for file in view.open_files.of((shop.pid,), DISK) if file.deleted],
    "containers": _container,
}
"""Each is something that the kernel tells root alone. Of a unit:"""
OF_A_UNIT: Looks = {
    "unit_files": lambda view, shop: sorted(file.path for file in view.open_files.of((shop.pid,), DISK, UNIT)),
    "unit_paths": lambda view, shop: sorted(view.open_files.paths(UNIT, (shop.pid,))),
    "at_work_beneath": lambda view, shop: len(places.at_work_beneath(view, view.units.get(UNIT), str(shop.place))),
    "awaited_sockets": lambda view, shop: view.insides.awaited_sockets(UNIT, (shop.pid,)),
    "held_sockets": lambda view, shop: sorted(view.insides.sockets(UNIT, (shop.pid,))),
    "replaced_code": lambda view, shop: view.insides.replaced_code(UNIT, shop.pid),
}
CLOSED = LOOKS | (OF_A_UNIT if BOOTED else {})
OTHER_WAYS = {"file_counts", "journal_bytes", "kernel_events", "sync_journal", "refuses"}
"""Questions that this kernel, or a journal that may be read, makes needless; or whose answer without the hands is another word."""


@pytest.mark.parametrize("name", CLOSED)
def test_with_the_hands_a_user_sees_what_root_sees(name: str, view: View, shop: Shop, state: Path, config: Config) -> None:
    """The answer is the same, and it is not an empty one."""
    expected = CLOSED[name](view, shop)
    assert expected
    assert as_nobody(lambda own: CLOSED[name](own, shop), state, (view, config)) == _plain(expected)


@pytest.mark.parametrize("name", CLOSED)
def test_without_the_hands_a_user_is_blind(name: str, shop: Shop, state: Path) -> None:
    """What may not be read is not nothing: neither an empty answer nor a wrong one."""
    with pytest.raises(Unavailable):
        as_nobody(lambda own: CLOSED[name](own, shop), state)


@pytest.mark.skipif(not BOOTED, reason="needs systemd: the lab has it")
def test_every_question_about_processes_is_one_that_the_view_asks(view: View, shop: Shop, state: Path, config: Config) -> None:
    """No question is there that nobody needs, and none of the View's is unknown to the hands."""

    def asked(own: View) -> list[str]:
        for look in CLOSED.values():
            look(own, shop)
        assert isinstance(own.rights, Asked)
        return own.rights.asked

    assert set(as_nobody(asked, state, (view, config))) == set(process_reads.QUESTIONS) - OTHER_WAYS


@pytest.mark.skipif(not BOOTED, reason="needs systemd: the lab has it")
def test_what_room_the_journal_takes_is_told_by_the_hands(view: View, state: Path, config: Config) -> None:
    """A user whose journalctl may open no file of it would call it empty."""
    assert journal_bytes(view) > 0
    assert as_nobody(journal_bytes, state, (view, config)) > 0
    assert as_nobody(journal_bytes, state) == 0


def test_a_dead_socket_of_roots_is_proved_dead_by_the_hands(view: View, shop: Shop, state: Path, config: Config) -> None:
    """A user may not even knock there, and is told so; the hands knock at nothing but a socket that nobody listens on."""
    assert as_nobody(lambda own: refuses(own, shop.socket), state, (view, config)) == refuses(view, shop.socket) == ""
    assert "listens" in reads.answer("refuses", {"path": str(shop.engine)}, view, config)
    assert "no socket" in reads.answer("refuses", {"path": shop.lock}, view, config)
    with pytest.raises(Unavailable):
        as_nobody(lambda own: refuses(own, shop.socket), state)


@pytest.mark.skipif(not BOOTED, reason="needs systemd: the lab has it")
def test_descriptors_are_counted_for_older_kernels(view: View, shop: Shop, config: Config) -> None:
    """Those tell only their owner; the hands count what root counts."""
    counts = dict(reads.answer("file_counts", {"units": [UNIT]}, view, config))
    assert counts == view.limits.open_files([shop.pid])


def test_a_living_process_whose_program_may_not_be_read_is_no_stranger(shop: Shop, state: Path) -> None:
    """A user's `not read` is no `not there`: the pid file of a daemon that lives is not stale."""
    file = shop.place / "shop.pid"
    file.write_text(str(os.getpid()))
    shop.place.chmod(0o755)

    def why(view: View) -> str:
        found = view.files.look(str(file))
        assert found
        return not_stale(view, str(file), "pid", found, None)

    assert "lives" in as_nobody(why, state)
    shop.place.chmod(0o700)


def test_a_check_that_may_not_look_is_blind(state: Path) -> None:
    """Programs that nobody may see are neither strange nor well."""
    check = all_checks()["strange_program"]
    seen = as_nobody(lambda own: repr(check.ask(own, Config())), state)
    assert seen.startswith("Blind")


def test_processes_that_are_hidden_are_not_gone(state: Path) -> None:
    """Where /proc shows a user his own alone, there is not nobody else."""

    def hide() -> None:
        assert ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["mount", "-t", "proc", "-o", "hidepid=2", "proc", "/proc"], check=True)

    for look in (lambda view: view.processes.pids(), lambda view: view.processes.get(1) is None, lambda view: view.processes.unreaped()):
        with pytest.raises(Unavailable, match="hidden"):
            as_nobody(look, state, before=hide)


def test_every_part_of_the_view_says_who_may_look(view: View) -> None:
    """A new part of the View is not overlooked: what the kernel tells root alone has its looks above, or is about paths."""
    parts = {name for name, part in vars(view).items() if type(part).__module__.startswith("orchestrator.host") and name[0] != "_"}
    assert parts == OF_PROCESSES | OF_PATHS | OF_EVERYBODY


@pytest.mark.skipif(not BOOTED, reason="needs a journal: the lab has it")
def test_a_journal_that_may_not_be_read_is_told_from_none(view: View, state: Path, config: Config) -> None:
    """There is a witness, and he may not be heard: who unmounted something is not known to be nobody."""
    look = lambda own: [own.journal.has_journal(), own.journal.is_closed(), own.journal.catch_up()]  # noqa: E731
    assert as_nobody(look, state, (view, config)) == [False, True, True]
    assert as_nobody(look, state) == [False, True, False]
    with pytest.raises(Unavailable, match="no journal"):
        as_nobody(lambda own: own.by_hand.unmounted("/srv"), state)


@pytest.mark.skipif(not BOOTED, reason="needs a journal: the lab has it")
def test_what_the_kernel_says_comes_through_three_doors(view: View, state: Path, config: Config) -> None:
    """Its own log, the journal, and the hands tell the same: of what a program wrote there, that it was one."""
    Path("/dev/kmsg").write_text("<3>INFO: task harvester:4242 blocked for more than 120 seconds.\n", encoding="ascii")
    assert view.journal.catch_up()
    assert view.kernel_log.loses == ""

    def refused() -> int:
        raise PermissionError(1, "Operation not permitted")

    def told(log: KernelLog) -> list[Any]:
        return [[event.message, event.names, event.kind.name, event.written] for event in log.events(60)][-1:]

    by_journal = KernelLog(refused, view.journal)
    expected = told(view.kernel_log)
    assert expected[0][3] is True
    assert told(by_journal) == expected
    assert told(by_journal) == expected  # and once
    assert "missing" in by_journal.loses
    assert as_nobody(lambda own: told(own.kernel_log), state, (view, config)) == expected
    with pytest.raises(Unavailable, match="kernel's log"):
        as_nobody(lambda own: told(own.kernel_log), state)


@pytest.mark.parametrize(
    ("question", "about"),
    [
        ("unit_paths", {"unit": "user@0.service"}),
        ("unit_paths", {"unit": "session-1.scope"}),
        ("unit_files", {"unit": "-.slice", "point": "/"}),
        ("unit_paths", {"unit": "../x.service"}),
        ("lockers", {"paths": ["etc/shadow"]}),
        ("socket_holders", {"inodes": list(range(1, 1002))}),
        ("is_of_this_root", {"pid": -1}),
        ("holding_locks", {"pids": [1], "path": "/etc/shadow"}),
        ("container", {"engine": "/run/x.sock", "id": "../images/json"}),
    ],
)
def test_what_does_not_fit_a_question_is_not_answered(question: str, about: dict[str, Any], view: View, config: Config) -> None:
    """Neither what people run in their sessions, nor a path or a number out of bounds, nor a word too many."""
    with pytest.raises(Unavailable, match="does not fit"):
        reads.answer(question, about, view, config)


def test_a_container_of_an_engine_that_nobody_configured_is_none(view: View, shop: Shop) -> None:
    """Whatever socket is named: the hands speak with those of their own configuration alone."""
    about = {"engine": str(shop.engine), "id": "0fc7a9de7c03"}
    assert reads.answer("container", about, view, Config.model_validate({"containers": {"sockets": []}})) is None


FREE: Looks = {
    "has_program": lambda view, shop: _get(view, shop).has_program,
    "kernel threads": lambda view, _: [[process.exe for process in view.processes.all() if process.ppid == 2]],
    "limit_nofile": lambda view, shop: view.processes.limit_nofile(shop.pid),
    "limit_nproc": lambda view, shop: view.processes.limit_nproc(shop.pid),
    "mounts": lambda view, _: [mount.point for mount in view.mounts.list()],
    "synchronised": lambda view, _: [view.clock.synchronised()],
}
"""Each is what the kernel tells everybody, so that nobody needs to be asked."""


@pytest.mark.parametrize("name", FREE)
def test_what_everybody_may_see_needs_nobody(name: str, view: View, shop: Shop, state: Path) -> None:
    """The same for root and for a user without the hands."""
    expected = FREE[name](view, shop)
    assert expected
    assert as_nobody(lambda own: FREE[name](own, shop), state) == _plain(expected)


def test_what_is_true_of_his_own_processes_a_user_sees_himself(state: Path) -> None:
    """Without the hands he is blind for others alone: who listens for him he finds."""

    def own_listener(view: View) -> bool:
        with socket.create_server(("127.0.0.1", 0)) as server:
            holder = view.sockets.holder_of_port(server.getsockname()[1])
            return holder is not None and holder.pid == os.getpid() and bool(holder.exe)

    assert as_nobody(own_listener, state) is True


@pytest.mark.skipif(not BOOTED, reason="looks at systemd's own network: the lab has it")
@pytest.mark.parametrize("sandboxed", [True, False])
def test_through_the_walls_of_a_sandbox_the_hosts_network_is_seen(*, sandboxed: bool) -> None:
    """A service that systemd gave no network still tells who holds a port of the host; one in another network by choice sees that."""
    environment = {name: value for name, value in os.environ.items() if name != "INVOCATION_ID"}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1"} | ({"INVOCATION_ID": "1"} if sandboxed else {})
    with socket.create_server(("127.0.0.1", 0)) as server:
        argv = ["unshare", "--net", sys.executable, "-c", HOLDER.format(server.getsockname()[1])]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (f"[{os.getpid()}]" if sandboxed else "[]")


def _plain(value: Any) -> Any:
    """As it comes out of a socket."""
    return json.loads(json.dumps(value))
