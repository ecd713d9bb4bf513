"""What the actions on containers share: which one is meant, and why it must be left alone now."""

from typing import Annotated, Self

from pydantic import Field

from orchestrator.checks.container_standing import CANNOT_RUN, containers_at, is_units, is_wanted
from orchestrator.config import Config
from orchestrator.host import Container, View
from orchestrator.model import AbsolutePath, Action, Case, Job, Told

_SHORT = 12
"""Of an id: as the engines themselves show it."""


class OnContainer(Action):
    """An action on one container that no unit runs. One that was made anew under its name is another one."""

    container: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,200}$")]
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{12,64}$")]
    engine: AbsolutePath
    target: Told
    """What its faults name: the declared service that it is, or itself."""

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        own = [one for one in containers_at(case.scope.target, view, config) if not is_units(one, config)]
        return tuple(
            cls.model_validate({"container": one.name, "id": one.id, "engine": one.engine, "target": case.scope.target})
            for one in own
            if one.name not in config.protect.containers and cls._fits(one)
        )

    @classmethod
    def _fits(cls, container: Container) -> bool:
        raise NotImplementedError

    def targets(self) -> tuple[str, ...]:
        return (self.target,)

    def jobs(self) -> tuple[tuple[Job, str], ...]:
        return ()

    def about(self) -> str:
        return f"{self._verb()} the container {self.container}"

    def command(self) -> str:
        return f"{'podman' if 'podman' in self.engine else 'docker'} {self._verb()} {self.container}"

    def refusal(self, view: View, config: Config) -> str:
        found = self.find(view, config)
        if found is None:
            return f"the container {self.container} is not there any more"
        return _not_ours(found, config) or self._not_now(found, view)

    def _not_now(self, found: Container, view: View) -> str:
        if found.state == "paused" or found.by_hand:
            return f"a person stopped or paused the container {self.container}"
        if busy := view.packages.busy():
            return f"a package upgrade is under way: {busy}"
        missing = [path for path in found.sources if view.files.look(path) is None]
        if missing:
            return f"{missing[0]}, which the container {self.container} mounts, is not there"
        if not found.running and found.exit in CANNOT_RUN:
            return f"the program of the container {self.container} cannot be run ({found.exit})"
        return "" if self._fits(found) else f"the container {self.container} is {found.state}"

    def verify(self, view: View) -> str:
        """Whether it runs, and its own check, if it has one, does not speak against that. What its users see, their probes tell."""
        found = view.containers.again(Container(self.engine, self.id, self.container))
        if found is None or not found.running:
            return f"the container {self.container} is {found.state if found else 'gone'}"
        return f"the container {self.container} is {found.health}" if found.health in ("unhealthy", "starting") else ""

    def find(self, view: View, config: Config) -> Container | None:
        wanted = (self.engine, self.id, self.container)
        return next((one for one in containers_at(self.target, view, config) if (one.engine, one.id, one.name) == wanted), None)

    @property
    def handle(self) -> Container:
        return Container(self.engine, self.id, self.container)

    @classmethod
    def _verb(cls) -> str:
        return str(cls.model_fields["kind"].default).removesuffix("_container")


def _not_ours(found: Container, config: Config) -> str:
    if {found.name, found.id, found.id[:_SHORT]} & set(config.protect.containers):
        return f"the container {found.name} is protected"
    if is_units(found, config):
        return f"the container {found.name} is run by a unit: {found.unit or 'its declared one'}"
    return "" if is_wanted(found, config) else f"nobody said that the container {found.name} is to run"
