"""Crontabs by the rules of Debian's cron, which says nothing to anybody but its own log when it ignores one.

A file is ignored whole for a name with a dot, another owner, a mode that lets others write, a missing newline at its end, or one
line that it cannot read. Pure: text and file states in, problems out.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from orchestrator.host.files import FileState

CRON = "cron.service"
READ_SECONDS = 75.0
"""It looks at its tables when a minute begins."""
DIRECTORIES = ("/etc/cron.d", "/var/spool/cron/crontabs")
MAIN = "/etc/crontab"
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PUT_ASIDE = re.compile(
    r"^\.|~$|\.(bak|old|orig|save|disabled|off|dist|example|sample|template|swp|tmp|new|dpkg-[a-z]+|rpm[a-z]+|ucf-[a-z]+)$"
)
"""How files are switched off or kept beside others on purpose: their dot is meant."""
_SETTING = re.compile(r"\s*[\"']?[A-Za-z_][A-Za-z0-9_]*[\"']?\s*=")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_NICKNAMES = ("@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_ELEMENT = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")
_INTERPRETERS = frozenset(("sh", "bash", "dash", "python3", "perl", "php"))
_CUT = re.compile(r"\bdate\s[^|;&]*\+[^|;&]*?(?<!\\)%")


@dataclass(frozen=True, slots=True)
class Job:
    """One line that starts something."""

    line: int
    user: str
    """Of a system crontab; empty in a user's own."""
    command: str

    @property
    def program(self) -> str:
        """The absolute path of what it starts first, or of the script that an interpreter reads; empty where it is not plain."""
        words = self.command.split()[:2]
        if not words or not words[0].startswith("/"):
            words = words[1:] if words and words[0] in _INTERPRETERS else []
        elif PurePosixPath(words[0]).name in _INTERPRETERS and words[1:] and words[1].startswith("/"):
            words = words[1:]
        return words[0] if words and re.fullmatch(r"/[\w./+-]+", words[0]) else ""

    @property
    def is_cut(self) -> bool:
        """cron ends a command at the first `%` without a backslash: a date's format is never meant to be cut there."""
        return _CUT.search(self.command) is not None


def is_crontab(path: str) -> bool:
    return path == MAIN or str(PurePosixPath(path).parent) in DIRECTORIES


def is_put_aside(path: str) -> bool:
    return _PUT_ASIDE.search(PurePosixPath(path).name) is not None


def refused(path: str, state: FileState, uid: int | None) -> str:
    """Why cron does not even read the file; empty when it does. `uid`: of the user whose own crontab it is."""
    own = str(PurePosixPath(path).parent) == DIRECTORIES[1]
    if not own and path != MAIN and not _NAME.fullmatch(PurePosixPath(path).name):
        return "its name has a character (a dot, mostly) that cron does not take"
    if state.kind != "file":
        return ""  # a link: cron asks about what it leads to
    if state.uid not in ((0, uid) if own else (0,)):
        return f"it belongs to user {state.uid}, and not to {'its own user' if own else 'root'}"
    if own and state.mode != 0o600:
        return f"its mode is {state.mode:o}, and not 600"
    return f"its mode is {state.mode:o}: others than root may write to it" if state.mode & 0o022 and not own else ""


def unreadable(path: str, text: str) -> str:
    """The first line that cron cannot read, and so ignores all of the file; empty when it reads it."""
    if text and not text.endswith("\n"):
        return "its last line has no newline at the end"
    for number, line in _lines(text):
        if (problem := _problem(line, system=_is_system(path))) and not _SETTING.match(line):
            return f"line {number}: {problem}"
    return ""


def jobs(path: str, text: str) -> Iterator[Job]:
    """What it starts; lines that cannot be read are left out."""
    system = _is_system(path)
    for number, line in _lines(text):
        if _SETTING.match(line) or _problem(line, system=system):
            continue
        times = 1 if line.startswith("@") else 5
        rest = line.split(None, times + system)
        yield Job(number, rest[times] if system else "", rest[-1])


def expired(shadow: str, user: str, today: int) -> bool:
    """Whether the account has ended, by its line of shadow(5): then cron is refused to start anything for it. `today`: in days."""
    for line in shadow.splitlines():
        name, *fields = line.split(":")
        if name == user and len(fields) >= 7:
            return fields[6].isdigit() and int(fields[6]) <= today
    return False


def _is_system(path: str) -> bool:
    return str(PurePosixPath(path).parent) != DIRECTORIES[1]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield number, stripped


def _problem(line: str, *, system: bool) -> str:
    times = 1 if line.startswith("@") else len(_FIELDS)
    words = line.split(None, times + system)
    if len(words) <= times + system:
        return f"{len(words)} words are too few for {'times, a user and a command' if system else 'times and a command'}"
    if times == 1:
        return "" if words[0].lower() in _NICKNAMES else f"{words[0]} is no time"
    for word, (name, low, high, names) in zip(words, _FIELDS, strict=False):
        if not all(_is_element(element, low, high, names) for element in word.split(",")):
            return f"{word!r} is no {name}"
    return ""


def _is_element(text: str, low: int, high: int, names: Sequence[str]) -> bool:
    match = _ELEMENT.fullmatch(text)
    if match is None:
        return False
    return all(_is_value(value, low, high, names) for value in match.groups()[:2] if value)


def _is_value(value: str, low: int, high: int, names: Sequence[str]) -> bool:
    return low <= int(value) <= high if value.isdigit() else value[:3].lower() in names
