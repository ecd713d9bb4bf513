"""Runs a test's own function inside a host, with the doors, the hands and the settings open there.

def restart(here: Here, unit: str) -> Json:
    return here.perform({"kind": "restart_unit", "unit": unit})

answer = act(lab, restart, unit="shop.service", config={"service": [...]})

In one process as root; or, while `split` is on, as the brain: its user, its sandbox, and the shipped hands at the other end of their
socket. What only the hands can do (`@by_the_hands`) runs as root in either case.
"""

import itertools
import json
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from sdnotify import SystemdNotifier

from orchestrator import actions
from orchestrator.config import Config
from orchestrator.hands.client import RemoteHands
from orchestrator.hands.frames import ANSWER_BYTES, REQUEST_BYTES, receive, send
from orchestrator.hands.hands import Hands
from orchestrator.host import View
from orchestrator.host.machine import Machine
from orchestrator.model import Action, Case, Fault, Incident, Json, Scope
from tests.lab import shipped
from tests.lab.host import CHECKOUT, Host, LabError

Called = TypeVar("Called", bound=Callable[..., Any])
_BRAIN = False
_PERSON = "/run/acting-person.sock"
_numbers = itertools.count()
_ROOTS_OWN: set[Callable[..., Any]] = set()


@dataclass(frozen=True, slots=True)
class Here:
    """The host, from inside."""

    config: Config
    view: View
    machine: Machine
    hands: Hands | RemoteHands

    def perform(self, action: Json) -> Json:
        """The hands' answer, with the id that undoes it, what the action remembered and what its proof says."""
        change_id = int(time.monotonic() * 1000)
        prepared = self.hands.prepare(action)
        if prepared["asks"]:  # what an action does is asked here, not who allows it
            self._ask_person(action)
            prepared = self.hands.prepare(action)
        answer = self.hands.perform(change_id, action)
        unproved = self.hands.verify(action)["failed"] if answer["ok"] else ""
        return {**answer, "id": change_id, "before": prepared["before"], "unproved": unproved}

    def _ask_person(self, action: Json) -> None:
        until = time.time() + 60
        if isinstance(self.hands, Hands):
            self.hands.approve([action], until)
            return
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(_PERSON)
            send(line, {"plan": [action], "until": until}, REQUEST_BYTES, 5)
            receive(line, ANSWER_BYTES, 10)

    def undo(self, change_id: int, action: Json, before: Json) -> Json:
        return self.hands.undo(change_id, action, before)

    def offered(self, kind: str, case: Json) -> list[Json]:
        """The candidates of a kind for an incident of this scope, as plain data."""
        (wanted,) = (action for action in actions.all_actions() if action.model_fields["kind"].default == kind)
        found: tuple[Action, ...] = wanted.candidates(_case(**case), self.view, self.config)
        return [action.model_dump(mode="json") for action in found]


@contextmanager
def split() -> Iterator[None]:
    """While it is on, `act` is the brain."""
    global _BRAIN  # noqa: PLW0603  # of this test process alone
    _BRAIN = True
    try:
        yield
    finally:
        _BRAIN = False


def by_the_hands(function: Called) -> Called:
    """A test's function that does what no brain may."""
    _ROOTS_OWN.add(function)
    return function


def act(host: Host, function: Callable[..., Any], *, config: Json | None = None, timeout: float = 60, **arguments: Any) -> Any:
    """Call `function(here, **arguments)` inside `host`; its answer crosses as JSON. Raises LabError with the traceback."""
    order = json.dumps([function.__module__, function.__name__, config or {}, arguments])
    if _BRAIN:
        shipped.start_hands(host, toml(config or {}))
    if _BRAIN and function not in _ROOTS_OWN:
        return _as_brain(host, order, timeout)
    script = f"cd {CHECKOUT} && PYTHONDONTWRITEBYTECODE=1 exec {sys.executable} -m tests.lab.acting"
    result = host.sh(script, timeout, given=order)
    if result.status:
        raise LabError(result.out[-3000:])
    return json.loads(result.out.splitlines()[-1])


def _as_brain(host: Host, order: str, timeout: float) -> Any:
    """By a unit that has all of the daemon's lines but what it runs, and when again; beside it somebody who approves."""
    host.unit(
        "acting-person.service",
        f"[Service]\nType=notify\nExecStart={sys.executable} -m tests.lab.acting person\nWorkingDirectory={CHECKOUT}\n"
        "Environment=PYTHONDONTWRITEBYTECODE=1\n",
    )
    host.ok("systemctl start acting-person")
    name = f"acting-{next(_numbers)}"
    host.write(f"/run/{name}", order)
    lines = (CHECKOUT / "systemd" / shipped.DAEMON).read_text(encoding="utf-8").split("[Service]\n")[1].partition("[Install]")[0]
    kept = re.sub(r"^(Type|Exec\w+|WatchdogSec|Restart\w*|CPUQuota)=.*\n", "", lines, flags=re.MULTILINE)
    host.write(  # and no daemon-reload: what a test changed on disk stays unread
        f"/etc/systemd/system/{name}.service",
        f"[Service]\n{kept}Type=oneshot\nExecStart={sys.executable} -m tests.lab.acting brain\nWorkingDirectory={CHECKOUT}\n"
        f"Environment=PYTHONDONTWRITEBYTECODE=1\nStandardInput=file:/run/{name}\nStandardOutput=truncate:/run/{name}.out\n"
        f"StandardError=truncate:/run/{name}.err\n",
    )
    if host.sh(f"systemctl start {name}", timeout).status:
        raise LabError(host.sh(f"cat /run/{name}.err; systemctl --no-pager status {name}").out[-3000:])
    return json.loads(host.read(f"/run/{name}.out").splitlines()[-1])


def toml(value: Any, *, top: bool = True) -> str:
    """Plain data as the hands read it from disk."""
    if isinstance(value, dict):
        pairs = [f"{json.dumps(key)} = {toml(item, top=False)}" for key, item in value.items() if item is not None]
        return "".join(f"{pair}\n" for pair in pairs) if top else f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(toml(item, top=False) for item in value)}]"
    return json.dumps(value)


def open_here(config: Json, *, brain: bool) -> Here:
    settings = Config.model_validate(config)
    client = RemoteHands(Path(shipped.SOCKET))
    view = View(settings.hands_dir, rights=client) if brain else View(settings.hands_dir)
    machine = Machine(view, settings.hands_dir / "quarantine")
    return Here(settings, view, machine, client if brain else Hands(settings, settings.hands_dir / "record", machine, view))


def _case(target: str, check: str = "unit_failed", **scope: Any) -> Case:
    fault = Fault(check=check, target=target, reason="UnitFailed", message="it failed")
    return Case(incident=Incident(id=1, fault=fault, detected_at=time.time()), scope=Scope(target=target, **scope))


def approve_all() -> None:
    """Root at the console, who says yes to whatever a test is about to do."""
    Path(_PERSON).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(_PERSON)
        Path(_PERSON).chmod(0o666)
        listener.listen()
        SystemdNotifier().notify("READY=1")
        while True:
            line, _ = listener.accept()
            with line:
                asked = receive(line, REQUEST_BYTES, 5)
                send(line, RemoteHands(Path(shipped.SOCKET)).approve(asked["plan"], asked["until"]), ANSWER_BYTES, 5)


def main() -> None:
    if "person" in sys.argv:
        approve_all()
    module, name, config, arguments = json.load(sys.stdin)
    answer = getattr(import_module(module), name)(open_here(config, brain="brain" in sys.argv), **arguments)
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


if __name__ == "__main__":
    main()
