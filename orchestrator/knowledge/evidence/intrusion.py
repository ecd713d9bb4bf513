"""Signs that a stranger was here. They only ever keep us from acting, and tell a person what to look at (DESIGN section 5, "never")."""

import pwd
from collections.abc import Iterator

from orchestrator.checks.strange_program import strangers
from orchestrator.config import CommandProbe, Config, Service
from orchestrator.host import GoodFile, Process, Unit, View, accounts
from orchestrator.host.manager import SYSTEM
from orchestrator.host.provenance import DELETED, not_as_before, package_of, programs_of, script_of, strange_place
from orchestrator.knowledge.evidence import as_far_as_may_be, bounded, observation, ran_well_with
from orchestrator.model import Case, Evidence, is_unit

_PRELOAD = "/etc/ld.so.preload"
_RECENT_SECONDS = 3600.0
_SLACK_SECONDS = 1.0
_SPECIAL = 0o6000
"""Set-user-ID and set-group-ID."""
_UNIT_DIRECTORIES = ("/usr/lib/systemd/system", "/lib/systemd/system")
_HOMES, _FILES = 50, 100


@observation(early=True)
def intrusion(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """Programs that are not what they were, strangers on its ports, new privileges, and changed accounts."""
    service = config.service_of(case.fault.target)
    name = service.unit if service else case.fault.target if is_unit(case.fault.target) else None
    unit = view.units.get(name) if name else Unit(name="none.service")
    unread: list[str] = []
    signs, changed = _programs(view, unit, unread)
    signs += [*_strangers(view, service, unit, unread), *_privileges(view, unit, service, unread), *_preloaded(view, case)]
    if case.fault.check == "strange_program":
        signs += _runs_strangely(view, case.fault.target, unread)
    closed = unread if view.manager == SYSTEM else []  # whose login to root's account changed is not a user's own daemon's matter
    logins = _accounts(view, case, closed) if service else []
    facts = {
        "danger.intrusion": "; ".join(dict.fromkeys(signs))[:1000],
        "program.changed": ", ".join(changed),
        "accounts.changed": ", ".join(logins),
        "service.logs_in": "yes" if service and _logs_in(service, config) else "",
    }
    told = "\n".join(value for value in list(facts.values())[:3] if value) or ("no sign" if not unread else "no sign where it was looked")
    if unread:
        facts["unread.intrusion"] = "; ".join(dict.fromkeys(unread))[:300]
        told += f"\nnot all could be read: {facts['unread.intrusion']}"
    yield Evidence(source="intrusion", text=bounded(told), facts={fact: value for fact, value in facts.items() if value})


def _runs_strangely(view: View, target: str, unread: list[str]) -> list[str]:
    """Not every program may be seen; those that may come first."""
    found = []
    with as_far_as_may_be(unread):
        for strange, what in strangers(view):
            found += [what] if strange == target else []
    return found


def _programs(view: View, unit: Unit, unread: list[str]) -> tuple[list[str], list[str]]:
    """Signs, and the programs that no package vouches for and that are not what the unit ran well with."""
    signs, changed = [], []
    packaged = None
    for path in programs_of(unit):
        with as_far_as_may_be(unread):
            state, good = view.files.look(path), view.known_good.get(path)
            if state is None or state.kind != "file" or (good and good.kind == "file"):
                continue  # of a declared file there is a good copy, and another story
            if package := not_as_before(view, path):
                signs.append(f"{path} is not the file that its package {package} brought")
            elif ran_well_with(view, unit, state) or _is_same(view, path, good) or package_of(path):
                continue
            elif good and good.digest:
                changed.append(path)
            elif good is None and (why := strange_place(view, path)):
                signs.append(f"{unit.name} starts {path}, which {why}")
            elif good is None:
                packaged = _is_packaged(unit) if packaged is None else packaged
                if packaged:
                    signs.append(f"{unit.name} is a package's, and starts {path}, which no package brought")
    return signs, changed


def _is_same(view: View, path: str, good: GoodFile | None) -> bool:
    return good is not None and bool(good.digest) and good.digest == view.known_good.digest(path)


def _is_packaged(unit: Unit) -> bool:
    """Whether a package brought this unit, whoever has put another file of that name over it."""
    return any(package_of(path) for path in (unit.fragment_path, *(f"{place}/{unit.name}" for place in _UNIT_DIRECTORIES)) if path)


def _strangers(view: View, service: Service | None, unit: Unit, unread: list[str]) -> Iterator[str]:
    """Who holds its ports, and is known to no package and no service of this host."""
    if service is None or service.unit is None:
        return
    own = programs_of(unit)
    for port in service.ports:
        with as_far_as_may_be(unread):
            process = view.sockets.holder_of_port(port)
            if process and process.pid != 1 and process.unit != unit.name and (why := _unknown(view, process, own)):
                yield f"port {port} is held by {_told(process)}, {why}"


def _unknown(view: View, process: Process, own: tuple[str, ...]) -> str:
    exe = process.exe.removesuffix(DELETED)
    script = script_of(process)
    if not exe or exe in own or (script and script in own):
        return ""  # an older instance of the same program
    if script and (why := strange_place(view, script)):
        return f"whose script {script} {why}"
    if package_of(exe):
        return ""
    if process.unit in view.baseline.active and exe in programs_of(view.units.get(process.unit)):
        return ""
    if why := strange_place(view, exe):
        return f"whose program {why}"
    return (
        "whose program is not there any more"
        if process.exe.endswith(DELETED)
        else "whose program no package brought and no service here runs"
    )


def _told(process: Process) -> str:
    try:
        user = pwd.getpwuid(process.uid).pw_name
    except KeyError:
        user = str(process.uid)
    return f"{process.exe} (pid {process.pid} of {user}, {process.unit or 'no unit'})"


def _privileges(view: View, unit: Unit, service: Service | None, unread: list[str]) -> Iterator[str]:
    """Files of the service that would now run with another one's rights."""
    for path in dict.fromkeys((*programs_of(unit), *(service.files if service else ()))):
        with as_far_as_may_be(unread):
            state, good = view.files.look(path), view.known_good.get(path)
            if state and good and state.kind == "file" and (state.mode & ~good.mode & _SPECIAL):
                yield f"{path} got the mode {state.mode:04o}: whoever runs it gets the rights of its owner or group"


def _preloaded(view: View, case: Case) -> Iterator[str]:
    """Libraries that every program here is made to load, since shortly before the fault."""
    state = view.files.look(_PRELOAD, follow=True)
    if state is None or not state.size or case.incident.detected_at - max(state.mtime, state.ctime) > _RECENT_SECONDS:
        return
    text = view.files.read(_PRELOAD, 1 << 16).decode(errors="replace")
    words = [word for line in text.splitlines() for word in line.partition("#")[0].replace(":", " ").split()]
    unknown = [word for word in words if word.startswith("/") and not package_of(word)]
    if unknown:
        yield f"{_PRELOAD} makes every program load {', '.join(unknown)}, which no package brought"


def _logs_in(service: Service, config: Config) -> bool:
    """What a person declares to see whether logins work, or a unit that is protected for its sake (ssh)."""
    if service.unit is None:
        return not service.start and any(isinstance(probe, CommandProbe) for probe in service.probes)
    return config.protects_unit(service.unit)


def _accounts(view: View, case: Case, unread: list[str]) -> list[str]:
    """What says who may log in, and was changed since the service answered last."""
    found = []
    answered = view.answered.get(case.fault.target, 0.0)
    span = min(_RECENT_SECONDS, case.incident.detected_at - answered + _SLACK_SECONDS)
    paths = list(accounts.FILES)
    for place, most, beneath in (*((rule, _FILES, "") for rule in accounts.RULES), ("/home", _HOMES, "/.ssh/authorized_keys")):
        with as_far_as_may_be(unread):
            paths += [f"{place}/{name}{beneath}" for name in view.files.entries(place, most)]
    for path in paths:
        with as_far_as_may_be(unread):
            state = view.files.look(path, follow=True)
            ago = case.incident.detected_at - max(state.mtime, state.ctime) if state else _RECENT_SECONDS
            if ago < span:
                found.append(f"{path} (changed {max(0.0, ago):.0f} s before)")
    return found
