"""What a server said, as data: bounded, and nothing in it that a database, a page or another parser would stumble over."""

import json
import math
from typing import Any, NoReturn

from phases.backends.words import Failed, Json, Used

MOST_BYTES = 1 << 20
"""Of an answer with all that its server says about it: a hundred times the longest that is asked for."""
_DEEPEST = 32


def object_of(text: str, used: Used | None = None) -> Json:
    """The one JSON object that `text` is. Raises Failed."""
    try:
        value = json.loads(text, parse_constant=_refused, parse_float=_finite)
        # Half a character can be written in JSON, but in no file.
        value = json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError) as error:
        why = "nothing" if not text.strip() else "no JSON"
        raise Failed("garbage", f"the model said {why}", used=used) from error
    if not isinstance(value, dict) or _deeper(value, _DEEPEST):
        raise Failed("garbage", "the model said JSON, and no plain object", used=used)
    return value


def _refused(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(number: str) -> float:
    if not math.isfinite(value := float(number)):
        raise ValueError(number)
    return value


def _deeper(value: Any, levels: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(inside) and (levels == 0 or any(_deeper(one, levels - 1) for one in inside))


def dig(said: Any, *path: str | int) -> Any:
    """What stands at `path` in a server's answer; None where there is nothing of the kind."""
    for step in path:
        try:
            said = said[step]
        except (TypeError, KeyError, IndexError):
            return None
    return said


def count(said: Any, *path: str | int) -> int:
    """A number of tokens; what is none counts as none."""
    number = dig(said, *path)
    return number if isinstance(number, int) and 0 <= number < 1 << 40 else 0


def name(said: Any, otherwise: str) -> str:
    """The model's own name for itself."""
    return said[:200] if isinstance(said, str) and said else otherwise
