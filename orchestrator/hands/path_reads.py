"""Questions about files: only of what the configuration declares, or names by itself (`readable`).

They have the names and the answers of the helper's own (`host.helper_child`), so that a part of the View asks here what the kernel
did not let it see. No path is free, links are followed as `way` says, and no secret leaves: not its content, not a digest that
could be guessed.
"""

import base64
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field

from orchestrator.checks.certificate_standing import possible_keys
from orchestrator.config import Config
from orchestrator.hands.questions import Question
from orchestrator.hands.readable import Readable, is_plain, may_look, readable
from orchestrator.hands.way import Way, walked
from orchestrator.host import Unavailable, View, helper_child
from orchestrator.host.asking_room import rows_of
from orchestrator.host.certificates import outline
from orchestrator.host.provenance import package_of
from orchestrator.host.runs import ours
from orchestrator.host.setting_up import account_ended
from orchestrator.masking import MASK, mask
from orchestrator.model import AbsolutePath, Word

_TEXT_BYTES = 400 << 10
"""More does not fit into an answer."""
_LOG_BYTES = 512 << 10
_NAMES = 1000
_WALK_SECONDS = 15.0
_PEMS = (".pem", ".crt", ".cer")
_ALL_READ = 0o004
_DIRECTIVE = re.compile(
    r"^(\s*(?:\S*(?:pass|secret|token|auth|cred|apikey|api_key)\S*|Environment)[ \t]*[ \t=:][ \t]*)\S.*$", re.IGNORECASE | re.MULTILINE
)
"""A whole line that begins with a word for a secret: `requirepass xyz`. In a configuration nothing else stands there."""


class Path(Word):
    path: AbsolutePath


class Look(Path):
    follow: bool = False


class Read(Path):
    cap: Annotated[int, Field(ge=0)] = _TEXT_BYTES


class Digest(Path):
    algorithm: Annotated[str, Field(pattern=r"^(md5|sha256)$")] = "sha256"


class Entries(Path):
    cap: Annotated[int, Field(ge=1)] = _NAMES


class Appended(Path):
    inode: int
    offset: Annotated[int, Field(ge=0, lt=1 << 62)]
    cap: Annotated[int, Field(ge=1)]


class HoldsOld(Path):
    pattern: Annotated[str, Field(min_length=1, max_length=255)]
    older_than: Annotated[float, Field(ge=0)]


class GoodContent(Path):
    digest: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""


class Known(Word):
    known: Annotated[str, Field(max_length=64)] = ""


class Pair(Word):
    certificate: AbsolutePath
    key: AbsolutePath


class Account(Word):
    user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_.-]{0,31}\$?$")]


# ---- the helper's own ----


def look(view: View, config: Config, about: Look) -> Any:
    """Kind, owner, mode, size and times of a named path, or of what lies on the way to one. Never content."""
    if not may_look(view, config, about.path):
        raise _not_named(about.path)
    with _way(view, about.path, follow=about.follow) as way:
        return helper_child.state(way.state, way.link_target) if way else None


def read(view: View, config: Config, about: Read) -> Any:
    """The text of a file that the operator named, with passwords masked; of a certificate's file what is public.

    Never of a key, an environment file or a protected path, wherever a link leads; never a part of a larger file.
    """
    named = readable(view, config, lambda named: named.tells(about.path))
    with _way(view, about.path, follow=True) as way:
        if way is None:
            raise Unavailable(f"{about.path}: there is no such file")
        content = _content(way, about.path, named)
    return base64.b64encode(_told(content, about.path, named)[: about.cap]).decode()


def digest(view: View, config: Config, about: Digest) -> Any:
    """Of a file that a package brought: what stands in it, everybody can have. Of another one it would let its content be guessed."""
    if not may_look(view, config, about.path) or not package_of(about.path):
        raise _not_named(about.path)
    return view.files.digest(about.path, about.algorithm)


def entries(view: View, config: Config, about: Entries) -> Any:
    """The names in a declared directory."""
    if about.path not in readable(view, config, lambda named: about.path in named.listed).listed:
        raise _not_named(about.path)
    with _way(view, about.path, follow=True) as way:
        if way is None:
            return []
        with way.listed() as directory:
            return sorted(os.listdir(directory))[: min(about.cap, _NAMES)]  # noqa: PTH208  # by descriptor


def usage(view: View, config: Config, about: Path) -> Any:
    """How full a mounted file system is, as df(1) tells everybody who gets there."""
    del config
    if not any(mount.point == about.path for mount in view.mounts.list()):
        raise _not_named(about.path)
    return list(asdict(view.mounts.usage(about.path)).values())


def standing(view: View, config: Config, about: Path) -> Any:
    """Whether a mount that another host or process answers for has somebody behind it: empty, or dead, stale, hangs."""
    del config
    if not any(mount.point == about.path and mount.may_hang for mount in view.mounts.list()):
        raise _not_named(about.path)
    return view.mounts.standing(about.path)


def takes_room(view: View, config: Config, about: Path) -> Any:
    """What takes the room of a local file system: sizes by its first directories, and no other name.

    What is mounted upon it covers some, and only a program outside of the sandbox may look beneath; without its word, by our own sight.
    """
    del config
    if not any(mount.point == about.path and not mount.may_hang for mount in view.mounts.list()):
        raise _not_named(about.path)
    said = view.runs([*ours("orchestrator.host.asking_room"), about.path], timeout=_WALK_SECONDS)
    with suppress(ValueError):
        return json.loads(said.output)
    seen = view.mounts.takes_room(about.path)
    return {"entries": rows_of(seen.largest, about.path), "covered": rows_of(seen.covered, about.path), "complete": seen.complete}


def appended(view: View, config: Config, about: Appended) -> Any:
    """The news of a declared log, as they were written: it is as much the brain's to read as the journal is."""
    named = readable(view, config, lambda named: about.path in named.logs)
    if about.path not in named.logs:
        raise _not_named(about.path)
    with _way(view, about.path, follow=True) as way:
        if way is None or named.keeps(way.real):
            raise Unavailable(f"{about.path}: there is no such log")
        with way.opened() as descriptor:
            return helper_child.news(descriptor, about.inode, about.offset, min(about.cap, _LOG_BYTES))


def holds_old(view: View, config: Config, about: HoldsOld) -> Any:
    """Whether a declared [[path]] holds what its operator wants gone. Nothing but that."""
    for item in config.path:
        if (item.path, item.pattern, float(item.older_than_seconds)) == (about.path, about.pattern, about.older_than):
            return view.files.holds_old(item.path, item.pattern, item.older_than_seconds)
    raise _not_named(about.path)


# ---- what was good ----


def good_files(view: View, config: Config, about: Known) -> Any:
    """The newest good version of each remembered file: owner, mode, times, and a digest that is keyed with a secret of the hands."""
    del config
    mark, files = view.known_good.newest(about.known)
    return {"mark": mark, "files": None if files is None else [asdict(one) for one in files]}


def good_history(view: View, config: Config, about: Path) -> Any:
    """The same of all versions of one file."""
    del config
    return [asdict(one) for one in view.known_good.history(about.path)]


def good_digest(view: View, config: Config, about: Path) -> Any:
    """Of what stands there now, keyed: it can be compared with a good version's, and nothing can be guessed by it."""
    known = view.known_good.get(about.path) is not None
    if not known and not readable(view, config, lambda named: named.tells(about.path)).tells(about.path):
        raise _not_named(about.path)
    if not view.digests.are_keyed:
        raise Unavailable("digests are not keyed here")
    with _way(view, about.path, follow=True) as way:
        return view.known_good.digest(about.path) if way else ""


def good_content(view: View, config: Config, about: GoodContent) -> Any:
    """The good text of a file whose text may be told as it stands, masked in the same way."""
    named = readable(view, config, lambda named: named.tells(about.path))
    if about.path not in named.texts | named.pems or named.keeps(about.path):
        raise _not_named(about.path)
    return base64.b64encode(_told(view.known_good.content(about.path, about.digest), about.path, named)).decode()


# ---- certificates and accounts ----


def key_fits(view: View, config: Config, about: Pair) -> Any:
    """Whether the key beside a declared certificate belongs to it. The key stays where it is."""
    declared = [item for item in config.certificate if item.file == about.certificate and about.key in possible_keys(item)]
    if not declared:
        raise _not_named(about.key)
    for path in (about.certificate, about.key):
        with _way(view, path, follow=True) as way:
            if way is None:
                return None
    return view.certificates.belongs(about.certificate, about.key)


def account_has_ended(view: View, config: Config, about: Account) -> Any:
    """Whether an account has expired, which chage(1) tells its owner. Nothing else of shadow(5)."""
    del config
    return account_ended(view, about.user)


# ---- what they share ----


@contextmanager
def _way(view: View, path: str, *, follow: bool) -> Iterator[Way | None]:
    if not is_plain(path):
        raise Unavailable(f"{path[:200]!r} is no plain path")
    if point := view.mounts.doubtful(path, follow=follow):
        raise Unavailable(f"{path} lies on {point}, which may hang: the hands do not go there")
    with walked(path, follow=follow) as way:
        yield way


def _content(way: Way, path: str, named: Readable) -> bytes:
    """Raises Unavailable where nobody may be told of it."""
    public = path in named.publics and way.mode & _ALL_READ
    kept = named.keeps(path) or named.keeps(way.real)
    if path not in named.pems and (kept or not (path in named.texts or public)):  # of a pem no more than its outline is told
        raise _not_named(path)
    with way.opened() as descriptor:
        if way.state.st_size > _TEXT_BYTES:
            raise Unavailable(f"{path} is larger than {_TEXT_BYTES >> 10} KiB")
        return b"".join(iter(lambda: os.read(descriptor, 1 << 16), b""))[: _TEXT_BYTES + 1]


def _told(content: bytes, path: str, named: Readable) -> bytes:
    if path in named.pems or path.endswith(_PEMS):
        return outline(content)
    if b"\0" in content or len(content) > _TEXT_BYTES:
        raise Unavailable(f"{path} is no text of at most {_TEXT_BYTES >> 10} KiB")
    return _DIRECTIVE.sub(rf"\1{MASK}", mask(content.decode(errors="replace"))).encode()


def _not_named(path: str) -> Unavailable:
    return Unavailable(f"{path[:200]} is not named by the configuration of the hands, so they do not tell of it")


QUESTIONS: Mapping[str, Question] = {
    "look": Question(Look, look),
    "read": Question(Read, read),
    "digest": Question(Digest, digest),
    "entries": Question(Entries, entries),
    "usage": Question(Path, usage),
    "standing": Question(Path, standing),
    "takes_room": Question(Path, takes_room),
    "appended": Question(Appended, appended),
    "holds_old": Question(HoldsOld, holds_old),
    "good_files": Question(Known, good_files),
    "good_history": Question(Path, good_history),
    "good_digest": Question(Path, good_digest),
    "good_content": Question(GoodContent, good_content),
    "key_fits": Question(Pair, key_fits),
    "account_has_ended": Question(Account, account_has_ended),
}
