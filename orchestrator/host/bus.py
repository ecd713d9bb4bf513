"""One way to call systemd: thread-safe, each call with a deadline, reconnecting."""

import threading
from typing import Any

from jeepney import DBusAddress, new_method_call  # type: ignore[import-untyped]  # ships no types

from orchestrator.host.connection import MANAGER_PATH, SYSTEMD, Connection, Refused
from orchestrator.host.errors import Unavailable
from orchestrator.host.manager import SYSTEM, Manager

MANAGER = "org.freedesktop.systemd1.Manager"
CALL_SECONDS = 5.0
_IDLE_CONNECTIONS = 4
_NOBODY = ("ServiceUnknown", "NoReply", "Disconnected", "Timeout", "TimedOut", "AccessDenied", "NameHasNoOwner", "LimitsExceeded")


class Bus:
    """Calls methods of systemd's manager and its objects. A thread borrows a connection for one call, so none waits for another."""

    def __init__(self, manager: Manager = SYSTEM) -> None:
        self.manager = manager
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

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
        if missing := self.manager.missing:
            raise Unavailable(missing)
        message = new_method_call(DBusAddress(path, SYSTEMD, interface), member, signature or None, args)
        try:
            return self._exchange(message, timeout)
        except Refused as error:
            if error.name.rpartition(".")[2] in _NOBODY:
                raise Unavailable(f"systemd did not answer {member}: {error}") from None
            raise
        except OSError as error:
            raise Unavailable(f"systemd could not be asked {member}: {error}") from None

    def _exchange(self, message: Any, timeout: float) -> tuple[Any, ...]:
        """One call; once more over a new connection when an idle one turns out to be dead (the bus was restarted)."""
        connection, fresh = self._borrow()
        while True:
            try:
                values = connection.call(message, timeout)
            except Refused:
                self._give_back(connection)
                raise
            except ConnectionError:
                connection.close()
                if fresh:
                    raise
                self._drop_idle()
                connection, fresh = self.open(), True
            except BaseException:
                connection.close()  # a late reply must not meet the next call
                raise
            else:
                self._give_back(connection)
                return values

    def _borrow(self) -> tuple[Connection, bool]:
        with self._lock:
            if self._idle:
                return self._idle.pop(), False
        return self.open(), True

    def open(self) -> Connection:
        """A connection of the caller's own. Raises OSError."""
        return Connection.open(self.manager)

    def _give_back(self, connection: Connection) -> None:
        """systemd's own socket sends every signal to everybody on it: such a connection is not kept, it would fill up."""
        with self._lock:
            if connection.on_bus and len(self._idle) < _IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()

    def _drop_idle(self) -> None:
        with self._lock:
            dead, self._idle = self._idle, []
        for connection in dead:
            connection.close()

    def close(self) -> None:
        self._drop_idle()
