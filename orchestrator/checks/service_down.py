"""A declared service that no unit runs, and that is not running."""

from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.checks.probe_failing import ask
from orchestrator.config import Config, Service
from orchestrator.host import Unavailable, View
from orchestrator.model import Fault, Severity


@check(every=10, deadline=60, confirm=2)
def service_down(view: View, config: Config) -> Iterator[Fault]:
    """A declared service without a unit that is not running, or does not answer."""
    for service in config.service:
        if service.unit is None and service.start and (why := _down(view, service)):
            reason, message = why
            yield Fault(
                check="service_down", target=service.name, reason=reason, message=f"{service.name}: {message}", severity=Severity.HIGH
            )


def _down(view: View, service: Service) -> tuple[str, str] | None:
    """The first of its declared signs of life that is missing: the process of its pid file, its port, its probes."""
    if service.pid_file and (why := _dead_process(view, service.pid_file)):
        return "ProcessGone", why
    if service.port and not view.sockets.on_port(service.port):
        return "NotListening", f"nothing listens on port {service.port}"
    results = ask(view, service)
    for result in results:
        if result.blind:
            raise Unavailable(f"{result.probe}: {result.detail}")
        if not result.ok:
            return "NoAnswer", f"{result.probe}: {result.detail}"
    return None


def _dead_process(view: View, pid_file: str) -> str:
    if view.files.look(pid_file) is None:
        return f"its pid file {pid_file} is not there"
    text = view.files.read(pid_file, 64).decode("ascii", "replace").strip()
    if not text.isdigit():
        return f"its pid file {pid_file} holds no number"
    return "" if view.processes.get(int(text)) else f"the process {text} of {pid_file} does not exist"
