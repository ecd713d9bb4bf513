"""What this process may not see of the host itself, it asks whoever may.

Each part of the View tries by itself first. Where the kernel says EACCES or EPERM it asks here, by a question of a closed
list that whoever answers knows too: never a command, never a free choice of what is read. A process that has nobody to
ask is told so, and is blind then (law 1): what may not be read is not nothing.
"""

from typing import Any, Protocol

from orchestrator.host.errors import NoRight

_NOT_OF_USERS: dict[str, Any] = {"programs": [], "lock_holder": None}
"""As if nobody else were here. The locks that the kernel lists for everybody are known without asking."""


class Rights(Protocol):
    def ask(self, question: str, **about: Any) -> Any:
        """The answer as plain data, of the shape that the question's own documentation names. Raises NoRight."""


class Own:
    """Nobody else: what this process may not see, it cannot see."""

    def ask(self, question: str, **about: Any) -> Any:
        what = question.replace("_", " ")
        raise NoRight(f"this process has no right to learn the {what}: {', '.join(map(str, about.values()))}".rstrip(": ")[:300])


class OfUser(Own):
    """A user's own daemon watches what is his: what other people's processes run and hold is not its matter, and stands in nobody's way."""

    def ask(self, question: str, **about: Any) -> Any:
        if question in _NOT_OF_USERS:
            return _NOT_OF_USERS[question]
        return super().ask(question, **about)
