"""Reads the journal: to explain, never to detect (a follower lags by a quarter of a second, by journald's design)."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.host import commands
from orchestrator.host.errors import Unavailable
from orchestrator.host.kernel import Kernel

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
_FIELDS = ("MESSAGE", "PRIORITY", "_PID", "_COMM", "_SYSTEMD_UNIT", "_TRANSPORT", "_SOURCE_MONOTONIC_TIMESTAMP", *_KEPT)
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
    lag: float = 0.0
    """Seconds from the kernel's own word to `at`: a journal that begins takes in all that the kernel has said before."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """For a trusted line what PID 1 adds: MESSAGE_ID, the job's and the exit's own fields, INVOCATION_ID, UNIT."""


class Journal:
    """Asks journalctl, with a deadline. Raises Unavailable where there is no journal, or no permission to read it."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def has_journal(self) -> bool:
        """Whether there is one that we may read."""
        return any(_has_readable_file(directory) for directory in _DIRECTORIES)

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
            about = [[f"UNIT={unit}", origin] for origin in ("_PID=1", "_SYSTEMD_UNIT=init.scope")]
            matches = [[f"_SYSTEMD_UNIT={unit}"], *about, [f"COREDUMP_UNIT={unit}", f"MESSAGE_ID={_COREDUMP}", "_UID=0"]]
        if invocation:
            matches = [[f"_SYSTEMD_INVOCATION_ID={invocation}"], [f"INVOCATION_ID={invocation}", "_UID=0"]]
        return self._read(matches, lines, since, boot_only=boot_only)

    def catch_up(self) -> None:
        """Wait until journald has written what programs have said so far, or for a second: what just died may have told why."""
        commands.run(["journalctl", "--sync"], timeout=_SYNC_SECONDS)

    def manager_lines(self, unit: str | Sequence[str], since: float, lines: int = 200) -> tuple[Line, ...]:
        """What PID 1 itself said about the unit (or units) since then, oldest first; of this boot only."""
        names = (unit,) if isinstance(unit, str) else unit
        return self._read([["_PID=1", *(f"UNIT={name}" for name in names)]], lines, since)

    def of_units(self, units: Sequence[str], since: float, lines: int) -> tuple[Line, ...]:
        """The last `lines` entries of these units' own processes and of PID 1 about them, oldest first."""
        own = [[f"_SYSTEMD_UNIT={unit}"] for unit in units]
        return self._read([*own, ["_PID=1", *(f"UNIT={unit}" for unit in units)]], lines, since)

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
        """Newest first from journalctl: with --since it would otherwise stop after the *oldest* n."""
        if not self.has_journal():
            raise Unavailable("there is no journal here that may be read")
        argv = ["journalctl", "--quiet", "--no-pager", "--reverse", "--output=json", "--all", f"--output-fields={','.join(_FIELDS)}"]
        argv.append(f"--lines={max(1, min(lines, LINES_LIMIT))}")
        began = self._boot_began() if boot_only else 0.0
        after = max(since or 0.0, began)
        if after:
            argv.append(f"--since=@{after:.6f}")
        boot = [f"_BOOT_ID={self._kernel.boot_id().replace('-', '')}"] if boot_only else []
        for number, group in enumerate(matches):
            argv += [*(["+"] if number else []), *group, *boot]
        result = commands.run(argv, timeout=READ_SECONDS, cap=_OUTPUT_BYTES)
        lines_read = (parse(text) for text in result.output.splitlines() if text.startswith("{"))
        found = [line for line in lines_read if line and line.at - line.lag >= began]
        if not found and not result.ok:
            raise Unavailable(f"the journal did not answer in {READ_SECONDS:g} s" if result.timed_out else _complaint(result.output))
        return tuple(reversed(found))

    def _boot_began(self) -> float:
        """In a container the boot id is the machine's: there only the start of PID 1 tells this boot from the last.

        On a machine the boot id is enough, and a clock that was set during the boot would make the time a wrong one.
        """
        own = self._kernel.init_started_at()
        return own if own > self._kernel.started_at() + _CONTAINER_SECONDS else 0.0


def parse(text: str) -> Line | None:
    """One line of `journalctl -o json`; None when it is none."""
    try:
        entry = json.loads(text)
        at = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
    except (ValueError, KeyError, TypeError):
        return None
    pid = _number(entry.get("_PID"), 0)
    about = _one(entry.get("UNIT"))
    return Line(
        at=at,
        message=clean(_message(entry.get("MESSAGE"))),
        priority=_number(entry.get("PRIORITY"), 6),
        pid=pid,
        comm=_one(entry.get("_COMM"))[:64],
        unit=about if pid == 1 and about else _one(entry.get("_SYSTEMD_UNIT")),
        trusted=pid == 1,
        lag=_lag(entry) if _one(entry.get("_TRANSPORT")) == "kernel" else 0.0,
        fields={name: _one(entry[name])[:256] for name in _KEPT if name in entry} if pid == 1 else {},
    )


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


def _has_readable_file(directory: Path) -> bool:
    try:
        return any(os.access(path, os.R_OK) for path in directory.glob("*/*.journal"))
    except OSError:
        return False
