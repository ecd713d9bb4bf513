"""A person's decision as a row: works beside the running daemon, and waits for a stopped one."""

from pathlib import Path

from orchestrator.model import Json


class Inbox:
    def __init__(self, state_dir: Path) -> None:
        raise NotImplementedError

    def put(self, verb: str, args: Json, actor: str) -> int:
        """Leave a decision for the daemon; returns the click's id. Raises StoreUnusable or StoreFailed."""
        raise NotImplementedError

    def result(self, click_id: int) -> str | None:
        """What the daemon made of it; None while it has not answered."""
        raise NotImplementedError
