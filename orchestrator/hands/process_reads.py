"""What the hands tell of processes: numbers of processes, sockets and descriptors, and names of files that decide what is done."""

import stat
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import islice
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from orchestrator.config import Config
from orchestrator.hands.questions import Nothing, Question
from orchestrator.hands.readable import is_plain
from orchestrator.hands.way import walked
from orchestrator.host import Container, OpenFile, Unavailable, View, room
from orchestrator.host.executables import grouped
from orchestrator.host.journal_room import journal_bytes
from orchestrator.host.sockets import ASKED_AT_ONCE
from orchestrator.host.stale import refuses
from orchestrator.model import AbsolutePath, Json, UnitName, Word

_PATHS = 64
_UNITS = 500
_FILES = 2000
_LOG_CHARACTERS = 64_000
_PROCESSES = 256
"""Of one unit."""

Pid = Annotated[int, Field(ge=1, le=1 << 22)]


def _of_the_system(unit: str) -> str:
    if not unit.endswith((".service", ".scope")) or unit.startswith(("user@", "session-")):
        raise ValueError("not a service of the system")
    return unit


SystemUnit = Annotated[UnitName, AfterValidator(_of_the_system)]
"""What people run in their sessions, or beneath their own manager, is theirs and is not told."""


class OneProcess(Word):
    pid: Pid


class SomeProcesses(Word):
    pids: Annotated[tuple[Pid, ...], Field(max_length=_PATHS)]


class Inodes(Word):
    inodes: Annotated[tuple[Annotated[int, Field(ge=1, lt=1 << 64)], ...], Field(max_length=ASKED_AT_ONCE)]


class OnePath(Word):
    path: AbsolutePath


class Paths(Word):
    paths: Annotated[tuple[AbsolutePath, ...], Field(max_length=_PATHS)]


class OneUnit(Word):
    unit: SystemUnit


class SomeUnits(Word):
    units: Annotated[tuple[UnitName, ...], Field(max_length=_UNITS)]


class OneContainer(Word):
    engine: AbsolutePath
    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12,64}$")]


class MountPoint(Word):
    point: AbsolutePath


class UnitOnMount(OneUnit):
    point: AbsolutePath


def _programs(view: View, config: Config, about: Nothing) -> Any:
    """[[program, [pid, ...]], ...]: which program each process runs. Its arguments are everybody's to read already; this is less."""
    del config, about
    return grouped(view.processes.programs())


def _is_of_this_root(view: View, config: Config, about: OneProcess) -> bool:
    """Whether a process sees its own program where this host has it: one bit, which tells a container from the host."""
    del config
    return view.processes.is_of_this_root(about.pid)


def _socket_holders(view: View, config: Config, about: Inodes) -> Any:
    """[[inode, [pid, ...]], ...]: who has these sockets open. The sockets themselves everybody may list; only numbers are told."""
    del config
    return [(inode, sorted(pids)) for inode, pids in view.sockets.holders(about.inodes).items()]


def _lockers(view: View, config: Config, about: Paths) -> Any:
    """[[path, pid], ...]: who holds a lock on these files. That a file is locked /proc/locks tells everybody; whose it is, this."""
    del config
    return list(view.open_files.lockers(about.paths).items())


def _holding_locks(view: View, config: Config, about: SomeProcesses) -> Any:
    """[pid, ...]: those of these processes that hold a lock on some file; not on which."""
    del config
    return sorted(view.open_files.holding_locks(about.pids))


def _lock_holder(view: View, config: Config, about: OnePath) -> int | None:
    """The pid that holds a lock on the file, 0 where the kernel does not say whose it is. No file and no lock are one answer, None."""
    del config
    state = view.files.look(about.path)  # a device or a fifo may feel that it was opened
    return view.files.lock_holder(about.path) if state and state.kind == "file" else None


def _file_counts(view: View, config: Config, about: SomeUnits) -> Any:
    """[[pid, count], ...]: how many descriptors the processes of these units have. Newer kernels tell that to everybody."""
    del config
    counts: dict[int, int] = {}
    for unit in about.units:
        counts |= view.limits.open_files(_pids(view, unit))
    return list(counts.items())


def _holders(view: View, config: Config, about: MountPoint) -> Any:
    """[OpenFile, ...]: who holds what takes a share of a file system: a thousandth of what is used, alone or, when deleted, together.

    Small files are not told, so this is no list of what people have open.
    """
    del config
    files, complete = view.open_files.on(about.point)
    if not complete:
        raise Unavailable(f"not all files of {about.point} may be seen")
    least = room.share(view.mounts.usage(about.point))
    deleted: dict[int, int] = {}
    for file in files:
        deleted[file.pid] = deleted.get(file.pid, 0) + (file.size if file.deleted else 0)
    return _rows(file for file in files if file.size >= least or (file.deleted and deleted[file.pid] >= least))


def _unit_files(view: View, config: Config, about: UnitOnMount) -> Any:
    """[OpenFile, ...]: what the processes of one service have open on a file system: names and sizes, never what is in them."""
    del config
    return _rows(view.open_files.of(_pids(view, about.unit), about.point, about.unit))


def _unit_paths(view: View, config: Config, about: OneUnit) -> Any:
    """[[path, [pid, ...]], ...]: the names alone of what the processes of one service have open, and where they work."""
    del config
    return grouped(view.open_files.paths(about.unit, _pids(view, about.unit)))


def _awaited_sockets(view: View, config: Config, about: OneUnit) -> Any:
    """[inode, ...]: the sockets that threads of one service wait to read from. Numbers of sockets that everybody may list."""
    del config
    return view.insides.awaited_sockets(about.unit, _pids(view, about.unit))


def _held_sockets(view: View, config: Config, about: OneUnit) -> Any:
    """[inode, ...]: the sockets that one service holds. Numbers, as above."""
    del config
    return view.insides.sockets(about.unit, _pids(view, about.unit))


def _replaced_code(view: View, config: Config, about: OneUnit) -> Any:
    """[path]: a library that the main process of one service runs and that an upgrade replaced. Its name; no address, no memory."""
    del config
    main = view.units.get(about.unit).main_pid
    return [path] if main and (path := view.insides.replaced_code(about.unit, main)) else []


def _containers(view: View, config: Config, about: Nothing) -> Any:
    """[Container, ...]: as the engines of the hands' own configuration tell them. Nothing can be asked of an engine but this."""
    del about
    return [asdict(one) for one in view.containers.all(config.containers.sockets)]


def _container(view: View, config: Config, about: OneContainer) -> Any:
    """The same of one, as it is now; None when it is gone."""
    found = _known_container(view, config, about)
    now = view.containers.again(found) if found else None
    return asdict(now) if now else None


def _container_log(view: View, config: Config, about: OneContainer) -> str:
    """The last 30 lines that one of them wrote, as the journal would have them: cleaned and cut."""
    found = _known_container(view, config, about)
    return view.containers.log(found)[-_LOG_CHARACTERS:] if found else ""


def _container_image(view: View, config: Config, about: OneContainer) -> bool:
    """Whether the image of one of them is there: one bit."""
    found = _known_container(view, config, about)
    return found is not None and view.containers.has_image(found)


def _known_container(view: View, config: Config, about: OneContainer) -> Container | None:
    return next((one for one in view.containers.all(config.containers.sockets) if (one.engine, one.id) == (about.engine, about.id)), None)


def _refuses(view: View, config: Config, about: OnePath) -> str:
    """Why a socket file is not proved dead: somebody listens, or something else; empty when its connections are refused.

    Nobody is knocked at who listens, so nothing is started or woken by it.
    """
    del config
    if not is_plain(about.path) or view.mounts.doubtful(about.path, follow=False):
        raise Unavailable(f"{about.path[:200]!r} is no plain path, or lies where the hands do not go")
    with walked(about.path, follow=False) as way:
        if way is None or not stat.S_ISSOCK(way.mode):
            return f"{about.path} is no socket"
        if any(listener.path == way.real for listener in view.sockets.unix()):
            return f"somebody listens on {about.path}"
        return refuses(view, about.path, at=f"/proc/self/fd/{way.descriptor}")


def _kernel_events(view: View, config: Config, about: Nothing) -> Any:
    """[{at, kind, message, names, written}, ...]: the kernel's lines of the last hour that mean trouble, at most 500, each cut.

    Who may read the journal has them already; nothing else of it is told.
    """
    del config, about
    return [{**asdict(event), "kind": event.kind.name} for event in view.kernel_log.events()]


def _journal_bytes(view: View, config: Config, about: Nothing) -> int:
    """How much room the journal takes: a number, which `df` tells everybody nearly as well."""
    del config, about
    return journal_bytes(view)


def _sync_journal(view: View, config: Config, about: Nothing) -> bool:
    """Have journald write what it was told so far. It does so by itself all the time; the hands ask it once a second at most."""
    del config, about
    return view.journal.catch_up()


def _pids(view: View, unit: str) -> tuple[int, ...]:
    """By systemd's own word of where the unit's group is."""
    return view.processes.pids_in(view.units.get(unit).control_group)[:_PROCESSES]


def _rows(files: Iterable[OpenFile]) -> list[Json]:
    """Those that one leaves out would be taken for not there."""
    rows = [asdict(file) for file in islice(files, _FILES + 1)]
    if len(rows) > _FILES:
        raise Unavailable(f"there are more than {_FILES} such files")
    return rows


QUESTIONS: Mapping[str, Question] = {
    "programs": Question(Nothing, _programs),
    "is_of_this_root": Question(OneProcess, _is_of_this_root),
    "socket_holders": Question(Inodes, _socket_holders),
    "lockers": Question(Paths, _lockers),
    "holding_locks": Question(SomeProcesses, _holding_locks),
    "lock_holder": Question(OnePath, _lock_holder),
    "file_counts": Question(SomeUnits, _file_counts),
    "holders": Question(MountPoint, _holders),
    "unit_files": Question(UnitOnMount, _unit_files),
    "unit_paths": Question(OneUnit, _unit_paths),
    "awaited_sockets": Question(OneUnit, _awaited_sockets),
    "held_sockets": Question(OneUnit, _held_sockets),
    "replaced_code": Question(OneUnit, _replaced_code),
    "containers": Question(Nothing, _containers),
    "container": Question(OneContainer, _container),
    "container_log": Question(OneContainer, _container_log),
    "container_image": Question(OneContainer, _container_image),
    "refuses": Question(OnePath, _refuses),
    "kernel_events": Question(Nothing, _kernel_events),
    "journal_bytes": Question(Nothing, _journal_bytes),
    "sync_journal": Question(Nothing, _sync_journal),
}
