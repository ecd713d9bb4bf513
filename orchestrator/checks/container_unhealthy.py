"""A container that is to run and does not, or whose own check fails."""

from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.checks.container_standing import Trouble, service_of, target_of, trouble
from orchestrator.config import Config
from orchestrator.host import Container, View
from orchestrator.model import Fault, Severity


@check(every=10, deadline=45, confirm=2)
def container_unhealthy(view: View, config: Config) -> Iterator[Fault]:
    """A container that is to run and ended by itself, ends again and again, or that its own check calls unhealthy."""
    for container in view.containers.all(config.containers.sockets):
        wrong = trouble(container, config, view.now())
        if wrong is None:
            continue
        if wrong.reason == "Unhealthy" and _starves(view, container):
            wrong = Trouble("Starved", "fails its own check for want of a CPU: others use it")
        facts = {"container": container.name, "policy": container.policy}
        yield Fault(
            check="container_unhealthy",
            target=target_of(container, config),
            reason=wrong.reason,
            message=f"the container {container.name} {wrong.told}",
            severity=Severity.HIGH if service_of(container, config) else Severity.WARNING,
            facts=facts if container.running else {**facts, "exit": str(container.exit)},
        )


def _starves(view: View, container: Container) -> bool:
    """Whether what runs in it only waits for a CPU; a restart would add to what keeps it waiting."""
    process = view.processes.get(container.pid) if container.pid else None
    return process is not None and view.processes.starved(process.cgroup)
