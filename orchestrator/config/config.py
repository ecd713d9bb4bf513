"""All settings together, and what they protect."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from orchestrator import servers
from orchestrator.config.agents import Agents
from orchestrator.config.places import config_home
from orchestrator.config.services import Command, Service, probes_from
from orchestrator.config.tables import (
    Certificate,
    CleanPath,
    Containers,
    Daemon,
    Dashboard,
    Disk,
    Escalation,
    Hands,
    Limits,
    LogRule,
    Mail,
    Notify,
    Phases,
    Protect,
)
from orchestrator.model import Mode, Word, is_unit

PROTECTED_UNITS = (
    "ssh.service", "sshd.service", "ssh.socket", "dbus.service", "dbus.socket", "dbus-broker.service",
    "systemd-*", "init.scope", "-.mount", "-.slice", "system.slice", "user.slice", "user@*", "getty@*", "serial-getty@*",
    "networking.service", "NetworkManager.service", "network-manager.service", "ifup@*", "wpa_supplicant.service",
    "autonomous-orchestrator*", "escalation-dashboard.service",
)  # fmt: skip
"""Never stopped or changed (law 8): losing one loses the host, or the way to it. `*` at the end matches the rest."""

_OWN_LETTER = "autonomous-orchestrator-failed@"
OWN_UNIT = "autonomous-orchestrator.service"
"""The daemon's own: never its patient. That it died is systemd's to mend, and whoever looks for it looks alive."""


def is_own(unit: str) -> bool:
    """The daemon's own unit, and the one that wrote to people of its death: whether that letter went is an old story when it lives."""
    return unit == OWN_UNIT or unit.startswith(_OWN_LETTER)


PROTECTED_PATHS = (
    "/bin", "/boot", "/dev", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr", "/root", "/home",
    "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/etc/pam.d", "/etc/ssh",
    "/etc/autonomous-orchestrator", "/run/systemd", "/run/dbus", "/var/lib/dpkg", "/var/lib/systemd",
)  # fmt: skip
"""Never removed from or written to, unless a service declares the very file."""
_PROGRAMS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec", "/usr/local")
_NO_DEVICES = ("/dev/shm",)  # noqa: S108  # looked at, not written to
"""Beneath a protected path, and still a place for ordinary files."""


class Config(Word):
    """All settings. Every key has a default."""

    daemon: Daemon = Daemon()
    phases: Phases = Phases()
    agents: Agents = Agents()
    hands: Hands = Hands()
    limits: Limits = Limits()
    protect: Protect = Protect()
    containers: Containers = Containers()
    mail: Mail = Mail.model_validate({})
    notify: Notify = Notify()
    escalation: Escalation = Escalation()
    dashboard: Dashboard = Dashboard()
    service: tuple[Service, ...] = ()
    command: tuple[Command, ...] = ()
    path: tuple[CleanPath, ...] = ()
    disk: tuple[Disk, ...] = ()
    certificate: tuple[Certificate, ...] = ()
    log: tuple[LogRule, ...] = ()
    server: Annotated[tuple[servers.Server, ...], Field(validate_default=True)] = ()
    """Well-known servers: the operator's own, and the shipped ones that he has not replaced by one of the same name."""

    @field_validator("server")
    @classmethod
    def _with_shipped(cls, own: tuple[servers.Server, ...]) -> tuple[servers.Server, ...]:
        names = {server.name for server in own}
        for server in own:
            probes_from(server.probes)
        return (*own, *(server for server in servers.shipped() if server.name not in names))

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        for table, names in (
            ("service", [item.name for item in self.service]),
            ("service unit", [item.unit for item in self.service if item.unit]),
            ("command", [item.name for item in self.command]),
            ("path", [item.path for item in self.path]),
            ("disk", [item.mount for item in self.disk]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"[[{table}]] {twice[0]!r} is there twice; each name once")
        return self

    @model_validator(mode="after")
    def _references_lead_somewhere(self) -> Self:
        services = {item.name for item in self.service}
        for command in self.command:
            if command.service not in services:
                raise ValueError(f"[[command]] {command.name!r}: service {command.service!r} is not declared")
        for rule in self.log:
            if rule.service and rule.service not in services:
                raise ValueError(f"[[log]] {rule.pattern!r}: service {rule.service!r} is not declared")
            if rule.command and rule.command not in {item.name for item in self.command}:
                raise ValueError(f"[[log]] {rule.pattern!r}: command {rule.command!r} is not declared")
        for service in self.service:
            for dependency in service.depends_on:
                if dependency not in services and not is_unit(dependency):
                    raise ValueError(f"[[service]] {service.name!r}: depends_on {dependency!r} is neither a unit nor a declared service")
        return self

    @property
    def hands_dir(self) -> Path:
        """The hands' alone: their record, what they moved aside, what is known to be good. Beside the state that a group shares."""
        return Path(f"{self.daemon.state_dir.rstrip('/')}-hands")

    def service_of(self, target: str) -> Service | None:
        """The declared service that a unit name or a service name means."""
        return next((item for item in self.service if target in (item.unit, item.name)), None) or self._stood_for(target)

    def _stood_for(self, unit: str) -> Service | None:
        """The service whose unit does nothing itself and stands for this one: `postgresql@15-main.service`."""
        umbrellas = [server.units for server in self.server if server.stands_for and fnmatchcase(unit, server.stands_for)]
        return next((item for item in self.service if any(item.unit in units for units in umbrellas)), None)

    def certificates_of(self, target: str) -> tuple[Certificate, ...]:
        """Those that a file, a unit that serves them or renews them, or a service of such a unit means."""
        service = self.service_of(target)
        names = {target, *((service.unit,) if service and service.unit else ())}
        return tuple(item for item in self.certificate if names & {item.file, item.unit, item.renew_unit})

    def log_target(self, rule: LogRule) -> str:
        """Whose trouble a declared line is: its service's, else its unit's, else that of the file itself."""
        service = self.service_of(rule.service or rule.log)
        return service.target if service else rule.log

    def mode_of(self, target: str) -> Mode:
        service = self.service_of(target)
        return service.mode if service and service.mode else self.daemon.mode

    def protects_unit(self, unit: str) -> bool:
        return any(
            unit == pattern or (pattern.endswith("*") and unit.startswith(pattern[:-1]))
            for pattern in (*PROTECTED_UNITS, *self.protect.units)
        )

    def protects_path(self, path: str, *, mode_alone: bool = False) -> bool:
        """The operator's own list always wins; a built-in one gives way to a file that a service declares.

        Where programs lie it gives way, too, to what changes nothing but an owner or a mode.
        """
        if _beneath(path, self.protect.paths) or _beneath(path, (self.daemon.state_dir, str(self.hands_dir))):
            return True
        if mode_alone and _beneath(path, _PROGRAMS):
            return False
        ordinary = _beneath(path, (*_NO_DEVICES, *self._own_places())) or self.declares_file(path)
        return _beneath(path, PROTECTED_PATHS) and not ordinary

    def _own_places(self) -> tuple[str, ...]:
        """A user's own units lie in his home, and are what his daemon heals."""
        return (str(config_home() / "systemd" / "user"),) if self.daemon.manager == "user" else ()

    def declares_file(self, path: str) -> bool:
        return any(path in service.config_files or _beneath(path, service.files) for service in self.service)

    def narrowed(self, target: str) -> "Config":
        """The same settings with the declarations of one target only: how one check is asked about one thing.

        What nobody declared is there for those who are declared to need it.
        """
        own = tuple(item for item in self.service if target in (item.unit, item.name) or _is_pair(item.unit, target))
        return self.model_copy(
            update={
                "service": own or tuple(item for item in self.service if target in item.depends_on),
                "disk": tuple(item for item in self.disk if item.mount == target),
                "certificate": tuple(item for item in self.certificate if target in (item.file, item.unit)),
                "log": tuple(item for item in self.log if self.log_target(item) == target),
            }
        )


def _is_pair(unit: str | None, target: str) -> bool:
    """A timer and its job, which mostly have one name: what one of them is declared for concerns the other."""
    pair = {(unit or "").rpartition(".")[2], target.rpartition(".")[2]} == {"timer", "service"}
    return pair and (unit or "").rpartition(".")[0] == target.rpartition(".")[0]


def _beneath(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)
