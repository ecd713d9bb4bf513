"""Reads the journal: to explain, never to detect (a follower lags by a quarter of a second, by journald's design)."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.host import commands
from orchestrator.host.errors import Unavailable
from orchestrator.host.kernel import Kernel
from orchestrator.host.manager import SYSTEM, Manager
from orchestrator.host.rights import Own, Rights

_DROPPED = "a596d6fe7bfa4994828e72309e95d61e"
"""sd-messages.h, SD_MESSAGE_JOURNAL_DROPPED."""
READ_SECONDS = 3.0
LINES_LIMIT = 1000
MESSAGE_CHARACTERS = 2000
_OUTPUT_BYTES = 4 << 20
_CONTAINER_SECONDS = 60.0
_SYNC_SECONDS = 1.0
_COREDUMP = "fc2e22bc6ee647b6b90729ab34a250b1"
"""sd-messages(3): systemd-coredump's account of a crash."""
_DIRECTORIES = (Path("/var/log/journal"), Path("/run/log/journal"))
_KEPT = ("MESSAGE_ID", "JOB_ID", "JOB_TYPE", "JOB_RESULT", "INVOCATION_ID", "UNIT", "UNIT_RESULT", "EXIT_CODE", "EXIT_STATUS")
_SYSLOG = ("SYSLOG_FACILITY", "SYSLOG_IDENTIFIER", "SYSLOG_PID")
_FIELDS = ("MESSAGE", "PRIORITY", "_PID", "_COMM", "_TRANSPORT", "_SOURCE_MONOTONIC_TIMESTAMP", *_SYSLOG, *_KEPT)
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Line:
    """One entry. `message` is hostile text, bounded and without control characters; the other fields journald vouches for."""

    at: float
    message: str
    priority: int = 6
    pid: int = 0
    comm: str = ""
    unit: str = ""
    """The unit whose process wrote it; for a line of PID 1 the unit that it is about."""
    trusted: bool = False
    """It came from PID 1 itself: `logger -t systemd` cannot forge that."""
    up: float = 0.0
    """Seconds that the machine had been up when it was said, without those that it slept."""
    lag: float = 0.0
    """Seconds from the kernel's own word to `at`: a journal that begins takes in all that the kernel has said before."""
    facility: int = -1
    """As syslog(3) counts them: 0 is the kernel. -1: none was given."""
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)
    """For a trusted line what PID 1 adds: MESSAGE_ID, the job's and the exit's own fields, INVOCATION_ID, UNIT."""


class Journal:
    """Asks journalctl, with a deadline. Raises Unavailable where there is no journal, or no permission to read it."""

    def __init__(self, kernel: Kernel, rights: Rights | None = None, manager: Manager = SYSTEM) -> None:
        self._kernel = kernel
        self._rights = rights or Own()
        self._manager = manager

    def has_journal(self) -> bool:
        """Whether there is one of the system's that we may read: everybody may read his own, which tells nothing of the rest."""
        own = self._manager.journal
        return any(_has_readable_file(directory, own) for directory in _DIRECTORIES)

    def is_closed(self) -> bool:
        """Whether there is one, and it may not be read here."""
        return not self.has_journal() and any(_is_closed(directory) for directory in _DIRECTORIES)

    def tail(
        self,
        unit: str | None,
        *,
        lines: int = 50,
        since: float | None = None,
        invocation: str | None = None,
        boot_only: bool = True,
    ) -> tuple[Line, ...]:
        """The last `lines` entries of the unit and of PID 1 about it, oldest first; `unit=None` is the whole journal.

        Lines that a program wrote just before it died may lack the `invocation`: journald looks it up when it comes to it, and
        by then it may be gone. `since` misses none. "Failed at step EXEC" comes from a child of systemd that is not PID 1, and
        that may not have moved to the unit's own group yet.
        """
        if unit is None:
            matches: list[list[str]] = [[]]
        else:
            # Whoever may write to the journal can name any unit in UNIT=; what begins with "_" journald itself puts there.
            own = self._manager
            about = [[f"{own.about}={unit}", origin] for origin in (f"_PID={own.pid}", f"{own.of_unit}=init.scope")]
            matches = [[f"{own.of_unit}={unit}"], *about, [f"COREDUMP_{own.about}={unit}", f"MESSAGE_ID={_COREDUMP}", "_UID=0"]]
        if invocation:
            named = self._manager.field("INVOCATION_ID")
            matches = [[f"_SYSTEMD_INVOCATION_ID={invocation}"], [f"{named}={invocation}", f"_UID={self._manager.uid or 0}"]]
        return self._read(matches, lines, since, boot_only=boot_only)

    def catch_up(self) -> bool:
        """Wait until journald has written what programs have said so far, or for a second: what just died may have told why.

        Only root may have that done. False: nobody did, and the last words may be missing.
        """
        if os.geteuid() == 0:
            return commands.run(["journalctl", "--sync"], timeout=_SYNC_SECONDS).ok
        with suppress(Unavailable):
            return bool(self._rights.ask("sync_journal"))
        return False

    def manager_lines(self, unit: str | Sequence[str], since: float, lines: int = 200, *, boot_only: bool = True) -> tuple[Line, ...]:
        """What PID 1 itself said about the unit (or units) since then, oldest first."""
        names = (unit,) if isinstance(unit, str) else unit
        return self._read([self._by_manager(names)], lines, since, boot_only=boot_only)

    def _by_manager(self, units: Sequence[str]) -> list[str]:
        return [f"_PID={self._manager.pid}", *(f"{self._manager.about}={unit}" for unit in units)]

    def of_units(self, units: Sequence[str], since: float, lines: int) -> tuple[tuple[Line, ...], bool]:
        """The last `lines` entries of these units' own processes and of PID 1 about them, oldest first; and whether these are all."""
        own = [[f"{self._manager.of_unit}={unit}"] for unit in units]
        found, cut = self._told([*own, self._by_manager(units)], lines, since)
        return found, not cut and len(found) < lines

    def kernel_lines(self, since: float, lines: int = 200) -> tuple[Line, ...]:
        """What the kernel logged since then, oldest first."""
        return self._read([["_TRANSPORT=kernel"]], lines, since)

    def of_program(self, exe: str, lines: int) -> tuple[Line, ...]:
        """The last lines of processes that ran this very program, oldest first; of this boot only."""
        return self._read([[f"_EXE={exe}"]], lines, None)

    def suppressed(self, since: float, lines: int = 200) -> tuple[Line, ...]:
        """journald's own words that it dropped lines of somebody who wrote too many; nobody else can write by this way."""
        return self._read([[f"MESSAGE_ID={_DROPPED}", "_TRANSPORT=driver"]], lines, since)

    def _read(self, matches: list[list[str]], lines: int, since: float | None, *, boot_only: bool = True) -> tuple[Line, ...]:
        return self._told(matches, lines, since, boot_only=boot_only)[0]

    def _told(self, matches: list[list[str]], lines: int, since: float | None, *, boot_only: bool = True) -> tuple[tuple[Line, ...], bool]:
        """And whether it was cut short: by its bytes, or its time.

        Newest first from journalctl: with --since it would otherwise stop after the *oldest* n.
        """
        if not self.has_journal():
            raise Unavailable("there is no journal here that may be read")
        argv = ["journalctl", "--quiet", "--no-pager", "--reverse", "--output=json", "--all", f"--output-fields={','.join(self._fields())}"]
        argv.append(f"--lines={max(1, min(lines, LINES_LIMIT))}")
        began = self._boot_began() if boot_only else 0.0
        if since:
            argv.append(f"--since=@{since:.6f}")
        boot = [f"_BOOT_ID={self._kernel.boot_id().replace('-', '')}"] if boot_only else []
        for number, group in enumerate(matches):
            argv += [*(["+"] if number else []), *group, *boot]
        result = commands.run(argv, timeout=READ_SECONDS, cap=_OUTPUT_BYTES)
        said = result.output.splitlines()
        lines_read = (parse(text, self._manager) for text in said if text.startswith("{"))
        found = [line for line in lines_read if line and line.up >= began]
        if not found and not result.ok:
            raise Unavailable(f"the journal did not answer in {READ_SECONDS:g} s" if result.timed_out else _complaint(result.output))
        return tuple(reversed(found)), commands.LEFT_OUT in said or result.timed_out

    def _fields(self) -> tuple[str, ...]:
        return (self._manager.of_unit, *map(self._manager.field, _FIELDS))

    def _boot_began(self) -> float:
        """As `Line.up`. In a container the boot id is the machine's: there only the start of PID 1 tells this boot from the last.

        By no clock that can be set: one that was wrong when this process began would hide all that the journal has.
        """
        own = self._kernel.init_up()
        return own if own > _CONTAINER_SECONDS else 0.0


def parse(text: str, manager: Manager = SYSTEM) -> Line | None:
    """One line of `journalctl -o json`; None when it is none."""
    try:
        entry = json.loads(text)
        at = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
    except (ValueError, KeyError, TypeError):
        return None
    pid = _number(entry.get("_PID"), 0)
    about, trusted = _one(entry.get(manager.about)), pid == manager.pid
    lag = _lag(entry) if _one(entry.get("_TRANSPORT")) == "kernel" else 0.0
    return Line(
        at=at,
        message=clean(_said(entry)),
        priority=_number(entry.get("PRIORITY"), 6),
        pid=pid,
        comm=_one(entry.get("_COMM"))[:64],
        unit=about if trusted and about else _one(entry.get(manager.of_unit)),
        trusted=trusted,
        up=_number(entry.get("__MONOTONIC_TIMESTAMP"), 0) / 1e6 - lag,
        lag=lag,
        facility=_number(entry.get("SYSLOG_FACILITY"), -1),
        fields={name: _one(entry[manager.field(name)])[:256] for name in _KEPT if manager.field(name) in entry} if trusted else {},
    )


def _said(entry: Mapping[str, Any]) -> str:
    """What a program writes into the kernel's log, journald takes apart like a line of syslog: it is put together again."""
    said = _message(entry.get("MESSAGE"))
    if _one(entry.get("_TRANSPORT")) != "kernel" or _number(entry.get("SYSLOG_FACILITY"), 0) == 0:
        return said
    who, pid = _one(entry.get("SYSLOG_IDENTIFIER")), _one(entry.get("SYSLOG_PID"))
    return f"{who}[{pid}]: {said}" if who and pid else f"{who}: {said}" if who else said


def _lag(entry: Mapping[str, Any]) -> float:
    received = _number(entry.get("__MONOTONIC_TIMESTAMP"), 0)
    return max(0, received - _number(entry.get("_SOURCE_MONOTONIC_TIMESTAMP"), received)) / 1e6


def clean(text: str) -> str:
    """Without escape sequences, control and direction-changing characters, and bounded: a log line may be written to deceive."""
    return _CONTROLS.sub(" ", _ESCAPES.sub("", text[: 2 * MESSAGE_CHARACTERS]))[:MESSAGE_CHARACTERS]


def _message(value: Any) -> str:
    """journald gives bytes that are no UTF-8 as a list of numbers, a field that is there twice as a list of texts, too long as null."""
    if isinstance(value, list) and value and all(isinstance(item, int) for item in value):
        return bytes(item & 255 for item in value).decode(errors="replace")
    if isinstance(value, list):
        return " ".join(_message(item) for item in value[:10])
    return value if isinstance(value, str) else ""


def _one(value: Any) -> str:
    return _message(value[0] if isinstance(value, list) and value and not isinstance(value[0], int) else value)


def _number(value: Any, default: int) -> int:
    try:
        return int(_one(value))
    except ValueError:
        return default


def _complaint(output: str) -> str:
    first = next((line for line in output.splitlines() if line and not line.startswith("{")), "it gave no reason")
    return f"the journal could not be read: {clean(first)[:200]}"


def _has_readable_file(directory: Path, own: str) -> bool:
    readable = any(os.access(path, os.R_OK) for path in _files(directory))
    return readable or (bool(own) and any(os.access(path, os.R_OK) for path in directory.glob(f"*/{own}*.journal")))


def _is_closed(directory: Path) -> bool:
    return any(not os.access(path, os.R_OK) for path in _files(directory))


def _files(directory: Path) -> Iterator[Path]:
    """Of the system: everybody may read a journal of his own. A directory that may not be listed stands for what is in it."""
    try:
        for path in directory.iterdir():
            if path.is_dir():
                yield from _files(path)
            elif path.suffix == ".journal" and not path.name.startswith("user-"):
                yield path
    except PermissionError:
        yield directory
    except OSError:
        return
