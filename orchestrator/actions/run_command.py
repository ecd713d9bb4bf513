"""Runs a fix of the operator's own."""

import shlex
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field

from orchestrator.config import Argv, Command, Config, Name
from orchestrator.host import ChangeFailed, View
from orchestrator.model import Action, Case, Risk, Told

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine


class RunCommand(Action):
    """The fields repeat the declaration, so that a person sees what is approved; it is compared with the declaration again.

    `risk` is a field here: the operator says how far this very command may be trusted.
    """

    kind: Literal["run_command"] = "run_command"
    reversible: ClassVar[bool] = False
    risk: Risk  # type: ignore[misc]  # every other action has one risk for all
    name: Name
    service: Name
    argv: Annotated[Argv, Field(min_length=1)]
    user: Told | None
    """None: root."""
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)]

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        return tuple(cls._declared(command, view, config) for command in config.command if case.scope.holds(command.service))

    @classmethod
    def _declared(cls, command: Command, view: View, config: Config) -> Self:
        user = command.user or user_of(command.service, view, config)
        return cls(risk=command.risk, name=command.name, service=command.service, argv=command.argv, user=user,
                   timeout_seconds=command.timeout_seconds)  # fmt: skip

    def targets(self) -> tuple[str, ...]:
        return (self.service,)

    def about(self) -> str:
        return f"run {self.name} ({shlex.join(self.argv)})"

    def command(self) -> str:
        return shlex.join(self.argv)

    def refusal(self, view: View, config: Config) -> str:
        declared = [self._declared(command, view, config) for command in config.command if command.name == self.name]
        return "" if declared == [self] else f"{self.name} is not what the configuration declares"

    def do(self, machine: "Machine") -> str:
        result = machine.commands.run(self.argv, user=self.user, timeout=self.timeout_seconds, name=self.name)
        said = f": {result.output.strip()[-300:]}" if result.output.strip() else ""
        if result.timed_out:
            raise ChangeFailed(f"{self.name} did not end within {self.timeout_seconds:g} s and was ended{said}")
        if result.exit != 0:
            raise ChangeFailed(f"{self.name} ended with status {result.exit}{said}")
        return f"{self.name} ended well{said}"

    def verify(self, view: View) -> str:
        """Its exit status was asked; what it changed only the probes can tell."""
        del view
        return ""


def user_of(name: str, view: View, config: Config) -> str | None:
    """Who runs a declared service's commands: its own `user`, else its unit's User=; None is root."""
    service = config.service_of(name)
    if service is None or service.user:
        return service.user if service else None
    return (view.units.get(service.unit).user or None) if service.unit else None
