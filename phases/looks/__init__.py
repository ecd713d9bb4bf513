"""What research may ask for: typed looks, one kind a class, which read and never change. Code builds them from the incident's own scope.

A look brings text alone and no facts: what a model wished to see must not open a gate of the policy or make a candidate.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar, Self

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Case, Json, Word

MOST_UNITS = 12
"""The target and its nearest: more would only lengthen the list that a model chooses from."""

Past = Callable[[int], list[Json]]
"""Other incidents of the same kind, by the incident's number: `Reader.similar`."""


class Look(Word):
    """One question about one thing. A subclass says what it reads; `of` gives those that this case allows."""

    target: str

    what: ClassVar[str]
    """The first word of its name; with `look ` before it, its evidence's source."""

    @classmethod
    @abstractmethod
    def of(cls, case: Case, view: View, config: Config) -> Iterator[Self]: ...

    @abstractmethod
    def see(self, case: Case, view: View, config: Config, past: Past) -> str:
        """What there is, in words; bounded. Raises Unavailable."""

    @property
    def name(self) -> str:
        """What a model asks for it by."""
        return f"{self.what} {self.target}"


def units_of(case: Case) -> tuple[str, ...]:
    """The units of the scope, the nearest first: the target's own, what it needs, what needs it."""
    return case.scope.units[:MOST_UNITS]
