"""One D-Bus connection to systemd: through the system bus, or to systemd's own socket when the bus itself is the patient.

Not thread-safe. jeepney's parser and serialiser are used without its own connection class, which says Hello without a
deadline: a bus daemon that hangs would take the caller with it.
"""

import fcntl
import os
import select
import socket
import struct
import termios
import time
from typing import Any, Self

from jeepney import (  # type: ignore[import-untyped]  # ships no types
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    Parser,
    new_method_call,
)
from jeepney.auth import AuthenticationError  # type: ignore[import-untyped]
from jeepney.io.blocking import prep_socket  # type: ignore[import-untyped]

from orchestrator.host.manager import SYSTEM, Manager

SYSTEMD = "org.freedesktop.systemd1"
MANAGER_PATH = "/org/freedesktop/systemd1"

BUS = "org.freedesktop.DBus"
_BUS = DBusAddress("/org/freedesktop/DBus", BUS, BUS)
_BROKEN_OFF = ("org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Disconnected")
"""What the bus answers for systemd when their connection broke, as when the bus is restarted."""
_CONNECT_SECONDS = 2.0
_SEND_SECONDS = 5
_BEGIN_PAUSE_SECONDS = 0.0005
_READ_BYTES = 1 << 16


class Refused(Exception):  # a word of the house
    """Systemd answered with an error. `name` is the D-Bus error's name, the message systemd's own sentence."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message or name)
        self.name = name


class Connection:
    """Raises OSError when it breaks (TimeoutError when late); then it must be closed and never used again."""

    def __init__(self, address: str, *, on_bus: bool) -> None:
        self.on_bus = on_bus
        self.systemd = ""
        """The unique name that systemd sends its signals with, once `find_systemd` was called."""
        self._serial = 0
        self._parser = Parser()
        try:
            self._socket: socket.socket = prep_socket(address, timeout=_CONNECT_SECONDS)
        except AuthenticationError as refused:
            raise PermissionError(str(refused)) from None
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_SECONDS, 0))
        if on_bus:
            self.call(new_method_call(_BUS, "Hello"), _CONNECT_SECONDS)
        else:
            self._let_begin()

    @classmethod
    def open(cls, manager: Manager = SYSTEM) -> Self:
        """Over the bus; for its own user over systemd's own socket when that fails. Raises OSError."""
        try:
            return cls(manager.bus, on_bus=True)
        except OSError:
            if os.geteuid() != (manager.uid or 0) or not os.path.exists(manager.private):  # noqa: PTH110  # one stat, often
                raise
        return cls(manager.private, on_bus=False)

    def _let_begin(self) -> None:
        """Wait until systemd has read the end of the handshake.

        What it reads together with that, in one piece, it takes up only when something more comes: every other call over its own
        socket would have no answer.
        """
        deadline = time.monotonic() + _CONNECT_SECONDS
        while _unread(self._socket):
            if time.monotonic() > deadline:
                raise TimeoutError("systemd does not read its own socket")
            time.sleep(_BEGIN_PAUSE_SECONDS)

    def call(self, message: Message, timeout: float) -> tuple[Any, ...]:
        """The reply's values; messages of others that come before it are dropped. Raises Refused too."""
        deadline = time.monotonic() + timeout
        serial = self.send(message)
        while True:
            reply = self.receive(deadline)
            if reply is None:
                raise TimeoutError(f"no answer in {timeout:g} s")
            if reply.header.fields.get(HeaderFields.reply_serial) == serial:
                return _values(reply)

    def add_match(self, rule: str, timeout: float) -> None:
        self.call(new_method_call(_BUS, "AddMatch", "s", (rule,)), timeout)

    def find_systemd(self, timeout: float) -> None:
        self.systemd = str(self.call(new_method_call(_BUS, "GetNameOwner", "s", (SYSTEMD,)), timeout)[0])

    def send(self, message: Message) -> int:
        """Returns the serial that the reply will name."""
        self._serial += 1
        self._socket.sendall(message.serialise(serial=self._serial))
        return self._serial

    def receive(self, deadline: float, wake: int | None = None) -> Message | None:
        """The next message; None at the deadline (monotonic), or when the descriptor `wake` becomes readable."""
        while (message := self._parser.get_next_message()) is None:
            watched: list[Any] = [self._socket] if wake is None else [self._socket, wake]
            ready, _, _ = select.select(watched, [], [], max(0.0, deadline - time.monotonic()))
            if self._socket not in ready:
                return None
            data = self._socket.recv(_READ_BYTES)
            if not data:
                raise ConnectionResetError("the connection to systemd was closed")
            self._parser.add_data(data)
        return message

    def close(self) -> None:
        self._socket.close()


def _unread(own: socket.socket) -> int:
    """Bytes of ours that the other end of a Unix socket has not read yet (unix(7), SIOCOUTQ)."""
    return int(struct.unpack("i", fcntl.ioctl(own, termios.TIOCOUTQ, struct.pack("i", 0)))[0])


def _values(reply: Message) -> tuple[Any, ...]:
    if reply.header.message_type is not MessageType.error:
        return tuple(reply.body)
    name = str(reply.header.fields.get(HeaderFields.error_name, "unknown"))
    if name in _BROKEN_OFF:
        raise ConnectionResetError(str(reply.body[0]) if reply.body else name)
    raise Refused(name, str(reply.body[0]) if reply.body else "")
