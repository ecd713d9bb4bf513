"""What a user of the host cares about, how it is proved to work, and what its operator would do about it."""

from collections.abc import Iterable
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from orchestrator.config.tables import Address, Argv, Name, Seconds, Section
from orchestrator.model import AbsolutePath, Mode, Risk, UnitName


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


def probes_from(tables: Iterable[Any]) -> tuple[Probe, ...]:
    """Each of the type that its first word names, so that an error speaks of the one that was meant. Raises ValueError."""
    kinds: dict[str, type[HttpProbe | TcpProbe | FileProbe | CommandProbe]] = {
        "http": HttpProbe, "tcp": TcpProbe, "file": FileProbe, "command": CommandProbe,
    }  # fmt: skip
    probes = []
    for probe in tables:
        if not isinstance(probe, dict):
            probes.append(probe)
            continue
        named = [kind for kind in kinds if kind in probe]
        if len(named) != 1:
            raise ValueError(f"a probe has exactly one of {', '.join(kinds)}; this one has {named or 'none'}")
        probes.append(kinds[named[0]].model_validate(probe))
    return tuple(probes)


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
    container: Name | None = None
    """The container that it runs in; one of the service's own name is found without that."""
    start: Argv = ()
    stop: Argv = ()
    restart: Argv = ()
    user: str | None = None
    """Who runs its commands; the unit's own User= where nothing is said."""
    mode: Mode | None = None

    @field_validator("probes", mode="before")
    @classmethod
    def _choose_probe(cls, value: object) -> object:
        return probes_from(value) if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _unit_or_commands(self) -> Self:
        if self.unit and (self.start or self.stop or self.restart):
            raise ValueError("start, stop and restart are for a service that no unit runs; this one has a unit")
        return self

    @property
    def target(self) -> str:
        """What faults of this service name: its unit, or its own name where no unit runs it."""
        return self.unit or self.name

    @property
    def ports(self) -> frozenset[int]:
        """Of this host, where its users knock: its own, and those of its probes."""
        ends = [
            urlsplit(probe.http if isinstance(probe, HttpProbe) else f"//{probe.tcp}")
            for probe in self.probes
            if isinstance(probe, HttpProbe | TcpProbe)
        ]
        here = [end for end in ends if end.hostname in ("localhost", "::1") or (end.hostname or "").startswith("127.")]
        named = [end.port or (443 if end.scheme == "https" else 80) for end in here]
        return frozenset((*named, *((self.port,) if self.port else ())))


class Command(Section):
    """An operator's own fix."""

    name: Name
    service: Name
    argv: Annotated[Argv, Field(min_length=1)]
    about: Annotated[str, Field(min_length=1, max_length=200)]
    risk: Risk
    user: str | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 60
