"""Log lines as kinds: what changes from one line to the next is masked, and what stays has a stable, versioned key.

Our own masker of one expression and no library: drain3, the one that is kept up, numbers its clusters as lines arrive, so that the
same line has another key on another day or host, costs 8 MiB, and merges lines that mean different things. A key that lasts
must come from the line alone.
"""

import hashlib
import re
from functools import lru_cache

VERSION = "log1"
"""Part of every key: when the masks change, what was written down under the old ones is not taken for the new."""
_MAX_LINE = 1000

MASKS = {
    "uuid": r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b",
    "time": r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?|"
    r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d{1,2}(?: \d{4})?,? \d\d:\d\d:\d\d\b|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b",
    "mac": r"\b[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}\b",
    "ip": r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?:/\d{1,2})?\b|"
    r"(?<![\w:])\[?(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?:\]:\d{1,5})?(?![\w:])",
    "text": r"\"[^\"]{0,300}\"|(?<!\w)'[^']{0,300}'(?!\w)|`[^`']{0,300}['`]",
    "path": r"(?<![\w.:/])(?:[a-z]+:/)?/[\w.@+%~-]+(?:/[\w.@+%~-]*)*",
    "hex": r"\b0[xX][0-9a-fA-F]+\b|\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,}\b",
    "n": r"(?<!\w)[-+]?\d+(?:[.,]\d+)*",
}
_ANY = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in MASKS.items()))
_SPACES = re.compile(r"\s+")


@lru_cache(maxsize=2000)
def template(message: str) -> str:
    """The line with a word in the place of every value: `<ip>`, `<n>`, `<path>`, ..."""
    masked = _ANY.sub(lambda found: f"<{found.lastgroup}>", message[:_MAX_LINE])
    return _SPACES.sub(" ", masked).strip()


def key(message: str) -> str:
    """The name of a line's kind, the same on every host and for as long as the version stays: `log1:` and 16 hex digits."""
    return f"{VERSION}:{hashlib.blake2b(template(message).encode(), digest_size=8).hexdigest()}"
