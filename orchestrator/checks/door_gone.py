"""A service listens on a socket file that is not there any more."""

from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.checks.unit_inactive import declared_dependencies
from orchestrator.config import Config
from orchestrator.host import View, doors
from orchestrator.model import Fault, Severity


@check(every=20, confirm=2)
def door_gone(view: View, config: Config) -> Iterator[Fault]:
    """A declared service, or what it depends on, whose socket file was removed under it."""
    asked = {service.unit for service in config.service if service.unit}
    asked |= {name for needs in declared_dependencies(config).values() for name in needs}
    for unit, path in doors.gone(view, asked).items() if asked else ():
        yield Fault(
            check="door_gone",
            target=unit,
            reason="SocketFileGone",
            message=f"{unit} listens on {path}, and that socket file is not there any more",
            severity=Severity.HIGH,
            facts={"socket": path},
        )
