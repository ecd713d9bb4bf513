"""What a question is. `reads` holds them all; each is answered by the hands' own View and configuration."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Word


class Nothing(Word):
    """Of a question that needs no more words."""


@dataclass(frozen=True)
class Question:
    """`about` is a Word: typed, bounded fields. The answer is plain data of at most a few hundred KiB.

    `answer` may raise Unavailable. Whoever asks may be hostile: what is told of must be declared, or public, or a number.
    """

    about: type[Word]
    answer: Callable[[View, Config, Any], Any]
