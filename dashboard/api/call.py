"""One call of the API, said once: the route, the door and the document are made of it."""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel

from orchestrator.model import Word

Right = Literal["read", "write", "alerts"]


class Call(Word):
    """`path` as Flask routes it, beneath /api/v1. `view` gets what the path names, and the parsed body or query as `asked`."""

    method: Literal["GET", "POST"]
    path: str
    about: str
    right: Right
    view: Callable[..., Any]
    answer: type[BaseModel]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    may: tuple[int, ...] = ()
    """Refusals beside those that every call may meet."""
    stale: bool = False
    """Takes If-Match, the version that was seen."""

    @property
    def name(self) -> str:
        return f"{self.method.lower()}_{self.path.strip('/').replace('/', '_')}".replace("<", "").replace(">", "")
