"""Whose a container is, and what is wrong with it: shared by the check, the actions and the evidence of containers."""

from dataclasses import dataclass

from orchestrator.config import Config, Service
from orchestrator.host import Container, View
from orchestrator.model import CONTAINER

_LOOP_DEATHS, _LOOP_SECONDS = 4, 300.0
_OWN_RESTART_SECONDS = 3.0
"""How long an engine may take to restart by itself what its policy says is to run."""
_RESTARTED = ("always", "unless-stopped", "on-failure")
CANNOT_RUN = (125, 126, 127)
"""What engines and shells end with when there is no such program, or it cannot be executed."""


@dataclass(frozen=True, slots=True)
class Trouble:
    reason: str
    told: str


def containers_of(service: Service, view: View, config: Config) -> tuple[Container, ...]:
    """Those that a declared service runs in."""
    return tuple(one for one in view.containers.all(config.containers.sockets) if service_of(one, config) == service)


def containers_at(target: str, view: View, config: Config) -> tuple[Container, ...]:
    """Those that a fault's target means."""
    return tuple(one for one in view.containers.all(config.containers.sockets) if target_of(one, config) == target)


def target_of(container: Container, config: Config) -> str:
    """What its faults name: the service that it is, the unit that runs it, or itself."""
    service = service_of(container, config)
    return service.target if service else container.unit or f"{CONTAINER}{container.name}"


def service_of(container: Container, config: Config) -> Service | None:
    """The one that names it or its unit; else one that no unit and no command runs, and that has its name or its port."""
    named = [
        service for service in config.service if container.name == service.container or (service.unit and service.unit == container.unit)
    ]
    loose = [service for service in config.service if not (service.unit or service.start or service.container)]
    alike = [service for service in loose if service.name == container.name or service.ports & set(container.ports)]
    return next(iter((*named, *alike)), None)


def is_units(container: Container, config: Config) -> bool:
    """Whether a unit runs it: then its end is that unit's, and so is every repair."""
    service = service_of(container, config)
    return bool(container.unit or (service and service.unit))


def is_wanted(container: Container, config: Config) -> bool:
    """Whether somebody said that it is to run: the operator, or its own restart policy."""
    return service_of(container, config) is not None or container.policy in _RESTARTED


def trouble(container: Container, config: Config, now: float) -> Trouble | None:
    """What is wrong with it. One that a person stopped, killed or paused is as he wants it; so is one that nobody tells of who did."""
    if container.state in ("paused", "removing", "dead"):
        return None
    if container.running and container.health == "unhealthy":
        return Trouble("Unhealthy", f"runs, and its own check fails ({container.health_exit}): {container.health_said or 'without a word'}")
    if is_units(container, config) or not is_wanted(container, config):
        return None
    deaths = [at for at in container.died if now - at < _LOOP_SECONDS]
    if container.policy in _RESTARTED and container.restarts and len(deaths) >= _LOOP_DEATHS and not container.by_hand:
        return Trouble("CrashLoop", f"ended {len(deaths)} times in {_LOOP_SECONDS / 60:.0f} minutes, and its engine restarts it each time")
    if container.state != "exited" or container.by_hand is not False:
        return None
    return _ended(container, config, now)


def _ended(container: Container, config: Config, now: float) -> Trouble | None:
    """One that ended by itself."""
    declared = service_of(container, config) is not None
    if container.policy == "on-failure" and container.restarts and container.restarts >= container.most_restarts > 0:
        return Trouble("GaveUp", f"ended with {container.exit} after {container.restarts} restarts, and its engine gave it up")
    if container.policy in _RESTARTED and now - container.ended_at < _OWN_RESTART_SECONDS:
        return None
    if container.policy == "on-failure" and container.exit == 0 and not declared:
        return None  # that is how it says that it is done
    if container.oom:
        return Trouble("OutOfMemory", f"was killed by the kernel for its memory (status {container.exit})")
    return Trouble("Exited", f"ended by itself with {container.exit}{f': {container.error}' if container.error else ''}")
