"""Runs a test's own function inside a host, with the doors, the hands and the settings open there.

def restart(here: Here, unit: str) -> Json:
    return here.perform({"kind": "restart_unit", "unit": unit})

answer = act(lab, restart, unit="shop.service", config={"service": [...]})
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from orchestrator import actions
from orchestrator.config import Config
from orchestrator.hands import Hands
from orchestrator.host import View
from orchestrator.host.machine import Machine
from orchestrator.model import Action, Case, Fault, Incident, Json, Scope
from tests.lab.host import CHECKOUT, STATE, Host, LabError


@dataclass(frozen=True, slots=True)
class Here:
    """The host, from inside."""

    config: Config
    view: View
    machine: Machine
    hands: Hands

    def perform(self, action: Json) -> Json:
        """The hands' answer, with the id that undoes it, what the action remembered and what its proof says."""
        change_id = time.time_ns()
        typed = actions.parse(action)
        before = typed.remember(self.view)
        answer = self.hands.perform(change_id, action)
        return {**answer, "id": change_id, "before": before, "unproved": typed.verify(self.view) if answer["ok"] else ""}

    def undo(self, change_id: int, action: Json, before: Json) -> Json:
        return self.hands.undo(change_id, action, before)

    def offered(self, kind: str, case: Json) -> list[Json]:
        """The candidates of a kind for an incident of this scope, as plain data."""
        (wanted,) = (action for action in actions.all_actions() if action.model_fields["kind"].default == kind)
        found: tuple[Action, ...] = wanted.candidates(_case(**case), self.view, self.config)
        return [action.model_dump(mode="json") for action in found]


def act(host: Host, function: Callable[..., Any], *, config: Json | None = None, timeout: float = 60, **arguments: Any) -> Any:
    """Call `function(here, **arguments)` inside `host`; its answer crosses as JSON. Raises LabError with the traceback."""
    order = json.dumps([function.__module__, function.__name__, config or {}, arguments])
    script = f"cd {CHECKOUT} && PYTHONDONTWRITEBYTECODE=1 exec {sys.executable} -m tests.lab.acting"
    result = host.sh(script, timeout, given=order)
    if result.status:
        raise LabError(result.out[-3000:])
    return json.loads(result.out.splitlines()[-1])


def open_here(config: Json) -> Here:
    state = Path(STATE)
    view = View(state)
    machine = Machine(view, state / "quarantine")
    settings = Config.model_validate(config)
    return Here(settings, view, machine, Hands(settings, state / "hands.record", machine, view))


def _case(target: str, check: str = "unit_failed", **scope: Any) -> Case:
    fault = Fault(check=check, target=target, reason="UnitFailed", message="it failed")
    return Case(incident=Incident(id=1, fault=fault, detected_at=time.time()), scope=Scope(target=target, **scope))


def main() -> None:
    module, name, config, arguments = json.load(sys.stdin)
    answer = getattr(import_module(module), name)(open_here(config), **arguments)
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


if __name__ == "__main__":
    main()
