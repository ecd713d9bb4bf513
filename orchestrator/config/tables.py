"""The tables of the configuration that stand for themselves: how the daemon works, and what it may look at and touch."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from orchestrator.model import AbsolutePath, Mode, Severity, UnitName

Argv = tuple[Annotated[str, Field(min_length=1, max_length=4096)], ...]
Seconds = Annotated[float, Field(gt=0, le=86_400 * 366)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Address = Annotated[str, Field(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$")]
Percent = Annotated[float, Field(gt=0, lt=100)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Daemon(Section):
    state_dir: AbsolutePath = "/var/lib/autonomous-orchestrator"
    manager: Literal["system", "user"] = "system"
    """Whose systemd is watched and healed: the host's, or that of the user whom the daemon runs as."""
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


class Hands(Section):
    socket: AbsolutePath | None = None
    """Where a program of its own has the rights to act (`orchestrator hands serve`). None: this process is the hands itself."""


class Limits(Section):
    changes_per_target_per_hour: Annotated[int, Field(ge=1, le=1000)] = 6
    changes_per_host_per_hour: Annotated[int, Field(ge=1, le=10_000)] = 60


class Protect(Section):
    units: tuple[UnitName, ...] = ()
    paths: tuple[AbsolutePath, ...] = ()
    containers: tuple[Name, ...] = ()


class Containers(Section):
    sockets: tuple[AbsolutePath, ...] = ("/run/podman/podman.sock", "/run/docker.sock")
    """Where engines with a Docker-compatible API listen; one that is not there costs nothing."""


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
    first_wait_seconds: Annotated[float, Field(ge=0, le=3600)] = 30
    """What is healed or gone within this is told to nobody."""
    group_seconds: Annotated[float, Field(ge=0, le=86_400)] = 300
    """At most one mail in so long."""
    repeat_seconds: Annotated[float, Field(ge=0, le=86_400 * 31)] = 14_400
    """What stands open and nobody has is told again after this; 0: never."""
    per_hour: Annotated[int, Field(ge=1, le=1000)] = 20
    """Mails; what is beyond waits, and goes together in the next."""
    digest: Literal["daily", "weekly", "off"] = "weekly"
    """How the host fared: each day at 8 of its own clock, or each Monday."""

    @field_validator("sender", "to")
    @classmethod
    def _one_line(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for address in (value,) if isinstance(value, str) else value:
            if "@" not in address or any(character.isspace() for character in address):
                raise ValueError(f"{address!r} is no mail address; write name@host")
        return value


class Notify(Section):
    """Channels beside mail, through Apprise."""

    urls_file: AbsolutePath | None = None
    """One of Apprise's URLs a line; they hold passwords and tokens, so that the file is for its owner alone."""


HostName = Annotated[str, Field(pattern=r"^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)$", max_length=253)]


class Escalation(Section):
    ack_hours: Annotated[float, Field(ge=0, le=24 * 366)] = 8
    """So long an acknowledgement holds when nothing else is said; 0 is without an end."""


class Dashboard(Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8888
    names: tuple[HostName, ...] = ()
    """Under which it may be asked for, beside this host's own loopback and what `url` says: any other Host is turned away."""
    url: Annotated[str, Field(pattern=r"^(https?://(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?)?$")] = ""
    """How people reach it, where that is not its own address: `https://ops.example.org` behind a proxy."""

    @field_validator("url")
    @classmethod
    def _has_a_port_that_is_one(cls, url: str) -> str:
        urlsplit(url).port  # noqa: B018  # raises ValueError
        return url

    @property
    def address(self) -> str:
        """Where links lead. One that listens everywhere is reached here by its loopback: 0.0.0.0 is nobody's name."""
        everywhere = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, not bound
        host = everywhere.get(self.host, self.host)
        return self.url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


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
    message: Annotated[str, Field(max_length=200)] = ""
    """What such a line means, in the operator's words."""
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
