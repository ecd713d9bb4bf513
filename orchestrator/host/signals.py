"""Wakes the daemon when systemd says that something changed."""

import logging
import math
import os
import select
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call  # type: ignore[import-untyped]  # ships no types

from orchestrator.host.bus import CALL_SECONDS, MANAGER
from orchestrator.host.connection import BUS, MANAGER_PATH, SYSTEMD, Connection, Refused
from orchestrator.host.errors import Unavailable
from orchestrator.host.systemd import Units, unit_name

_UNIT = "org.freedesktop.systemd1.Unit"
_MATCHES = (
    f"type='signal',sender='{SYSTEMD}',member='PropertiesChanged',path_namespace='{MANAGER_PATH}/unit',arg0='{_UNIT}'",
    f"type='signal',sender='{SYSTEMD}',interface='{MANAGER}',member='Reloading'",
    f"type='signal',sender='{SYSTEMD}',interface='{MANAGER}',member='UnitFilesChanged'",
    f"type='signal',sender='{BUS}',interface='{BUS}',member='NameOwnerChanged',arg0='{SYSTEMD}'",
)
"""Nothing wider: a daemon-reload of 3,000 units sends 6,000 other signals of the manager."""

_TELLING = ("ActiveState", "SubState", "StateChangeTimestamp", "InvocationID", "Job")
_REMEMBERED = 2000
_GATHER_SECONDS = 0.015
_URGENT = ("failed", "inactive")
_NOTE_SECONDS = 0.5
_IDLE_SECONDS = 60.0
_RECONNECT_SECONDS = (0.1, 0.5, 2.0, 5.0)
_BESIDE_BUS_SECONDS = 30.0
"""How long to listen on systemd's own socket before the bus is tried again."""
_RELOAD_SECONDS = 60.0
"""A reload that says no end (systemd was re-executed meanwhile) is over by then."""

_log = logging.getLogger(__name__)


class Signals:
    """A listener thread with a connection of its own.

    `on_change(names)` is called in that thread with the units that changed, within ~5 ms of a crash; an empty set means
    that everything may have changed (connected, reloaded, unit files changed). It must return at once. A signal says only
    *look*: systemd repeats a state with every change, and `failed` is also on the way to an automatic restart.
    """

    def __init__(self, units: Units, on_change: Callable[[frozenset[str]], None]) -> None:
        self._units = units
        self._on_change = on_change
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)
        self._wake_reader, self._wake_writer = os.pipe()
        self._closing = False
        self._alive = False
        self._reloading_until = 0.0
        self._pending: set[str] = set()
        self._restarting: dict[str, float] = {}
        """When to look at the counter of a unit that restarts by itself (monotonic); inf: after its next signal."""
        self._last: OrderedDict[str, tuple[Any, ...]] = OrderedDict()
        """What systemd said last of each unit."""
        self._due = 0.0
        self._told_at = 0.0

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether signals are being received now. While it is False only the sweep sees changes."""
        return self._alive and self._thread.is_alive()

    def close(self) -> None:
        """Ends the thread, unless it is its own caller."""
        self._closing = True
        os.write(self._wake_writer, b"x")
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(CALL_SECONDS)
        if not self._thread.is_alive():
            os.close(self._wake_reader)
            os.close(self._wake_writer)

    def _listen(self) -> None:
        failures = 0
        while not self._closing:
            try:
                connection = _subscribed(self._units)
            except (OSError, Refused):
                pause = _RECONNECT_SECONDS[min(failures, len(_RECONNECT_SECONDS) - 1)]
                failures += 1
                self._wait(pause)
                continue
            try:
                self._alive, failures = True, 0
                self._tell(everything=True)
                self._receive(connection)
            except OSError as error:
                _log.info("systemd's signals broke off (%s); connecting again", error)
            finally:
                self._alive = False
                connection.close()

    def _receive(self, connection: Connection) -> None:
        """Until the connection breaks (OSError), we close, or the bus is to be tried again."""
        leave_at = math.inf if connection.on_bus else time.monotonic() + _BESIDE_BUS_SECONDS
        while not self._closing and time.monotonic() < leave_at:
            message = connection.receive(min(leave_at, self._next_duty()), wake=self._wake_reader)
            if message is not None and message.header.message_type is MessageType.signal:
                self._take(connection, message)
            if self._pending and time.monotonic() >= self._due:
                self._tell()
            self._note_restarts()

    def _next_duty(self) -> float:
        """When something is to be done although no signal comes (monotonic)."""
        telling = self._due if self._pending else math.inf
        return min(telling, time.monotonic() + _IDLE_SECONDS, *self._restarting.values())

    def _take(self, connection: Connection, message: Any) -> None:
        """Any local user may send us a signal of this name, so the sender counts: the bus vouches for it."""
        sender = message.header.fields.get(HeaderFields.sender)
        member = message.header.fields.get(HeaderFields.member)
        if sender == BUS and member == "NameOwnerChanged":
            connection.systemd = str(message.body[2])  # systemd was re-executed
        elif connection.on_bus and sender != connection.systemd:
            return
        elif member == "Reloading":
            self._reload(begins=bool(message.body[0]))
        elif member == "UnitFilesChanged" and not self._in_reload():
            self._tell(everything=True)
        elif member == "PropertiesChanged" and not self._in_reload():
            self._unit_changed(str(message.header.fields.get(HeaderFields.path, "")), message.body)

    def _unit_changed(self, path: str, body: tuple[Any, ...]) -> None:
        name = unit_name(path)
        if not name or body[0] != _UNIT or not self._is_news(name, body[1]):
            return
        now = time.monotonic()
        state, sub_state = (str(body[1].get(key, ("", ""))[1]) for key in ("ActiveState", "SubState"))
        if state in _URGENT and now - self._told_at > _GATHER_SECONDS:
            self._due = now
        elif not self._pending:
            self._due = now + _GATHER_SECONDS
        self._pending.add(name)
        if sub_state == "auto-restart" and name not in self._restarting:
            self._restarting[name] = now
        elif sub_state != "auto-restart" and self._restarting.get(name) == math.inf:
            self._restarting[name] = now + _NOTE_SECONDS

    def _is_news(self, name: str, properties: dict[str, tuple[str, Any]]) -> bool:
        """Whether it says of the unit what it did not say the last time.

        Whoever asks about a unit that systemd has forgotten makes systemd load it, and tell all that it is near of itself: who is
        woken by that would ask again, and again.
        """
        told = tuple(properties.get(key, ("", None))[1] for key in _TELLING)
        known = self._last.pop(name, None)
        self._last[name] = told
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        return told[0] is None or told != known

    def _note_restarts(self) -> None:
        """Look at the counters of what restarts by itself: twice a second at most, since a counter also tells what was missed.

        A unit that waits for its restart is looked at again after its next signal, one that runs or gave up no more.
        """
        now = time.monotonic()
        for name in [name for name, at in self._restarting.items() if at <= now]:
            try:
                unit = self._units.get(name)  # notes by itself
            except Unavailable as error:
                _log.info("the restarts of %s were not counted: %s", name, error)
                del self._restarting[name]
                continue
            if unit.running or unit.down:
                del self._restarting[name]
            else:
                self._restarting[name] = math.inf if unit.sub_state == "auto-restart" else now + _NOTE_SECONDS

    def _reload(self, *, begins: bool) -> None:
        """During a reload every unit sends signals that mean nothing."""
        self._reloading_until = time.monotonic() + _RELOAD_SECONDS if begins else 0.0
        if not begins:
            self._tell(everything=True)

    def _in_reload(self) -> bool:
        return time.monotonic() < self._reloading_until

    def _tell(self, *, everything: bool = False) -> None:
        names = frozenset() if everything else frozenset(self._pending)
        if everything:
            self._last.clear()
        self._pending.clear()
        self._told_at = time.monotonic()
        try:
            self._on_change(names)
        except Exception:  # noqa: BLE001  # a mistake of the listener's owner must not make the daemon deaf
            _log.exception("a change of units was not taken in")

    def _wait(self, seconds: float) -> None:
        select.select([self._wake_reader], [], [], seconds)


def _subscribed(units: Units) -> Connection:
    """systemd's own socket knows neither matches nor subscriptions: it sends everything to everybody."""
    connection = units.connect()
    try:
        if connection.on_bus:
            for rule in _MATCHES:
                connection.add_match(rule, CALL_SECONDS)
            connection.find_systemd(CALL_SECONDS)
            connection.call(new_method_call(DBusAddress(MANAGER_PATH, SYSTEMD, MANAGER), "Subscribe"), CALL_SECONDS)
    except BaseException:
        connection.close()
        raise
    return connection
