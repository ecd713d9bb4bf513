"""The way to a port of this host: whose the address is, whether the kernel lets a connection through, and which rule refuses it."""

import errno
import socket
from contextlib import suppress
from pathlib import Path

from orchestrator.host.commands import run

_CONNECT_SECONDS = 1.0
_RULES_SECONDS = 5.0
_RULES = (["nft", "list", "ruleset"], ["iptables-save"], ["ip6tables-save"])
_REFUSES = frozenset(("drop", "reject"))
_LOCAL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_RULE_CHARACTERS = 200


def family_of(address: str) -> socket.AddressFamily | None:
    """None for what is no address in numbers: a name would have to be resolved, and that can hang."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):
            socket.inet_pton(family, address)
            return family
    return None


def is_ours(address: str) -> bool:
    """Whether this host has the address: only such a one can be bound."""
    with socket.socket(family_of(address) or socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((address, 0))
        except OSError as error:
            return error.errno != errno.EADDRNOTAVAIL
    return True


def knock(address: str, port: int) -> int:
    """The errno of one connection; 0 when it came about. The kernel alone answers: a program that hangs still lets it in."""
    with socket.socket(family_of(address) or socket.AF_INET) as client:
        client.settimeout(_CONNECT_SECONDS)
        try:
            client.connect((address, port))
        except TimeoutError:
            return errno.ETIMEDOUT
        except OSError as error:
            return error.errno or errno.EIO
    return 0


def local_ports() -> str:
    """From which range the kernel takes the near end of a connection: `32768-60999`."""
    with suppress(OSError):
        return "-".join(_LOCAL_PORTS.read_text(encoding="ascii").split())
    return "an unknown range"


def refusing_rule(port: int) -> str:
    """The line of the firewall that names the port and refuses; empty where none is, or none can be read."""
    for argv in _RULES:
        result = run(argv, timeout=_RULES_SECONDS)
        for line in result.output.splitlines() if result.exit == 0 else ():
            words = line.lower().translate(str.maketrans("{},", "   ")).split()
            if str(port) in words and _REFUSES & set(words):
                return f"{argv[0]}: {line.strip()[:_RULE_CHARACTERS]}"
    return ""
