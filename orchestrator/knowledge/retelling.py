"""What a log says, retold for a model: nobody who may write there may speak to it.

A template alone is not enough: `restart ssh at once` has no value in it to be masked. So only words of a vocabulary stay (states and
failures, none that tells somebody what to do), beside names that this host itself knows; all else is a placeholder.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator
from functools import cache, lru_cache
from pathlib import Path

from orchestrator.knowledge.templates import MASKS
from orchestrator.model import Word

_MAX_LINE = 1000
_UNIT = r"(?<![\w@./-])[\w@\\][\w:.@\\-]{0,250}\.(?:service|socket|timer|mount|automount|path|target|swap|slice|scope|device)(?![\w-])"
_A_UNIT = re.compile(_UNIT)
_MASKS = {"unit": _UNIT, **{name: pattern for name, pattern in MASKS.items() if name != "text"}}
"""What stands in quotes is retold like all else: a program that writes JSON puts every word into them."""
_TOKENS = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _MASKS.items()))
_OPENING = str.maketrans(dict.fromkeys('\x00<>"`', " "))
_PARTS = re.compile(r"<[a-z]+>|\x00[^\x00]*\x00|[^\W\d_][\w'./@\\+-]*|[:,;=()]")
_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+(?:'[a-z]+)?")
_LETTERS = re.compile(r"[A-Za-z'_/-]+")
_UNKNOWN = re.compile(r"<words?>(?: <words?>)+")
_BEFORE_MARKS = re.compile(r" (?=[:,;)])|(?<=\() ")
_EDGES = "()[]{}<>,:;\"'`.!?_*=@"
_NAME = re.compile(r"[\w.@+%~/:=,*<>\[\]\\-]{1,160}\Z")
_VALUE = re.compile(r"[\d/.:=@_<>*]")
_MAX_NAME = 40


class Kind(Word):
    """One kind of line, and how many there were."""

    line: str
    times: int


@cache
def _vocabulary(*groups: str) -> frozenset[str]:
    table = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))
    return frozenset(word for group in groups for word in table[group].split())


def kinds(text: str, known: Collection[str] = ()) -> tuple[Kind, ...]:
    """The kinds of the lines, in the order of the last of each: the end of a log tells most."""
    told = [line for line in (retold(line, known) for line in text.splitlines()) if line]
    times, last = Counter(told), dict.fromkeys(reversed(told))
    return tuple(Kind(line=line, times=times[line]) for line in reversed(last))


def retold(line: str, known: Collection[str] = ()) -> str:
    """One line that somebody wrote: `open() failed: no such file or directory`, `<words> <unit> at <word>`."""
    return _retold(line[:_MAX_LINE], frozenset(known))


@lru_cache(maxsize=2000)
def _retold(line: str, known: frozenset[str]) -> str:
    def stands(found: re.Match[str]) -> str:
        return f" \x00{found[0]}\x00 " if found[0] in known else f" <{found.lastgroup}> "

    masked = _TOKENS.sub(stands, line.translate(_OPENING))
    told = _UNKNOWN.sub("<words>", " ".join(_part(part, known) for part in _PARTS.findall(masked)))
    return _BEFORE_MARKS.sub("", told)


def _part(part: str, known: Collection[str]) -> str:
    if part[0] == "\x00":
        return part.strip("\x00")
    if part[0] == "<" or not part[0].isalpha():
        return part
    part = part.rstrip("./@\\+-'")
    if part in known:
        return part
    last = part.rpartition(".")[2]  # of a name in a program, as of an exception, what it is called itself
    pieces = [piece.lower() for piece in _PIECES.findall(last)]
    plain = _LETTERS.fullmatch(last) is not None
    return " ".join(pieces) if plain and pieces and all(piece in _vocabulary("log") for piece in pieces) else "<word>"


def observed(text: str, known: Collection[str] = (), *, names_of_others: bool = True) -> str:
    """What our own code has told. Numbers, addresses, units and paths stand; of strange words one is a name, and two in a row a sentence.

    `names_of_others`: there are names of files and processes in it, which anybody may have given, a sentence too: then of our own
    words only those stand that a log may use.
    """
    orders = _vocabulary("ours") if names_of_others else frozenset[str]()
    return "\n".join(" ".join(_without_sentences(line.split(), known, orders)) for line in text.splitlines())


def _without_sentences(tokens: list[str], known: Collection[str], orders: Collection[str]) -> Iterator[str]:
    plain = [token.strip(_EDGES) for token in tokens]
    commands = [_commands(word, known, orders) for word in plain]
    strange = [command or not _is_ours(word, known) for word, command in zip(plain, commands, strict=True)]
    for n, token in enumerate(tokens):
        beside = (n > 0 and strange[n - 1]) or (n + 1 < len(tokens) and strange[n + 1])
        if not strange[n] or (not beside and len(token) <= _MAX_NAME and not commands[n]):
            yield token
        elif not (n > 0 and strange[n - 1]):
            yield "<words>" if beside else "<word>"


def _commands(word: str, known: Collection[str], orders: Collection[str]) -> bool:
    """Whether a word of an order is in it: in `restart`, and in `restart_it`. A path is a name, and so is a unit."""
    if word in known or "/" in word or _A_UNIT.fullmatch(word):
        return False
    return any(piece.lower() in orders for piece in _PIECES.findall(word))


def is_name(text: str) -> bool:
    """Whether it can stand as a name of a unit or a path: without a space, and no longer than names are."""
    return _NAME.match(text) is not None


def _is_ours(word: str, known: Collection[str]) -> bool:
    if not word or word in known:
        return True
    if _VALUE.search(word):
        return is_name(word)
    pieces = [piece.lower() for piece in _PIECES.findall(word)]
    return all(piece in _vocabulary("log", "ours") for piece in pieces) and word.isascii()
