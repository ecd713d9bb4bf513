"""What else is at work on this host, read for the policy's stand-down rules."""

from contextlib import suppress

from orchestrator.checks.certificate_standing import due
from orchestrator.checks.names_standing import trouble_of
from orchestrator.checks.unit_failed import CRASHES
from orchestrator.config import Config
from orchestrator.host import Unavailable, View
from orchestrator.host.keepers import keeper_of
from orchestrator.model import Case, is_unit
from orchestrator.policy import Surroundings
from orchestrator.store import Store, Window
from orchestrator.store.times import moment

_MAY_LACK_NAMES = ("probe_failing", "unit_failed", "unit_inactive", "unit_crash_loop", "unit_stuck", "service_down")


_KEEPERS_SECONDS = 30.0
"""So long another program that looks after a unit is given to start it."""
_NEEDS_SECONDS = 120.0
"""So long systemd is given to bring up what a unit needs."""
_ALERT_SECONDS = 60.0
"""So long what another watcher says waits for what this host sees itself: that is the root, and is healed."""
_KEPT = ("unit_failed", "unit_inactive")


def surroundings(case: Case, view: View, store: Store, config: Config, *, booting: bool) -> Surroundings:
    """What cannot be read counts as nobody at work: the fault itself was seen, and policy and hands still guard."""
    target = case.fault.target
    window = hands_off(case, view, store, config)
    shutting_down, in_transition, keeper = False, "", ""
    with suppress(Unavailable):
        shutting_down = view.units.shutdown_scheduled()
        if is_unit(target):
            unit = view.units.get(target)
            in_transition = f"{target} is {unit.active_state} ({unit.sub_state})" if unit.in_transition else ""
            if unit.down and view.now() < unit.overrun_until:
                in_transition = f"it still counts the connections to {target}, and the next one would close it again"
            age = view.now() - case.incident.opened_at
            in_transition = in_transition or (_need_on_its_way(case, view) if age < _NEEDS_SECONDS else "")
            keeper = keeper_of(view, unit) if age < _KEEPERS_SECONDS and case.fault.check in _KEPT and not case.tried else ""
    packages = ""
    with suppress(Unavailable):
        packages = view.packages.busy()
    return Surroundings(
        booting=booting,
        shutting_down=shutting_down,
        package_manager=packages,
        maintenance=_told(window) if window else "",
        maintenance_until=window.until if window else 0.0,
        in_transition=in_transition,
        keeper=keeper,
        root=_root(case, view, config),
        young_alert=case.fault.check == "alert" and view.now() - case.incident.opened_at < _ALERT_SECONDS,
    )


def hands_off(case: Case, view: View, store: Store, config: Config) -> Window | None:
    """The window that covers a case now: of several the one that ends last."""
    service = config.service_of(case.fault.target)
    names = (case.fault.target, *((service.name,) if service else ()))
    windows = (window for window in store.maintenance(view.now()) if window.covers(case.fault.key, names))
    return max(windows, key=lambda window: window.until, default=None)


def _told(window: Window) -> str:
    silenced = "silenced, " if window.key else ""
    return f"{silenced}{window.reason or 'no reason given'} ({window.actor}, until {moment(window.until)})"


def _root(case: Case, view: View, config: Config) -> str:
    target = case.fault.target
    with suppress(Unavailable):
        if lost := _lost_names(case, view):
            return f"names that it needs are not found: {lost}"
        renews = [item for item in config.certificates_of(target) if item.renew_unit == target and case.fault.check == "unit_failed"]
        return next((f"{item.file}, which it renews, is due" for item in renews if due(view, item)), "")
    return ""


def _lost_names(case: Case, view: View) -> str:
    """Whether names are what the service lacks; that something is wrong with it has its names looked up from now on."""
    crashed = case.fault.facts.get("result") in CRASHES
    if crashed or case.fault.check not in _MAY_LACK_NAMES or case.fault.target not in view.names.needs:
        return ""
    view.names.doubt(case.fault.target)
    return ", ".join(trouble_of(view, case.fault.target))


def _need_on_its_way(case: Case, view: View) -> str:
    """What the fault's unit needs and systemd is bringing up, or waits to restart: a start before that would be in vain."""
    needs = view.units.named(tuple(filter(is_unit, case.scope.below)))
    return next(
        (f"{need.name}, which it needs, is {need.active_state} ({need.sub_state})" for need in needs if need.active_state == "activating"),
        "",
    )
