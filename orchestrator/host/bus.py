"""One way to call systemd over D-Bus: the system bus, or systemd's own socket when the bus itself is the patient."""

from typing import Any

MANAGER = "org.freedesktop.systemd1.Manager"
MANAGER_PATH = "/org/freedesktop/systemd1"
CALL_SECONDS = 5.0


class Refused(Exception):
    """systemd answered with an error. `name` is the D-Bus error's name, the message systemd's own sentence."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message or name)
        self.name = name


class Bus:
    """Calls methods of systemd's manager and its objects. Thread-safe; reconnects; each call has a deadline."""

    def call(
        self,
        member: str,
        signature: str = "",
        args: tuple[Any, ...] = (),
        *,
        path: str = MANAGER_PATH,
        interface: str = MANAGER,
        timeout: float = CALL_SECONDS,
    ) -> tuple[Any, ...]:
        """The reply's values. Raises Unavailable (nobody answers, or not in time) and Refused (systemd said no)."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError
