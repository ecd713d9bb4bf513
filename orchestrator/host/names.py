"""How this host finds the address of a name: the files that every program reads for that, and which names its services need."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from orchestrator.host.errors import Unavailable

if TYPE_CHECKING:
    from orchestrator.host.view import View

RESOLV, NSSWITCH, HOSTS = "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/hosts"
NAME_FILES = (RESOLV, NSSWITCH, HOSTS)
"""Read by glibc in every program at each question, or again when they change."""
_LOOKUP_SECONDS = 3.0
"""A program that waits so long for a name is late for its own user."""
_NOT_FOUND = 2
"""getent(1): one of the keys could not be found."""
_NAMES = 20
_SERVERS = 3
"""resolv.conf(5): MAXNS."""

HOST = r"(?:[A-Za-z0-9_][A-Za-z0-9_-]{0,62}\.)*[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ENDS = r"(?=[:/\s\"',;\])}]|$)"
_NEEDED = re.compile(
    rf"://(?:[^\s/@]+@)?(?P<url>{HOST}){_ENDS}|(?<![\w./-])(?P<pair>{HOST}):\d{{2,5}}(?![\w.])|"
    r"\b(?:\w+[_.-])?(?:host|hostname|hosts|server|upstream|backend|peer|remote|primary|master|relayhost)[\"']?"
    rf"\s*[=:\s]\s*[\"']?(?P<key>{HOST})(?!://){_ENDS}",
    re.IGNORECASE,
)
"""A name in an address, before a port, or behind a word that says that another host is meant."""
_NO_NEED = re.compile(r"\s*(?:#|;|//|Documentation\s*=)")
_LOCAL = re.compile(r"(?<![\w.:-])(?:127(?:\.\d{1,3}){3}|localhost|\[::1\]):(?P<port>\d{2,5})(?!\d)")
_LOOK_UP = ("getent", "dig", "host", "nslookup", "resolvectl")
_ALONE = re.compile(rf"(?:{HOST})")


def names_in(text: str) -> tuple[str, ...]:
    """The names of hosts that a configuration may ask for. Some are none: only those that were found once count."""
    lines = (line for line in text.splitlines() if not _NO_NEED.match(line))
    found = (next(filter(None, match.groups())).lower() for line in lines for match in _NEEDED.finditer(line))
    return tuple(dict.fromkeys(found))[:_NAMES]


def local_ports_in(text: str) -> tuple[int, ...]:
    """The ports of this host that a configuration speaks of: its own ones, and those of services that it asks."""
    lines = (line for line in text.splitlines() if not _NO_NEED.match(line))
    return tuple(dict.fromkeys(int(match["port"]) for line in lines for match in _LOCAL.finditer(line)))[:_NAMES]


def names_of_command(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The same for a command's words, of which one may be a name alone; whoever looks names up is given hardly anything else."""
    looks_up = argv[0].rpartition("/")[2] in _LOOK_UP
    alone = (word.lower() for word in argv[1:] if (looks_up or "." in word) and _ALONE.fullmatch(word))
    return tuple(dict.fromkeys((*alone, *names_in("\n".join(argv)))))[:_NAMES]


def servers_in(resolv: str) -> tuple[str, ...]:
    rows = (line.split() for line in resolv.splitlines())
    return tuple(dict.fromkeys(row[1].partition("%")[0] for row in rows if len(row) > 1 and row[0] == "nameserver"))[:_SERVERS]


def entries_in(hosts: str, name: str) -> tuple[str, ...]:
    """The addresses that a hosts file gives a name."""
    rows = (line.partition("#")[0].lower().split() for line in hosts.splitlines())
    return tuple(row[0] for row in rows if name in row[1:])


def says_anything(path: str, text: str) -> bool:
    """Whether a name file holds a line that tells where a name is to be found."""
    rows = [line.partition("#")[0].split() for line in text.splitlines()]
    match path:
        case "/etc/resolv.conf":
            return any(row[0] == "nameserver" for row in rows if len(row) > 1)
        case "/etc/nsswitch.conf":
            return any(row[0].startswith("hosts:") for row in rows if row)
        case _:
            return any(len(row) > 1 for row in rows)


def addresses_of(view: "View", name: str, user: str = "") -> tuple[str, ...]:
    """What a program of this user finds: no address where it finds none, or not in time. Raises Unavailable."""
    if not view.runs.may_be(user):
        return tuple(view.rights.ask("addresses", name=name, user=user))
    result = view.runs(["getent", "ahosts", "--", name], timeout=_LOOKUP_SECONDS, user=user or None)
    if result.timed_out or result.exit == _NOT_FOUND:
        return ()
    if not result.ok:
        raise Unavailable(f"{name} could not be asked for: {result.output.strip()[:200] or result.exit}")
    return tuple(dict.fromkeys(line.split()[0] for line in result.output.splitlines() if line.strip()))


@dataclass(frozen=True, slots=True)
class Needs:
    """The names that one declared service asks for, and as whom."""

    names: tuple[str, ...]
    user: str = ""


@dataclass(slots=True)
class Names:
    """What is remembered of names between two looks. Values are replaced whole: several threads read them."""

    files: ClassVar[tuple[str, ...]] = NAME_FILES
    needs: Mapping[str, Needs] = field(default_factory=dict)
    """By the target of the service."""
    asks: Mapping[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)
    """By the target of a service: the ports of this host that it asks by its configuration, and the declared service behind each."""
    learned_at: float = 0.0
    learned_for: tuple[str, ...] = ()
    """The services that were recognised as well-known servers then: those have files that nobody declared."""
    found: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names that were found here, with their addresses of then."""
    resolvers: Mapping[str, str] = field(default_factory=dict)
    """Name servers of this very host, and the unit that answered there while all was well."""
    roots: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What keeps names from being found now, and the services that need them."""
    marks: tuple[object, ...] = ()
    """Of the name files when all names were found last."""
    looked_at: float = 0.0
    doubted: dict[str, float] = field(default_factory=dict)
    """Services that something is wrong with, since when (seconds since the epoch): their names are looked up at every look."""

    def doubt(self, target: str) -> None:
        if target in self.needs:
            self.doubted.setdefault(target, time.time())

    def roots_of(self, target: str) -> Iterator[str]:
        """What keeps the names of a service from being found, by the last look."""
        return (root for root, services in self.roots.items() if target in services)
