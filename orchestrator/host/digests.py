"""How contents are told apart without telling what they are.

Within one process that is their SHA-256. What leaves the hands is keyed with a secret of theirs: whoever may not read a file of
secrets could otherwise try what stands in it, a thousand million times a second, until the digest fits.
"""

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

_KEY_BYTES = 32


class Digests:
    """`key`: empty where nobody else is told."""

    def __init__(self, key: bytes = b"") -> None:
        self._key = key

    @property
    def are_keyed(self) -> bool:
        return bool(self._key)

    def of(self, content: bytes) -> str:
        return self.told(hashlib.sha256(content).hexdigest())

    def told(self, sha256: str) -> str:
        """What stands for this SHA-256 (in hex), in the same form; of nothing nothing."""
        return hmac.digest(self._key, sha256.encode(), "sha256").hex() if self._key and sha256 else sha256


def key_in(directory: Path) -> bytes:
    """The key that lies there, made when it is first asked for. Raises OSError."""
    file = directory / "digest-key"
    with suppress(FileNotFoundError):
        if len(key := file.read_bytes()) == _KEY_BYTES:
            return key
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = directory / f".digest-key-{os.getpid()}"
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(key := secrets.token_bytes(_KEY_BYTES))
        opened.flush()
        os.fsync(descriptor)
    new.rename(file)
    return key
