"""Well-known servers as data (`knowledge/servers/*.toml`): how one is recognised, what it reads, how it judges that and proves itself.

The operator's own `[[server]]` tables add to them and replace those of the same name. What he declares for a service always
wins over both.
"""

import re
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.model import AbsolutePath, Word

Argv = tuple[Annotated[str, Field(min_length=1, max_length=4096)], ...]
_PLACE = re.compile(r"\{([a-z0-9]+)\}")


class ServerError(Exception):
    """A file that cannot be used: says file and what was expected."""


class Server(BaseModel):
    """One kind of server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,40}$")]
    programs: Annotated[tuple[str, ...], Field(min_length=1)]
    """Base names of what its unit runs, `*` for any rest: `nginx`, `php-fpm*`."""
    units: tuple[str, ...] = ()
    """Patterns of its units' names, where a wrapper starts it that other programs share; then one of them must fit as well."""
    config: tuple[AbsolutePath, ...] = ()
    """Files that it reads, also with `*` in a part. `{1}`, `{2}`: the parts of its unit's instance between dashes."""
    test: Argv = ()
    """Judges the configuration on disk and changes nothing. `{program}`: what the unit runs."""
    test_options: tuple[str, ...] = ()
    """Options of the unit's own command line that the test needs too, each with its value (`-c /etc/other.conf`)."""
    test_user: str = ""
    """Who runs the test, if not the unit's own user."""
    probes: tuple[dict[str, Any], ...] = ()
    """As in [[service]]. They count for a service without probes of its own, and only after they have passed once."""
    probe_user: str = ""
    excuses: tuple[str, ...] = ()
    """What a probe is answered where the host is set up otherwise by now (a password, a replica): that is no fault."""
    logs: tuple[AbsolutePath, ...] = ()
    """Where it says itself why it does not start, if that is not the journal."""
    stands_for: str = ""
    """The unit does nothing itself; these do the work: `postgresql@*.service`."""


class Recognised(Word):
    """A server as one unit runs it."""

    server: str
    config: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    test_user: str = ""
    probes: tuple[dict[str, Any], ...] = ()
    probe_user: str = ""
    excuses: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    stands_for: str = ""


def recognise(servers: Sequence[Server], unit: str, argvs: Sequence[Sequence[str]]) -> Recognised | None:
    """Which server a unit runs, by its name and its command lines; None for one that nobody knows."""
    for server in servers:
        if server.units and not any(fnmatchcase(unit, pattern) for pattern in server.units):
            continue
        for argv in argvs:
            if argv and any(fnmatchcase(PurePosixPath(argv[0]).name, program) for program in server.programs):
                return _filled(server, unit, argv)
    return None


def _filled(server: Server, unit: str, argv: Sequence[str]) -> Recognised:
    parts = unit.rsplit(".", 1)[0].partition("@")[2].split("-")
    known = {"program": argv[0], **{str(number): part for number, part in enumerate(parts, 1) if part}}
    test, config = _with_options(server, argv)
    return Recognised(
        server=server.name,
        config=tuple(done for path in config if (done := _fill(path, known))),
        test=() if any(_fill(word, known) is None for word in test) else tuple(_fill(word, known) or "" for word in test),
        test_user=server.test_user,
        probes=server.probes,
        probe_user=server.probe_user,
        excuses=server.excuses,
        logs=tuple(done for path in server.logs if (done := _fill(path, known))),
        stands_for=server.stands_for,
    )


def _with_options(server: Server, argv: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The test with those options of the unit that it needs, and the files; one that the unit names comes first.

    A value that systemd has still to fill in (`$CONFIG`) says nothing: then what is usual holds.
    """
    test, config = list(server.test), list(server.config)
    for option, value in pairwise(argv):
        if option in server.test_options and value.startswith("/"):
            test += [option, value]
            config.insert(0, value)
    return tuple(test), tuple(dict.fromkeys(config))


def _fill(text: str, known: dict[str, str]) -> str | None:
    """None where a place cannot be filled: what needs it is left out."""
    if any(match not in known for match in _PLACE.findall(text)):
        return None
    return _PLACE.sub(lambda match: known[match[1]], text)


@cache
def shipped() -> tuple[Server, ...]:
    """Those that come with the product. Raises ServerError."""
    folder = Path(__file__).parent / "knowledge" / "servers"
    return tuple(server for path in sorted(folder.glob("*.toml")) for server in read(path))


def read(path: Path) -> tuple[Server, ...]:
    """The servers of one file."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
        if set(data) != {"server"} or not isinstance(data["server"], list):
            raise ServerError(f"{path}: expected only [[server]] tables")
        return tuple(Server.model_validate(item) for item in data["server"])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ServerError(f"{path}: {error}") from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors())
        raise ServerError(f"{path}: {wrong}") from None
