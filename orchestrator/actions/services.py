"""What the actions on declared services without a unit share: the operator's own commands to start, stop and restart them."""

import shlex
from typing import Annotated, Self

from pydantic import Field

from orchestrator.config import Argv, Config, Name
from orchestrator.host import View
from orchestrator.model import Action, Case, Told


class OnService(Action):
    """The fields repeat the declaration, so that a person sees what is approved; it is compared with the declaration again."""

    name: Name
    argv: Annotated[Argv, Field(min_length=1)]
    user: Told | None
    """None: root."""

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        del view
        declared = (cls._declared(service.name, config) for service in config.service if case.scope.holds(service.name))
        return tuple(action for action in declared if action)

    @classmethod
    def _verb(cls) -> str:
        return str(cls.model_fields["kind"].default).removesuffix("_service")

    @classmethod
    def _declared(cls, name: str, config: Config) -> Self | None:
        service = config.service_of(name)
        argv = getattr(service, cls._verb(), ())
        return cls.model_validate({"name": service.name, "argv": argv, "user": service.user}) if service and argv else None

    def targets(self) -> tuple[str, ...]:
        return (self.name,)

    def about(self) -> str:
        return f"{self._verb()} {self.name} ({shlex.join(self.argv)})"

    def command(self) -> str:
        return shlex.join(self.argv)

    def refusal(self, view: View, config: Config) -> str:
        del view
        return "" if self._declared(self.name, config) == self else f"{self.about()}: not what the configuration declares"

    def verify(self, view: View) -> str:
        """The command itself was asked for its exit status; whether the service runs only its probes can tell."""
        del view
        return ""
