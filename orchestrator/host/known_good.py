"""Last known good copies of files: content, owner and mode as they were while a service that had loaded them was healthy."""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from orchestrator.host.errors import Unavailable
from orchestrator.host.files import FileState

FILE_BYTES = 1 << 20
FILES = 2000
VERSIONS = 5
"""More than one, since a bad version may be remembered by mistake."""
_CONTENTS = "contents"
_SIDECARS = "paths"


@dataclass(frozen=True, slots=True)
class GoodFile:
    path: str
    kind: str
    """One of file, link, dir, owned: of the last two owner and mode alone, `owned` being what is no directory."""
    digest: str
    """SHA-256 in hex of the content; empty for a directory or a link. Of a program that is `owned`, its digest without its content."""
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
    """Files beneath `directory` (0700): contents by digest (0600), one JSON a path. Nothing is created before the first `put`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, path: str) -> GoodFile | None:
        return next(iter(self.history(path)), None)

    def history(self, path: str) -> tuple[GoodFile, ...]:
        """Up to 5 good versions, newest first; the first is what `get` gives. A damaged record is none."""
        try:
            rows = json.loads(self._sidecar(path).read_text(encoding="utf-8"))
            return tuple(GoodFile(**row) for row in rows if row["path"] == path)
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, TypeError, KeyError):
            return ()

    def content(self, path: str, digest: str = "") -> bytes:
        """The remembered content (of the newest version, or of the one named). Raises Unavailable when it is not there or damaged."""
        wanted = digest or next((good.digest for good in self.history(path)), "")
        if not any(good.digest == wanted for good in self.history(path) if good.kind == "file"):
            raise Unavailable(f"no good content of {path} is remembered")
        try:
            content = (self._directory / _CONTENTS / wanted).read_bytes()
        except OSError as error:
            raise Unavailable(f"the good content of {path} cannot be read: {error.strerror}") from None
        if hashlib.sha256(content).hexdigest() != wanted:
            raise Unavailable(f"the good content of {path} is damaged")
        return content

    def put(self, path: str, content: bytes, state: FileState, loaded_at: float, *, empty: bool = False, digest: str = "") -> GoodFile:
        """Remember a version; the same content, owner and mode again only moves its time. `content` is empty for what is no file.

        `digest`: of a program's content, which is not kept.

        Raises Unavailable beyond 1 MiB or 2,000 files, for another kind of file, and when it cannot be written.
        """
        good = replace(self._good(path, content, state, loaded_at), empty=empty)
        good = replace(good, digest=digest) if digest else good
        before = self.history(path)
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
        return good

    def forget(self, path: str) -> None:
        """It is no part of what is well any more."""
        before = self.history(path)
        self._sidecar(path).unlink(missing_ok=True)
        self._forget({old.digest for old in before})

    def paths(self) -> tuple[str, ...]:
        """All that is remembered, sorted."""
        return tuple(sorted(path for path, _ in self._all()))

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
