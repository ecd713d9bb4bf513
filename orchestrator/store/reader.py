"""Reading both files without the daemon: for the command line, the dashboard and people's own SQL."""

from pathlib import Path

from orchestrator.model import Json


class Reader:
    """Every method opens, reads all and closes. No file yet is an empty answer. Raises StoreFailed when a file cannot be read."""

    def __init__(self, state_dir: Path) -> None:
        raise NotImplementedError

    def status(self) -> Json:
        raise NotImplementedError

    def incidents(self, *, status: str | None = None, live: bool | None = None, limit: int = 50, before: int | None = None) -> list[Json]:
        raise NotImplementedError

    def story(self, task_id: int) -> Json | None:
        """Everything of one incident, both files; None when there is no such row."""
        raise NotImplementedError

    def escalations(self, *, status: str | None = None, limit: int = 50, before: int | None = None) -> list[Json]:
        raise NotImplementedError

    def escalation(self, escalation_id: int) -> Json | None:
        """One escalation with its interventions, notes and mails."""
        raise NotImplementedError

    def patterns(self) -> list[Json]:
        raise NotImplementedError

    def checks(self) -> list[Json]:
        raise NotImplementedError

    def metrics(self) -> Json:
        raise NotImplementedError

    def sql(self, query: str) -> list[Json]:
        """A person's SELECT over both files (`tasks` and `escalations`). Raises QueryRefused."""
        raise NotImplementedError
