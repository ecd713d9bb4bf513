"""A service's files in a directory that only root may enter, and the hands that know of it."""

import base64
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from orchestrator.config import Config
from orchestrator.hands import command_reads, reads
from orchestrator.host import View
from tests.host.nobody import as_nobody

SECRET = "hunter2-and-more"  # noqa: S105  # of nobody


class Place:
    """A service's files in a directory that nobody else may enter, and the hands that know of it."""

    def __init__(self, root: Path) -> None:
        root.chmod(0o755)
        self.root = root
        self.closed = root / "closed"
        self.closed.mkdir(mode=0o700)
        self.conf = self.file(
            "shop.conf", f"host = db.example\nrequirepass {SECRET}\nurl = http://shop:{SECRET}@db/\npid = /run/shop.pid\n"
        )
        self.log = self.file("shop.log", "one\ntwo\n")
        self.hands_dir = root / "hands"
        self.hands_dir.mkdir(mode=0o700)
        self.more: dict[str, Any] = {}
        self.service: dict[str, Any] = {"name": "shop", "config_files": [self.conf], "files": [str(self.closed)]}
        self.view = View(self.hands_dir, apart=True)

    def file(self, name: str, text: str, mode: int = 0o600) -> str:
        path = self.closed / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    @property
    def config(self) -> Config:
        return Config.model_validate({"service": [self.service], "log": [{"file": self.log, "pattern": "x"}], **self.more})

    def ask(self, question: str, **about: Any) -> Any:
        return self.ask_of(self.config, question, **about)

    def ask_of(self, config: Config, question: str, **about: Any) -> Any:
        return reads.answer(question, about, self.view, config)

    def forget(self) -> None:
        """As after some seconds."""
        command_reads._answers.clear()

    def text(self, path: str) -> str:
        return base64.b64decode(self.ask("read", path=path)).decode()

    def as_user(self, look: Callable[[View], Any]) -> Any:
        return as_nobody(lambda view: plain(look(view)), self.hands_dir, (self.view, self.config))

    def alone(self, look: Callable[[View], Any]) -> Any:
        return as_nobody(lambda view: plain(look(view)), self.hands_dir)


def plain(found: Any) -> Any:
    """What can come out of a child as JSON."""
    if isinstance(found, tuple | list):
        return [plain(one) for one in found]
    return asdict(found) if is_dataclass(found) and not isinstance(found, type) else found.decode() if isinstance(found, bytes) else found
