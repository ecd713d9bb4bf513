"""Last known good copies of files: content, owner and mode as they were while a service that had loaded them was healthy."""

import hashlib
import json
import os
import tempfile
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from orchestrator.host.digests import Digests
from orchestrator.host.errors import Unavailable
from orchestrator.host.files import Files, FileState
from orchestrator.host.rights import Own, Rights

FILE_BYTES = 1 << 20
FILES = 2000
VERSIONS = 5
"""More than one, since a bad version may be remembered by mistake."""
_CONTENTS = "contents"
_SIDECARS = "paths"
_FRESH_SECONDS = 1.0
"""So old may be what others told of it: one look asks for hundreds of files."""


def _never(digest: str) -> bool:
    del digest
    return False


@dataclass(frozen=True, slots=True)
class GoodFile:
    path: str
    kind: str
    """One of file, link, dir, owned: of the last two owner and mode alone, `owned` being what is no directory."""
    digest: str
    """Of the content, in the words of `KnownGood.digest`; empty for a directory or a link. Of a program that is `owned`, without its
    content."""
    uid: int
    gid: int
    mode: int
    size: int
    loaded_at: float
    remembered_at: float
    link_target: str = ""
    empty: bool = False
    """A directory that had nothing in it."""

    @property
    def substance(self) -> tuple[object, ...]:
        """What makes two versions different: not when they were seen."""
        return self.kind, self.digest, self.uid, self.gid, self.mode, self.link_target


class KnownGood:
    """Files beneath `directory` (0700): contents by digest (0600), one JSON a path. Nothing is created before the first `put`.

    Only its owner writes it. Whoever may not read it asks the owner: what may not be read is not nothing.
    """

    def __init__(self, directory: Path, files: Files | None = None, rights: Rights | None = None, digests: Digests | None = None) -> None:
        self._directory, self._files = directory, files
        self._digests = digests or Digests()
        self._others = _Others(rights or Own())
        self.was_taken_out: Callable[[str], bool] = _never
        """Whether the content with this digest was replaced by a good one, and not put back by us. The changing door knows."""

    def get(self, path: str) -> GoodFile | None:
        """The newest good version. Raises Unavailable."""
        return self._others.files().get(path) if self._is_anothers() else next(iter(self.history(path)), None)

    def history(self, path: str) -> tuple[GoodFile, ...]:
        """Up to 5 good versions, newest first; the first is what `get` gives. A damaged record is none. Raises Unavailable."""
        if self._is_anothers():
            return self._others.history(path)
        return tuple(replace(good, digest=self._digests.told(good.digest)) for good in self._kept(path))

    def content(self, path: str, digest: str = "") -> bytes:
        """The remembered content (of the newest version, or of the one named). Raises Unavailable when it is not there or damaged."""
        if self._is_anothers():
            return self._others.content(path, digest)
        versions = self._kept(path)
        wanted = next((good.digest for good in versions if not digest or self._digests.told(good.digest) == digest), "")
        if not any(good.digest == wanted for good in versions if good.kind == "file"):
            raise Unavailable(f"no good content of {path} is remembered")
        try:
            content = (self._directory / _CONTENTS / wanted).read_bytes()
        except OSError as error:
            raise Unavailable(f"the good content of {path} cannot be read: {error.strerror}") from None
        if hashlib.sha256(content).hexdigest() != wanted:
            raise Unavailable(f"the good content of {path} is damaged")
        return content

    def digest(self, path: str) -> str:
        """Of what stands there now, to be compared with that of a GoodFile; empty when there is no such file. Raises Unavailable."""
        if self._is_anothers():
            return self._others.digest(path)
        if self._files is None:
            raise Unavailable(f"nobody here reads {path}")
        return self._digests.told(self._files.digest(path))

    def paths(self) -> tuple[str, ...]:
        """All that is remembered, sorted. Raises Unavailable."""
        return tuple(sorted(self._others.files() if self._is_anothers() else (path for path, _ in self._all())))

    def newest(self, known: str) -> tuple[str, tuple[GoodFile, ...] | None]:
        """A mark of the state of all, and the newest version of each; None where `known` is that mark."""
        mark = self._mark()
        if mark and mark == known:
            return mark, None
        return mark, tuple(found for path in self.paths() if (found := self.get(path)))

    def put(self, path: str, content: bytes, state: FileState, loaded_at: float, *, empty: bool = False, digest: str = "") -> GoodFile:
        """Remember a version; the same content, owner and mode again only moves its time. `content` is empty for what is no file.

        `digest`: SHA-256 in hex of a program's content, which is not kept.

        Raises Unavailable beyond 1 MiB or 2,000 files, for another kind of file, and when it cannot be written.
        """
        good = replace(self._good(path, content, state, loaded_at), empty=empty)
        good = replace(good, digest=digest) if digest else good
        before = self._kept(path)
        if not before and sum(1 for _ in (self._directory / _SIDECARS).glob("*.json")) >= FILES:
            raise Unavailable(f"{FILES} files are remembered already; {path} is not")
        kept = [old for old in before if old.substance != good.substance][: VERSIONS - 1]
        try:
            if good.kind == "file" and not (self._directory / _CONTENTS / good.digest).exists():
                self._write(_CONTENTS, good.digest, content)
            rows = [asdict(version) for version in (good, *kept)]
            self._write(_SIDECARS, self._sidecar(path).name, json.dumps(rows).encode())
        except OSError as error:
            raise Unavailable(f"{path} could not be remembered: {error.strerror}") from None
        self._forget({old.digest for old in before} - {old.digest for old in kept} - {good.digest})
        return replace(good, digest=self._digests.told(good.digest))

    def forget(self, path: str) -> None:
        """It is no part of what is well any more."""
        before = self._kept(path)
        self._sidecar(path).unlink(missing_ok=True)
        self._forget({old.digest for old in before})

    def _is_anothers(self) -> bool:
        """Whether it is closed to this process. Where there is none yet, nothing is remembered."""
        if os.access(self._directory, os.R_OK | os.X_OK, effective_ids=True):
            return False
        try:
            self._directory.stat()
        except FileNotFoundError:
            return False
        except OSError:  # the directory above is closed already
            return True
        return True

    def _mark(self) -> str:
        """Moves with every version that is remembered or forgotten: each is a rename into the directory, or an unlink.

        The kernel's clock for that goes in steps: what came a moment ago may have company with the same time.
        """
        try:
            changed = (self._directory / _SIDECARS).stat().st_mtime
        except FileNotFoundError:
            return "none"
        except OSError as error:
            raise Unavailable(f"{self._directory}: {error.strerror}") from None
        return str(changed) if abs(time.time() - changed) > _FRESH_SECONDS else ""

    def _kept(self, path: str) -> tuple[GoodFile, ...]:
        """As `history`, as it is written: each with its SHA-256."""
        try:
            rows = json.loads(self._sidecar(path).read_text(encoding="utf-8"))
            return tuple(GoodFile(**row) for row in rows if row["path"] == path)
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, TypeError, KeyError):
            return ()

    def _good(self, path: str, content: bytes, state: FileState, loaded_at: float) -> GoodFile:
        if state.kind not in ("file", "dir", "link", "owned"):
            raise Unavailable(f"{path} is a {state.kind}: only files, directories and links are remembered")
        if len(content) > FILE_BYTES:
            raise Unavailable(f"{path} is larger than {FILE_BYTES >> 20} MiB")
        return GoodFile(
            path=path,
            kind=state.kind,
            digest=hashlib.sha256(content).hexdigest() if state.kind == "file" else "",
            uid=state.uid,
            gid=state.gid,
            mode=state.mode,
            size=len(content),
            loaded_at=loaded_at,
            remembered_at=time.time(),
            link_target=state.link_target,
        )

    def _sidecar(self, path: str) -> Path:
        return self._directory / _SIDECARS / f"{hashlib.sha256(path.encode(errors='surrogateescape')).hexdigest()}.json"

    def _all(self) -> Iterator[tuple[str, set[str]]]:
        """Each path with the digests that its versions need."""
        for file in (self._directory / _SIDECARS).glob("*.json"):
            try:
                rows = json.loads(file.read_text(encoding="utf-8"))
                yield str(rows[0]["path"]), {str(row["digest"]) for row in rows}
            except (OSError, ValueError, LookupError, TypeError):
                continue

    def _forget(self, digests: set[str]) -> None:
        """Contents that no version of any path needs any more."""
        unneeded = digests - {""}
        if not unneeded:
            return
        unneeded -= set().union(*(needed for _, needed in self._all()))
        for digest in unneeded:
            (self._directory / _CONTENTS / digest).unlink(missing_ok=True)

    def _write(self, folder: str, name: str, content: bytes) -> None:
        """Whole or not at all, whenever the power fails."""
        directory = self._directory / folder
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory.chmod(0o700)
        descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=directory)  # 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).rename(directory / name)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        folder_descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder_descriptor)
        finally:
            os.close(folder_descriptor)


class _Others:
    """What the owner tells of it. All newest versions come at once, and again only when something was remembered since."""

    def __init__(self, rights: Rights) -> None:
        self._rights = rights
        self._lock = threading.Lock()
        self._mark, self._asked_at = "", float("-inf")
        self._files: Mapping[str, GoodFile] = {}

    def files(self) -> Mapping[str, GoodFile]:
        with self._lock:
            if time.monotonic() - self._asked_at > _FRESH_SECONDS:
                told = self._rights.ask("good_files", known=self._mark)
                if told["files"] is not None:
                    self._files = {row["path"]: GoodFile(**row) for row in told["files"]}
                self._mark, self._asked_at = told["mark"], time.monotonic()
            return self._files

    def history(self, path: str) -> tuple[GoodFile, ...]:
        return tuple(GoodFile(**row) for row in self._rights.ask("good_history", path=path))

    def content(self, path: str, digest: str) -> bytes:
        return b64decode(self._rights.ask("good_content", path=path, digest=digest))

    def digest(self, path: str) -> str:
        return str(self._rights.ask("good_digest", path=path))
