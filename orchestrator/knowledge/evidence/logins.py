from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.logins import closed, shutdown_meant
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence, is_unit


@observation(early=True)
def logins(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """Whether ordinary users are kept out, for what no unit runs: such a service is often the way in itself."""
    del config
    if case.fault.check != "probe_failing" or is_unit(case.fault.target) or not (file := closed(view)):
        return
    meant = shutdown_meant(view)
    facts = {"logins.closed": file} | ({"logins.shutdown": meant} if meant else {})
    yield Evidence(
        source="logins", text=f"{file} keeps ordinary users from logging in; {meant or 'no shut-down is scheduled'}", facts=facts
    )
