"""The settings: TOML into frozen types. An unknown key is an error, since a mistyped safety key must never be ignored."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from orchestrator import servers
from orchestrator.model import AbsolutePath, Mode, Risk, Severity, UnitName, Word, is_unit

DEFAULT_FILE = Path("/etc/autonomous-orchestrator/config.toml")

Argv = tuple[Annotated[str, Field(min_length=1, max_length=4096)], ...]
Seconds = Annotated[float, Field(gt=0, le=86_400 * 366)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Address = Annotated[str, Field(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$")]
Percent = Annotated[float, Field(gt=0, lt=100)]

PROTECTED_UNITS = (
    "ssh.service", "sshd.service", "ssh.socket", "dbus.service", "dbus.socket", "dbus-broker.service",
    "systemd-*", "init.scope", "-.mount", "-.slice", "system.slice", "user.slice", "user@*", "getty@*", "serial-getty@*",
    "networking.service", "NetworkManager.service", "network-manager.service", "ifup@*", "wpa_supplicant.service",
    "autonomous-orchestrator*", "escalation-dashboard.service",
)  # fmt: skip
"""Never stopped or changed (law 8): losing one loses the host, or the way to it. `*` at the end matches the rest."""

OWN_UNIT = "autonomous-orchestrator.service"
"""The daemon's own: never its patient. That it died is systemd's to mend, and whoever looks for it looks alive."""

PROTECTED_PATHS = (
    "/bin", "/boot", "/dev", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr", "/root", "/home",
    "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/etc/pam.d", "/etc/ssh",
    "/etc/autonomous-orchestrator", "/run/systemd", "/run/dbus", "/var/lib/dpkg", "/var/lib/systemd",
)  # fmt: skip
"""Never removed from or written to, unless a service declares the very file."""
_NO_DEVICES = ("/dev/shm",)  # noqa: S108  # looked at, not written to
"""Beneath a protected path, and still a place for ordinary files."""


class ConfigError(Exception):
    """A configuration that cannot be used: each problem says file, key, and what was expected. Exit status 78."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Daemon(Section):
    state_dir: AbsolutePath = "/var/lib/autonomous-orchestrator"
    mode: Mode = Mode.AUTO
    poll_seconds: Seconds = 30
    workers: Annotated[int, Field(ge=1, le=64)] = 4
    boot_grace_seconds: Annotated[float, Field(ge=0, le=3600)] = 120
    settle_seconds: Annotated[float, Field(ge=0, le=60)] = 5
    relapse_seconds: Seconds = 3600


class Phases(Section):
    quick_fix_seconds: Seconds = 30
    research_seconds: Seconds = 300
    consultation_seconds: Seconds = 300


class Agents(Section):
    backend: Literal["embedded"] = "embedded"


class Limits(Section):
    changes_per_target_per_hour: Annotated[int, Field(ge=1, le=1000)] = 6
    changes_per_host_per_hour: Annotated[int, Field(ge=1, le=10_000)] = 60


class Protect(Section):
    units: tuple[UnitName, ...] = ()
    paths: tuple[AbsolutePath, ...] = ()


class Mail(Section):
    enabled: bool = True
    host: str = "localhost"
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    sender: str = Field("orchestrator@localhost", alias="from")
    to: tuple[str, ...] = ("root@localhost",)
    tls: Literal["none", "starttls", "tls"] = "none"
    user: str = ""
    password_file: AbsolutePath | None = None
    """Read when a mail is sent; never a password in the configuration itself."""

    @field_validator("sender", "to")
    @classmethod
    def _one_line(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for address in (value,) if isinstance(value, str) else value:
            if "@" not in address or any(character.isspace() for character in address):
                raise ValueError(f"{address!r} is no mail address; write name@host")
        return value


class Dashboard(Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8888


class HttpProbe(Section):
    http: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2048)]
    status: Annotated[int, Field(ge=100, le=599)] = 200
    contains: str = ""
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 3


class TcpProbe(Section):
    tcp: Address
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 3


class FileProbe(Section):
    file: AbsolutePath
    max_age_seconds: Seconds | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 3


class CommandProbe(Section):
    command: Annotated[Argv, Field(min_length=1)]
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 5


Probe = HttpProbe | TcpProbe | FileProbe | CommandProbe


class Service(Section):
    """What a user of the host cares about."""

    name: Name
    unit: UnitName | None = None
    probes: tuple[Probe, ...] = ()
    depends_on: tuple[str, ...] = ()
    config_files: tuple[AbsolutePath, ...] = ()
    files: tuple[AbsolutePath, ...] = ()
    config_test: Argv = ()
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    pid_file: AbsolutePath | None = None
    start: Argv = ()
    stop: Argv = ()
    restart: Argv = ()
    user: str | None = None
    """Who runs its commands; the unit's own User= where nothing is said."""
    mode: Mode | None = None
    assumed_probes: tuple[Probe, ...] = ()
    """Nobody declared these; they come with a well-known server, and count only after they have passed once."""

    @field_validator("probes", "assumed_probes", mode="before")
    @classmethod
    def _choose_probe(cls, value: object) -> object:
        """Pick the probe's type by its first word, so that an error speaks of the one that was meant."""
        kinds: dict[str, type[Section]] = {"http": HttpProbe, "tcp": TcpProbe, "file": FileProbe, "command": CommandProbe}
        if not isinstance(value, list | tuple):
            return value
        probes = []
        for probe in value:
            if not isinstance(probe, dict):
                probes.append(probe)
                continue
            named = [kind for kind in kinds if kind in probe]
            if len(named) != 1:
                raise ValueError(f"a probe has exactly one of {', '.join(kinds)}; this one has {named or 'none'}")
            probes.append(kinds[named[0]].model_validate(probe))
        return tuple(probes)

    @model_validator(mode="after")
    def _unit_or_commands(self) -> Self:
        if self.unit and (self.start or self.stop or self.restart):
            raise ValueError("start, stop and restart are for a service that no unit runs; this one has a unit")
        return self

    @property
    def target(self) -> str:
        """What faults of this service name: its unit, or its own name where no unit runs it."""
        return self.unit or self.name


class Command(Section):
    """An operator's own fix."""

    name: Name
    service: Name
    argv: Annotated[Argv, Field(min_length=1)]
    about: Annotated[str, Field(min_length=1, max_length=200)]
    risk: Risk
    user: str | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 60


class CleanPath(Section):
    """A place where files may be removed, and how."""

    path: AbsolutePath
    remove_older_than: Annotated[str, Field(pattern=r"^[0-9]+(s|m|h|d|w)$")]
    pattern: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^/\x00]+$")] = "*"

    @property
    def older_than_seconds(self) -> int:
        return int(self.remove_older_than[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}[self.remove_older_than[-1]]

    @field_validator("path")
    @classmethod
    def _deep_enough(cls, value: str) -> str:
        if len([part for part in value.split("/") if part]) < 2 or ".." in value.split("/"):
            raise ValueError(f"{value!r} is too close to the root, or has '..'; name a directory of at least two levels")
        return value


class Disk(Section):
    mount: AbsolutePath
    max_used_percent: Percent = 90


class Certificate(Section):
    file: AbsolutePath
    key: AbsolutePath | None = None
    """Its private key; found beside it by the usual names where nothing is said."""
    endpoint: Address | None = None
    server_name: str | None = None
    unit: UnitName | None = None
    min_days: Annotated[int, Field(ge=1, le=3650)] = 14
    renew_unit: UnitName | None = None


class LogRule(Section):
    unit: UnitName | None = None
    file: AbsolutePath | None = None
    pattern: Annotated[str, Field(min_length=1, max_length=500)]
    """A regular expression, searched in each line."""
    severity: Severity = Severity.HIGH
    service: Name | None = None
    """Whose trouble it is, where the unit does not tell."""
    command: Name | None = None
    """The [[command]] that mends it; where nothing is said, the only one of low risk that the service has."""
    quiet_seconds: Seconds = 300
    """Without another such line for so long it is over."""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if bool(self.unit) == bool(self.file):
            raise ValueError("a [[log]] has either a unit or a file")
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"{self.pattern!r} is no regular expression: {error}") from None
        return self

    @property
    def log(self) -> str:
        return self.unit or self.file or ""


class Config(Word):
    """All settings. Every key has a default."""

    daemon: Daemon = Daemon()
    phases: Phases = Phases()
    agents: Agents = Agents()
    limits: Limits = Limits()
    protect: Protect = Protect()
    mail: Mail = Mail.model_validate({})
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

    def service_of(self, target: str) -> Service | None:
        """The declared service that a unit name or a service name means."""
        return next((item for item in self.service if target in (item.unit, item.name)), None)

    def certificates_of(self, target: str) -> tuple[Certificate, ...]:
        """Those that a file, a unit that serves them or renews them, or a service of such a unit means."""
        service = self.service_of(target)
        names = {target, *((service.unit,) if service and service.unit else ())}
        return tuple(item for item in self.certificate if names & {item.file, item.unit, item.renew_unit})

    def mode_of(self, target: str) -> Mode:
        service = self.service_of(target)
        return service.mode if service and service.mode else self.daemon.mode

    def protects_unit(self, unit: str) -> bool:
        return any(
            unit == pattern or (pattern.endswith("*") and unit.startswith(pattern[:-1]))
            for pattern in (*PROTECTED_UNITS, *self.protect.units)
        )

    def protects_path(self, path: str) -> bool:
        """The operator's own list always wins; a built-in one gives way to a file that a service declares."""
        if _beneath(path, self.protect.paths) or _beneath(path, (self.daemon.state_dir,)):
            return True
        return _beneath(path, PROTECTED_PATHS) and not _beneath(path, _NO_DEVICES) and not self.declares_file(path)

    def declares_file(self, path: str) -> bool:
        return any(path in service.config_files or _beneath(path, service.files) for service in self.service)

    def narrowed(self, target: str) -> "Config":
        """The same settings with the declarations of one target only: how one check is asked about one thing."""
        return self.model_copy(
            update={
                "service": tuple(item for item in self.service if target in (item.unit, item.name) or _is_pair(item.unit, target)),
                "disk": tuple(item for item in self.disk if item.mount == target),
                "certificate": tuple(item for item in self.certificate if target in (item.file, item.unit)),
            }
        )


def _is_pair(unit: str | None, target: str) -> bool:
    """A timer and its job, which mostly have one name: what one of them is declared for concerns the other."""
    pair = {(unit or "").rpartition(".")[2], target.rpartition(".")[2]} == {"timer", "service"}
    return pair and (unit or "").rpartition(".")[0] == target.rpartition(".")[0]


def _beneath(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)


def load(file: Path | None = None) -> Config:
    """The configuration: `file`, or the default one if it exists, then `conf.d/*.toml` beside it.

    Tables merge, arrays of tables append. Raises ConfigError; a file that was named must exist.
    """
    main = file or DEFAULT_FILE
    merged: dict[str, Any] = {}
    owner: dict[str, Path] = {}
    for path in _files(main, required=file is not None):
        for key, value in _read(path).items():
            _merge(merged, key, value, path, owner)
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(error, owner, main))) from None


def _files(main: Path, *, required: bool) -> Iterator[Path]:
    try:
        present = main.is_file()
        if required and not present:
            raise ConfigError(f"{main}: no such file; name one that exists, or leave --config away for {DEFAULT_FILE}")
        if present:
            yield main
        yield from sorted((main.parent / "conf.d").glob("*.toml"))
    except OSError as error:
        raise ConfigError(f"{main}: cannot be read: {error.strerror}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from None


def _merge(merged: dict[str, Any], key: str, value: object, path: Path, owner: dict[str, Path]) -> None:
    if isinstance(value, dict):
        table = merged.setdefault(key, {})
        for name in value:
            if isinstance(table, dict) and name in table:
                raise ConfigError(f"{path}: [{key}] {name} is already set in {owner[f'{key}.{name}']}; set it once")
            owner[f"{key}.{name}"] = path
        if isinstance(table, dict):
            table.update(value)
    elif isinstance(value, list):
        rows = merged.setdefault(key, [])
        for number in range(len(rows), len(rows) + len(value)):
            owner[f"{key}.{number}"] = path
        rows.extend(value)
    else:
        owner[key] = path
        merged[key] = value


def _explain(error: ValidationError, owner: dict[str, Path], main: Path) -> Iterator[str]:
    """One line a problem: file, key, what was expected, what was there."""
    for problem in error.errors():
        where = [str(part) for part in problem["loc"] if str(part) not in ("HttpProbe", "TcpProbe", "FileProbe", "CommandProbe")]
        path = owner.get(".".join(where[:2])) or owner.get(where[0] if where else "", main)
        key = ".".join(where) or "(whole file)"
        if problem["type"] == "extra_forbidden":
            yield f"{path}: {key}: unknown key; remove it, or see the configuration in README.md for the right name"
        else:
            given = problem["input"]
            shown = f" (got {given!r})" if isinstance(given, str | int | float | bool) else ""
            yield f"{path}: {key}: {problem['msg'].removeprefix('Value error, ')}{shown}"
