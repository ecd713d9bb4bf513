"""The configuration as it is by now. Who declares a service reloads the daemon, and need not think of this process too."""

import logging
from pathlib import Path
from threading import Lock

from orchestrator.config import Config, ConfigError, default_file, imprint, load

log = logging.getLogger(__name__)


class Settings:
    """Follows `file` and what lies in conf.d beside it; without one, what was given stays."""

    def __init__(self, config: Config, file: Path | None = None) -> None:
        self._config, self._file = config, file
        self._seen = imprint(file) if file else None
        self._lock = Lock()

    def beside(self, name: str) -> Path:
        """The operator's own folder beside the configuration."""
        return (self._file or default_file()).parent / name

    def now(self) -> Config:
        """Of a configuration that is bad the journal tells once, and the old one stays."""
        if self._file:
            with self._lock:
                self._follow(self._file)
        return self._config

    def _follow(self, file: Path) -> None:
        seen = imprint(file)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._config = _in_the_same_place(load(file), self._config)
        except ConfigError as error:
            log.error("configuration not read again, the old one stays: %s", error)  # noqa: TRY400  # an operator's mistake, not ours
        else:
            log.info("configuration read again")


def _in_the_same_place(new: Config, old: Config) -> Config:
    """Where it listens, and where its state is, is settled when the process starts."""
    daemon = new.daemon.model_copy(update={"state_dir": old.daemon.state_dir})
    dashboard = new.dashboard.model_copy(update={"host": old.dashboard.host, "port": old.dashboard.port})
    return new.model_copy(update={"daemon": daemon, "dashboard": dashboard})
