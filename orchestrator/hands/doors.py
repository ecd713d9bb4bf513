"""Through which doors of the dashboard a person comes, by the word of a person's own process.

Links, sessions and tokens are rows of a database that the daemon's user can write: whoever has that user makes one of his own. So the
hands hear of each from whoever made it, and take an approval from the dashboard only through one of which they heard.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from orchestrator.hands.approvals import ApprovalRefused, replace_file
from orchestrator.model import Word

MOST = 2500
"""As many links, sessions and tokens as the dashboard keeps (`escalation.doors`), and some."""
_READ_BYTES = 1 << 20

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""Of a door's secret, as the dashboard keeps it."""


class Door(Word):
    digest: Digest
    until: float | None
    """None: as long as the dashboard lets it in."""
    by: int
    """The uid of whoever vouched for it, by the kernel's word."""


_Doors = TypeAdapter(tuple[Door, ...])


class Doors:
    """A small file, replaced as a whole; one that cannot be read vouches for nobody. Not thread-safe: the hands hold their lock."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = self._read()

    def vouch(self, door: Door, now: float, through: str | None) -> None:
        """From now on. `through`: the door by which the person came, which is shut behind him. Raises ApprovalRefused."""
        if through is not None and not self.is_known(through, now):
            raise ApprovalRefused(UNKNOWN)
        others = tuple(known for known in self._known if known.digest not in (door.digest, through) and _stands(known, now))
        if len(others) >= MOST:
            raise ApprovalRefused(f"{len(others)} links, sessions and tokens of the dashboard are known already")
        self._write((*others, door))

    def is_known(self, digest: str, now: float) -> bool:
        return any(door.digest == digest and _stands(door, now) for door in self._known)

    def _read(self) -> tuple[Door, ...]:
        try:
            with self._file.open("rb") as file:
                return _Doors.validate_json(file.read(_READ_BYTES))
        except (OSError, ValidationError):
            return ()

    def _write(self, known: tuple[Door, ...]) -> None:
        try:
            replace_file(self._file, _Doors.dump_json(known))
        except OSError as error:
            raise ApprovalRefused(f"the doors cannot be written: {error.strerror}") from None
        self._known = known


UNKNOWN = "nobody vouched for this session or token: log in anew with a link of `orchestrator dashboard url`, or make a new token"


def _stands(door: Door, now: float) -> bool:
    return door.until is None or now < door.until
