"""Whom the daemon runs as, and what such a one may: `doctor` is run by somebody else, who may more or less than that."""

import os
import pwd
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.cli.finding import UNIT
from orchestrator.host import Unavailable, View
from orchestrator.host.commands import run

_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class DaemonUser:
    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]

    def can(self, argv: Sequence[str]) -> bool | None:
        """Whether a command succeeds as this user, and says something; None where nobody here can find out."""
        if os.geteuid() not in (0, self.uid):
            return None
        become = {"user": self.uid, "group": self.gid, "extra_groups": self.groups} if os.geteuid() == 0 else {}
        try:
            done = subprocess.run(argv, capture_output=True, timeout=_SECONDS, check=False, cwd="/", **become)  # type: ignore[call-overload]
        except (OSError, subprocess.SubprocessError):
            return None
        return bool(done.returncode == 0)

    def may(self, right: str, path: Path) -> bool | None:
        """`right`: r, w or x, asked of the kernel itself: groups, access lists and read-only mounts count."""
        return self.can(["test", f"-{right}", str(path)])

    def first_closed(self, path: Path) -> Path | None:
        """The first directory on the way that this user may not pass."""
        return next((above for above in reversed(path.parents) if self.may("x", above) is False), None)

    def opened(self, path: Path) -> str:
        """The line that lets this user read it, and nobody else who may not already."""
        if closed := self.first_closed(path):
            return f"chmod o+x {shlex.quote(str(closed))}"
        return f"chgrp {self.group} {shlex.quote(str(path))} && chmod g+r {shlex.quote(str(path))}"

    @property
    def group(self) -> str:
        import grp  # noqa: PLC0415

        try:
            return grp.getgrgid(self.gid).gr_name
        except KeyError:
            return str(self.gid)


def daemon_user(view: View) -> DaemonUser | None:
    """By its unit; None where that says root, or there is none."""
    try:
        unit = view.units.get(UNIT)
    except Unavailable:
        return None
    if unit.load_state != "loaded" or unit.user in ("", "root", "0"):
        return None
    with suppress(KeyError):
        about = pwd.getpwnam(unit.user)
        more = (gid for name in shown(UNIT, "SupplementaryGroups").split() if (gid := _gid(name)) is not None)
        groups = dict.fromkeys([*os.getgrouplist(about.pw_name, about.pw_gid), *more])
        return DaemonUser(name=about.pw_name, uid=about.pw_uid, gid=_gid(unit.group) or about.pw_gid, groups=tuple(groups))
    return None


def shown(unit: str, name: str, *, of_user: bool = False) -> str:
    """A property, as systemctl shows it, of a unit of the host or of the user's own; empty where it does not."""
    result = run(["systemctl", *(["--user"] if of_user else []), "show", f"--property={name}", "--value", unit], timeout=_SECONDS)
    return result.output.strip() if result.ok else ""


def written(unit: str, name: str) -> Iterable[str]:
    """What each line of the unit's files sets a key to, the drop-ins too, in their order."""
    result = run(["systemctl", "cat", unit], timeout=_SECONDS, cap=200_000)
    lines = result.output.splitlines() if result.ok else []
    return [line.partition("=")[2].strip() for line in lines if line.startswith(f"{name}=")]


def _gid(name: str) -> int | None:
    import grp  # noqa: PLC0415

    with suppress(KeyError):
        return grp.getgrnam(name).gr_gid
    return None
