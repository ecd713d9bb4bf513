from collections.abc import Iterator
from contextlib import suppress

from orchestrator.checks.container_standing import CANNOT_RUN, containers_at, is_units, is_wanted
from orchestrator.config import Config
from orchestrator.host import Container, Unavailable, View
from orchestrator.host.oom import kills_in
from orchestrator.knowledge.evidence import bounded, observation
from orchestrator.model import Case, Evidence, is_unit

_SIGKILL = 128 + 9
_KERNEL_SECONDS = 10.0
_ENGINES = ("podman", "docker")
_REFUSED = {
    125: "the engine could not make the container",
    126: "the container's command may not be executed",
    127: "the container's command is not there",
}


@observation(early=True)
def containers(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """The containers that the target means, as their engine tells them, and what they said last."""
    service = config.service_of(case.fault.target)
    found = containers_at(case.fault.target, view, config)
    yield from _refused(case, view)
    if not found:
        if service and service.container:
            yield Evidence(
                source="containers", text=f"no engine has a container {service.container}", facts={"container.gone": service.container}
            )
        return
    named = case.fault.facts.get("container", "")
    found = tuple(sorted(found, key=lambda one: (one.name != named, one.running)))
    log = ""
    with suppress(Unavailable):
        log = view.containers.log(found[0])
    yield Evidence(source="containers", text=bounded("\n".join(map(_told, found[:10]))), facts=_facts(found[0], view, config))
    said = "\n".join(filter(None, (found[0].health_said, log)))
    if said.strip():  # apart from what the engine says: anybody may have written it
        last = {"log.container": log.splitlines()[-1][:300]} if log else {}
        yield Evidence(source="containers_log", text=bounded(f"{found[0].name} said last:\n{said}"), facts=last)


def _refused(case: Case, view: View) -> Iterator[Evidence]:
    """A unit that runs a container ends with the engine's own statuses when that cannot even be made."""
    unit = None
    with suppress(Unavailable):
        unit = view.units.get(case.fault.target) if is_unit(case.fault.target) else None
    runs = unit is not None and any(argv and argv[0].rpartition("/")[2] in _ENGINES for argv in unit.exec_start)
    if unit and runs and not unit.running and unit.exec_main_status in _REFUSED:
        told = f"{_REFUSED[unit.exec_main_status]} (status {unit.exec_main_status})"
        yield Evidence(source="container_runner", text=told, facts={"container.refused": told})


def _facts(container: Container, view: View, config: Config) -> dict[str, str]:
    missing = [path for path in container.sources if view.files.look(path) is None]
    has_image = True
    with suppress(Unavailable):
        has_image = view.containers.has_image(container)
    facts = {
        "container.name": container.name,
        "container.state": container.state,
        "container.exit": "" if container.running else str(container.exit),
        "container.cannot_run": "yes" if not container.running and container.exit in CANNOT_RUN else "",
        "container.how": _how(container, view) if container.ended_at else "",
        "container.health": container.health,
        "container.check_cannot_run": "yes" if container.health == "unhealthy" and container.health_exit in (*CANNOT_RUN, -1) else "",
        "container.missing_source": ", ".join(missing),
        "container.image_gone": "" if has_image else container.image,
        "container.ended_by": {True: "a person", False: "itself"}.get(container.by_hand, "") if container.by_hand is not None else "",
        "container.wanted": "yes" if is_wanted(container, config) else "",
        "container.unit": container.unit if is_units(container, config) else "",
    }
    return {name: value for name, value in facts.items() if value}


def _how(container: Container, view: View) -> str:
    """How its last run ended. Not every engine hears of the kernel's kills: the kernel's own line names the group of the victim."""
    killed = container.oom
    with suppress(Unavailable):
        lines = view.journal.kernel_lines(container.ended_at - _KERNEL_SECONDS) if container.exit == _SIGKILL and not killed else ()
        killed = killed or any(container.id in kill.group for kill in kills_in(lines))
    if killed:
        return f"the kernel killed it for want of memory (status {container.exit})"
    return f"it was killed from outside (status {container.exit})" if container.exit == _SIGKILL else f"it ended with {container.exit}"


def _told(one: Container) -> str:
    lines = [
        f"{one.name} ({one.id[:12]}, {one.engine}{f', of the project {one.project}' if one.project else ''}): {one.state}",
        f"restart policy {one.policy}, {one.restarts} restarts, {len(one.died)} ends in ten minutes",
    ]
    if not one.running:
        by = {True: "a person's word", False: "itself", None: "nobody can tell"}[one.by_hand]
        lines.append(f"ended with {one.exit} by {by}{', killed for its memory' if one.oom else ''} {one.error}".rstrip())
    if one.health:
        lines.append(f"its own check: {one.health} ({one.health_exit})")
    return "; ".join(lines)
