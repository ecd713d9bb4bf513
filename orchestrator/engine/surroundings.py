"""What else is at work on this host, read for the policy's stand-down rules."""

from contextlib import suppress

from orchestrator.checks.names_standing import trouble_of
from orchestrator.config import Config
from orchestrator.host import Unavailable, View
from orchestrator.model import Case, is_unit
from orchestrator.policy import Surroundings
from orchestrator.store import Store

_MAY_LACK_NAMES = ("probe_failing", "unit_failed", "unit_inactive", "unit_crash_loop", "unit_stuck", "service_down")


def surroundings(case: Case, view: View, store: Store, config: Config, *, booting: bool) -> Surroundings:
    """What cannot be read counts as nobody at work: the fault itself was seen, and policy and hands still guard."""
    target = case.fault.target
    service = config.service_of(target)
    names = {"", target, *((service.name,) if service else ())}
    windows = [window for window in store.maintenance(view.now()) if window.service in names]
    shutting_down, in_transition = False, ""
    with suppress(Unavailable):
        shutting_down = view.units.shutdown_scheduled()
        if is_unit(target):
            unit = view.units.get(target)
            in_transition = f"{target} is {unit.active_state} ({unit.sub_state})" if unit.in_transition else ""
    packages = ""
    with suppress(Unavailable):
        packages = view.packages.busy()
    return Surroundings(
        booting=booting,
        shutting_down=shutting_down,
        package_manager=packages,
        maintenance=windows[0].reason or "no reason given" if windows else "",
        in_transition=in_transition,
        names=_names(case, view),
    )


def _names(case: Case, view: View) -> str:
    """Whether names are what the service lacks; that something is wrong with it has its names looked up from now on."""
    if case.fault.check not in _MAY_LACK_NAMES or case.fault.target not in view.names.needs:
        return ""
    view.names.doubt(case.fault.target)
    with suppress(Unavailable):
        return ", ".join(trouble_of(view, case.fault.target))
    return ""
