from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.databases import troubles
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence, is_unit

_CHECKS = ("unit_failed", "unit_inactive", "unit_crash_loop", "probe_failing", "service_down")


@observation(early=True)
def databases(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What SQLite itself finds wrong in the databases of a service that fails."""
    target = case.fault.target
    service = config.service_of(target)
    if case.fault.check not in _CHECKS or (service is None and not is_unit(target)):
        return
    found = tuple(troubles(view, target, service))
    damaged = [f"{file}: {wrong}" for file, wrong in found if wrong]
    facts = {"danger.corruption": damaged[-1]} if damaged else {}
    if found:
        told = (f"{file}: {wrong or 'nothing wrong was found in time'}" for file, wrong in found)
        yield Evidence(source="databases", text="\n".join(told), facts=facts)
