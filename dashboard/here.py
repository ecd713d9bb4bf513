"""What every page and every call finds in `flask.g`, each read when it is first asked for."""

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

from flask import current_app, g

from dashboard.settings import Settings
from escalation.operator import Operator
from orchestrator.config import Config
from orchestrator.model import Json
from orchestrator.store import Reader
from orchestrator.store.life import dead


class Here:
    """`reader`, `status` (read once), `why_dead`, `operator`, `actor`, `config`."""

    actor: str = ""
    """Who asks; empty before a login."""
    session: str = ""
    """The secret of the session; empty for a program's token."""
    door: str | None = None
    """The digest of the session's or the token's secret: by that the hands know through which door a decision came."""

    @cached_property
    def config(self) -> Config:
        settings: Settings = current_app.config["SETTINGS"]
        return settings.now()

    @cached_property
    def state_dir(self) -> Path:
        return Path(self.config.daemon.state_dir)

    @cached_property
    def reader(self) -> Reader:
        """Held open until the answer is made."""
        return self._open_until_answered.enter_context(Reader(self.state_dir).held())

    @cached_property
    def _open_until_answered(self) -> ExitStack:
        return ExitStack()

    def answered(self) -> None:
        self._open_until_answered.close()

    @cached_property
    def status(self) -> Json:
        return self.reader.status()

    @cached_property
    def why_dead(self) -> str:
        return dead(self.status, self.config.daemon.poll_seconds)

    def beside_config(self, name: str) -> Path:
        settings: Settings = current_app.config["SETTINGS"]
        return settings.beside(name)

    @cached_property
    def operator(self) -> Operator:
        return Operator(config=self.config, actor=self.actor, door=self.door)

    def get(self, name: str, default: object = None) -> Any:
        return getattr(self, name, default)

    def pop(self, name: str, default: object = None) -> Any:
        return self.__dict__.pop(name, default)

    def setdefault(self, name: str, default: object = None) -> Any:
        return self.__dict__.setdefault(name, default)


def here() -> Here:
    """`flask.g` with its type."""
    found: Here = g._get_current_object()  # noqa: SLF001  # the proxy's own way to what it stands for
    return found
