"""Starts and restarts containers through their engine, and waits until it is done."""

import time

from orchestrator.host import engines
from orchestrator.host.containers import Container, Containers
from orchestrator.host.errors import ChangeFailed, Unavailable

START_SECONDS = 60.0
_STOP_SECONDS = 10
HEALTH_SECONDS = 60.0
"""How long its own check may take until it says that the new run is well."""
_PAUSE = 0.25


class ContainerChanges:
    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def start(self, container: Container) -> Container:
        return self._change(container, "start")

    def restart(self, container: Container) -> Container:
        return self._change(container, "restart", t=str(_STOP_SECONDS))

    def _change(self, container: Container, verb: str, **query: str) -> Container:
        """As it is when its own check has spoken, where it has one. Raises ChangeFailed when the engine refuses."""
        try:
            found = self._containers.again(container)
            if found is None or found.name != container.name:
                raise ChangeFailed(f"{container.name} is not the same any more")
            status, body = engines.request(
                container.engine, "POST", f"/containers/{container.id}/{verb}", START_SECONDS + _STOP_SECONDS, **query
            )
            if status not in (204, 304):
                raise ChangeFailed(f"its engine did not {verb} {container.name}: {engines.said(body)}")
            return self._settled(container)
        except Unavailable as error:
            raise ChangeFailed(str(error)) from None

    def _settled(self, container: Container) -> Container:
        deadline = time.monotonic() + HEALTH_SECONDS
        while True:
            now = self._containers.again(container)
            if now is None:
                raise ChangeFailed(f"{container.name} is gone")
            if now.health != "starting" or not now.running or time.monotonic() > deadline:
                return now
            time.sleep(_PAUSE)
