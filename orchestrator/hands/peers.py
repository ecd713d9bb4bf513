"""Who is at the other end of a socket, by the kernel's word, and what such a one is to the hands.

The databases of users and groups are asked anew each time: who was taken out of the group has lost the right at once.
"""

import grp
import pwd
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

_CREDENTIALS = struct.Struct("iII")  # pid, uid, gid: struct ucred
_NOBODY = 2**32 - 1


class Role(StrEnum):
    ROOT = "root"
    BRAIN = "brain"
    WEB = "web"
    PERSON = "person"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Peers:
    """The names that the installation gives: the daemon's user, the dashboard's, and the group of the people who may decide."""

    brain: str = "orchestrator"
    web: str = "orchestrator-web"
    group: str = "orchestrator"

    def role_of(self, uid: int) -> Role:
        """The daemon's user is never a person, whatever groups it is in: it must not approve what it asks for itself."""
        if uid == 0:
            return Role.ROOT
        if uid == _uid_of(self.brain):
            return Role.BRAIN
        if uid == _uid_of(self.web):
            return Role.WEB
        return Role.PERSON if self._is_member(uid) else Role.NOBODY

    def _is_member(self, uid: int) -> bool:
        with suppress(KeyError):
            user, group = pwd.getpwuid(uid), grp.getgrnam(self.group)
            return user.pw_gid == group.gr_gid or user.pw_name in group.gr_mem
        return False


def uid_of_peer(connection: socket.socket) -> int:
    """As it was when it connected; of one whom this namespace of users does not know, nobody's."""
    _, uid, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(uid)


def _uid_of(name: str) -> int:
    with suppress(KeyError):
        return pwd.getpwnam(name).pw_uid
    return _NOBODY
