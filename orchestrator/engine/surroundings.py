"""What else is at work on this host, read for the policy's stand-down rules."""

from contextlib import suppress

from orchestrator.config import Config
from orchestrator.host import Unavailable, View
from orchestrator.model import Case, is_unit
from orchestrator.policy import Surroundings
from orchestrator.store import Store


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
    )
