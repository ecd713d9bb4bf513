"""The journal as a witness: what is told it here, nobody but root can take back, and whoever reads it sees who said it."""

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.host import commands
from orchestrator.host.errors import Unavailable
from orchestrator.model import utc

_SOCKET = "/run/systemd/journal/socket"
_HEADS = "7e1d1f2b6c8a4d9cb0a4c3e8f5d21a90"
"""The MESSAGE_ID of the audit's heads."""
_SECONDS = 30.0
_LINES = 20_000
_OUTPUT_BYTES = 16 << 20


def tell_head(row: int, digest: str, state_dir: Path) -> bool:
    """That the audit of this state directory ends with this row now; whether there is a journal to hear it."""
    fields = {
        "MESSAGE": f"the audit ends with row {row}, digest {digest}",
        "MESSAGE_ID": _HEADS,
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "orchestrator",
        "ORCHESTRATOR_STATE": _named(state_dir),
        "ORCHESTRATOR_ROW": str(row),
        "ORCHESTRATOR_DIGEST": digest,
    }
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.settimeout(1.0)  # journald may be the patient
            journal.sendto("".join(f"{name}={value}\n" for name, value in fields.items()).encode(), _SOCKET)
    except OSError:
        return False
    return True


def heads_of(state_dir: Path, uids: frozenset[int]) -> tuple[tuple[str, int, str], ...]:
    """Time, row and digest of each head that one of these users told, the oldest first. Raises Unavailable.

    Anybody may write to the journal; who it was, journald itself puts there.
    """
    argv = ["journalctl", "--quiet", "--no-pager", "--output=json", f"--lines={_LINES}", f"MESSAGE_ID={_HEADS}"]
    argv += [f"ORCHESTRATOR_STATE={_named(state_dir)}", *(f"_UID={uid}" for uid in sorted(uids))]
    result = commands.run(argv, timeout=_SECONDS, cap=_OUTPUT_BYTES)
    if not result.ok:
        raise Unavailable(f"the journal could not be read: {' '.join(result.output.split())[:200] or 'it did not answer'}")
    return tuple(_parsed(result.output.splitlines()))


def _parsed(lines: list[str]) -> Iterator[tuple[str, int, str]]:
    for line in lines:
        try:
            entry: Mapping[str, str] = json.loads(line)
            yield utc(int(entry["__REALTIME_TIMESTAMP"]) / 1e6), int(entry["ORCHESTRATOR_ROW"]), str(entry["ORCHESTRATOR_DIGEST"])
        except (ValueError, KeyError, TypeError):
            continue


def _named(state_dir: Path) -> str:
    return "".join(one if one.isprintable() else "?" for one in str(state_dir.absolute()))
