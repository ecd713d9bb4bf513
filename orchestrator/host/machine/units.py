"""Jobs of systemd: start, stop, restart and reload, and what goes with them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

from jeepney import DBusAddress, new_method_call  # type: ignore[import-untyped]  # ships no types

from orchestrator.host.bus import Bus
from orchestrator.host.connection import SYSTEMD, Refused
from orchestrator.host.errors import ChangeFailed, Unavailable
from orchestrator.host.systemd import Units, unit_path
from orchestrator.host.unit import Unit

Verb = Literal["start", "stop", "restart", "reload"]

MARGIN_SECONDS = 5.0
LONGEST_SECONDS = 900.0
"""A oneshot has no start time-out by default: nobody waits for it longer than this."""
RELOAD_SECONDS = 60.0
"""daemon-reload reads every unit file and runs the generators; systemctl(1) itself waits as long as it takes."""

_UNIT = "org.freedesktop.systemd1.Unit"
_METHODS: dict[Verb, str] = {"start": "StartUnit", "stop": "StopUnit", "restart": "RestartUnit", "reload": "ReloadUnit"}
_FIRST_PAUSE, _LAST_PAUSE = 0.002, 0.25


def patience(verb: Verb, unit: Unit) -> float:
    """Seconds that a job may take by the unit's own time-outs. A stop has two: until SIGKILL, and after it."""
    stopping = 2 * unit.timeout_stop
    needed = {"start": unit.timeout_start, "reload": unit.timeout_start, "stop": stopping, "restart": stopping + unit.timeout_start}
    return min(needed[verb] + MARGIN_SECONDS, LONGEST_SECONDS)


class UnitChanges:
    def __init__(self, bus: Bus, units: Units) -> None:
        self._bus = bus
        self._units = units

    def job(self, verb: Verb, unit: Unit) -> Unit:
        """Queue the job, wait until it has gone, and return the unit as it is then: whether it is *up* is the caller's question.

        Waits at most for the unit's own time-outs. The job's object is asked for rather than a signal awaited: that holds
        through a restart of the message bus, and costs 0.2 ms a question.
        """
        limit = patience(verb, unit)
        with _kept(self._bus, unit.name):
            (job,) = self._call(_METHODS[verb], "ss", (unit.name, "replace"))
            deadline, pause = time.monotonic() + limit, _FIRST_PAUSE
            while self._is_queued(job):
                if time.monotonic() > deadline:
                    raise ChangeFailed(f"systemd did not end the {verb} of {unit.name} within {limit:.0f} s")
                time.sleep(pause)
                pause = min(pause * 1.5, _LAST_PAUSE)
            return self._units.get(unit.name)

    def reset_failed(self, name: str) -> None:
        """Forget the failure, and with it the start limit, which would refuse the next start. A unit that is not loaded has none."""
        try:
            self._call("ResetFailedUnit", "s", (name,))
        except ChangeFailed:
            if self._units.get(name).active_state == "failed":
                raise

    def daemon_reload(self) -> None:
        """Have systemd read the unit files again."""
        self._call("Reload", timeout=RELOAD_SECONDS)

    def enable(self, name: str) -> None:
        """Have the boot start it, as its [Install] section says."""
        self._call("EnableUnitFiles", "asbb", ([name], False, False), timeout=RELOAD_SECONDS)
        self.daemon_reload()

    def disable(self, name: str) -> None:
        """The inverse of `enable`."""
        self._call("DisableUnitFiles", "asb", ([name], False), timeout=RELOAD_SECONDS)
        self.daemon_reload()

    def _is_queued(self, job: str) -> bool:
        question = ("org.freedesktop.systemd1.Job", "State")
        try:
            self._bus.call("Get", "ss", question, path=job, interface="org.freedesktop.DBus.Properties")
        except Refused:  # the object went with the job
            return False
        except Unavailable:  # the bus itself restarts: the job goes on, ask again
            return True
        return True

    def _call(self, member: str, signature: str = "", args: tuple[Any, ...] = (), timeout: float = MARGIN_SECONDS) -> tuple[Any, ...]:
        try:
            return self._bus.call(member, signature, args, timeout=timeout)
        except (Refused, Unavailable) as error:
            raise ChangeFailed(str(error)) from None


@contextmanager
def _kept(bus: Bus, name: str) -> Iterator[None]:
    """Keep systemd from forgetting the unit meanwhile: a oneshot that nothing refers to is unloaded as soon as it has ended.

    The reference is the connection's, and goes with it. Without one (systemd's own socket knows no names) it is still known
    what most units did.
    """
    try:
        connection = bus.open()
    except OSError:
        yield
        return
    try:
        with suppress(Refused, OSError):
            connection.call(new_method_call(DBusAddress(unit_path(name), SYSTEMD, _UNIT), "Ref"), MARGIN_SECONDS)
        yield
    finally:
        connection.close()
