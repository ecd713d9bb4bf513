"""The hands as everybody above sees them: in this process or behind a socket, the same methods and the same plain data."""

from typing import Protocol

from orchestrator.host.errors import Unavailable
from orchestrator.model import Json


class AnyHands(Protocol):
    @property
    def away(self) -> str:
        """Why they did not serve when they were asked last; empty when they did."""

    def prepare(self, action: Json, root: int | None = None) -> Json: ...

    def perform(self, change_id: int, action: Json, root: int | None = None) -> Json: ...

    def verify(self, action: Json) -> Json: ...

    def undo(self, change_id: int, action: Json, before: Json) -> Json: ...

    def account(self, since: int) -> Json: ...

    def remember(self, service: str, answered: float = 0.0, *, changed: bool = True) -> Json: ...

    def approve(self, plan: list[Json], until: float) -> Json: ...


def heard(answer: Json) -> Json:
    """What the hands answered. Raises Unavailable where they could not tell: our own trouble, and not the target's."""
    if why := answer.get("unavailable"):
        raise Unavailable(str(why))
    return answer
