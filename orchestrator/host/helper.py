"""Asks what can hang in a child that can be abandoned: a process in state D cannot be killed, only left behind."""

from typing import Any


class Helper:
    """One child at a time; it ends by itself when idle. A child that is late is killed and left; a new one is spawned."""

    def ask(self, question: str, path: str, timeout: float = 3.0, **more: Any) -> Any:
        """The child's answer. Raises Unavailable when it is late, OSError as the child met it."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError
