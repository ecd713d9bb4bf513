"""Whose systemd is watched: the host's, or one user's own. What names it differs; what it says is the same."""

import os
import pwd
import socket
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jeepney.bus import find_system_bus  # type: ignore[import-untyped]  # ships no types

from orchestrator.config.places import config_home
from orchestrator.model import is_unit

_BOOTED = Path("/run/systemd/system")  # sd_booted(3): this directory is there exactly where systemd is the init
_OF_USERS = ("INVOCATION_ID", "UNIT")
_CREDENTIALS = struct.Struct("iII")  # pid, uid, gid: struct ucred


@dataclass(frozen=True, slots=True)
class Manager:
    uid: int | None = None
    """The user whose own it is; None is the host's."""

    @classmethod
    def named(cls, word: str) -> "Manager":
        """`daemon.manager` of the configuration: `system`, or `user` for whoever runs this."""
        return cls(os.getuid()) if word == "user" else cls()

    @property
    def user(self) -> str:
        """As whom it runs what names no user."""
        return "root" if self.uid is None else pwd.getpwuid(self.uid).pw_name

    @property
    def missing(self) -> str:
        """Why nobody can be asked here; empty when somebody can."""
        if not _BOOTED.is_dir():
            return "systemd does not run here: there is no /run/systemd/system"
        if self.uid is not None and not os.path.exists(self.private):  # noqa: PTH110  # one stat, often
            return f"no systemd of user {self.uid}'s own runs here: there is no {self.private} (loginctl enable-linger)"
        return ""

    @property
    def bus(self) -> str:
        return str(find_system_bus()) if self.uid is None else f"{self._runtime}/bus"

    @property
    def private(self) -> str:
        """Its own socket, for its own user alone: no Hello, no AddMatch. Not a promised interface, but systemctl uses it."""
        return f"{self._runtime}/systemd/private" if self.uid is not None else "/run/systemd/private"

    @property
    def _runtime(self) -> str:
        return f"/run/user/{self.uid}"

    @property
    def pid(self) -> int:
        """Of the process itself, by the kernel's word: whoever listens on its own socket. 0 when nobody does."""
        return 1 if self.uid is None else _listener(self.private)

    @property
    def wanted_beneath(self) -> Path:
        """Where an administrator, or the user, has enabled what its start brings up."""
        return Path("/etc/systemd/system") if self.uid is None else config_home() / "systemd" / "user"

    # How journald names what its units and the manager itself write

    @property
    def of_unit(self) -> str:
        return "_SYSTEMD_UNIT" if self.uid is None else "_SYSTEMD_USER_UNIT"

    @property
    def about(self) -> str:
        """The field in which the manager says which unit it speaks of."""
        return self.field("UNIT")

    def field(self, name: str) -> str:
        """A user's manager names two of its fields otherwise."""
        return f"USER_{name}" if self.uid is not None and name in _OF_USERS else name

    @property
    def journal(self) -> str:
        """How the file begins into which journald writes for that user alone; empty for the host, which has all of it."""
        return "" if self.uid is None else f"user-{self.uid}"

    def unit_of(self, cgroup: str) -> str:
        """Whose group it is: the first part of the path that is a unit and no slice, beneath this manager; empty for nobody."""
        parts = cgroup.split("/")
        if self.uid is not None and (own := f"user@{self.uid}.service") in parts:
            parts = parts[parts.index(own) + 1 :]
        return next((part for part in parts if is_unit(part) and not part.endswith(".slice")), "")


@cache
def _listener(path: str) -> int:
    """It is asked once: a daemon that is a unit of this manager ends with it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(1)
        try:
            asking.connect(path)
            pid, _, _ = _CREDENTIALS.unpack(asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        except OSError:
            return 0
    return int(pid)


SYSTEM = Manager()
