"""What people allowed: the hands hear of it themselves, since no row that the brain can write may stand for a person's word."""

import json
import os
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from orchestrator.model import Action, Word

LONGEST_SECONDS = 7 * 86_400
MOST = 200
"""Of actions that wait for their turn. More than that nobody has read."""
_PLAN = 50
_READ_BYTES = 1 << 20


class Approval(Word):
    """That one action may be performed once."""

    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    until: float
    by: int
    """The uid of whoever said so, by the kernel's word."""
    at: float


_Approvals = TypeAdapter(tuple[Approval, ...])


class ApprovalRefused(Exception):
    """A word that the hands do not take; the message says why."""


class Approvals:
    """A small file, replaced as a whole: what was said counts when it is on disk, and what was used is gone before anything moves.

    A file that cannot be read holds no approval: people are asked again. Not thread-safe: the hands hold their lock.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._standing = self._read()

    def add(self, plan: Sequence[Action], until: float, by: int, now: float) -> None:
        """Exactly these actions, each once. The same said again is the same word. Raises ApprovalRefused."""
        if not 1 <= len(plan) <= _PLAN:
            raise ApprovalRefused(f"a plan has 1 to {_PLAN} actions")
        if not now < until <= now + LONGEST_SECONDS:
            raise ApprovalRefused("an approval ends within seven days, and not before it began")
        new = tuple(Approval(hash=whole_hash(action), until=until, by=by, at=now) for action in plan)
        others = self._unexpired(now, without={approval.hash for approval in new})
        if len(others) + len(new) > MOST:
            raise ApprovalRefused(f"{len(others)} approved actions wait for their turn already")
        self._write((*others, *new))

    def of(self, action: Action, now: float) -> Approval | None:
        """The approval of exactly this action that stands."""
        name = whole_hash(action)
        return next((approval for approval in self._unexpired(now) if approval.hash == name), None)

    def take(self, approval: Approval, now: float) -> None:
        """It is used up, whatever becomes of the action. Raises ApprovalRefused: then it still stands."""
        standing = list(self._unexpired(now))
        standing.remove(approval)
        self._write(tuple(standing))

    def _unexpired(self, now: float, without: frozenset[str] | set[str] = frozenset()) -> tuple[Approval, ...]:
        return tuple(approval for approval in self._standing if now < approval.until and approval.hash not in without)

    def _read(self) -> tuple[Approval, ...]:
        try:
            with self._file.open("rb") as file:
                return _Approvals.validate_json(file.read(_READ_BYTES))
        except (OSError, ValidationError):
            return ()

    def _write(self, standing: tuple[Approval, ...]) -> None:
        try:
            replace_file(self._file, _Approvals.dump_json(standing))
        except OSError as error:
            raise ApprovalRefused(f"the approvals cannot be written: {error.strerror}") from None
        self._standing = standing


def replace_file(file: Path, content: bytes) -> None:
    """As a whole, and on disk before this returns. Raises OSError; then the old one is there as it was."""
    new = file.with_suffix(".new")
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "wb") as made:
        made.write(content)
        made.flush()
        os.fsync(made.fileno())
    new.rename(file)
    directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def whole_hash(action: Action) -> str:
    """Of the whole action; long, since whoever asks for an approval may have chosen both what is shown and what would run."""
    text = json.dumps(action.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=32).hexdigest()
