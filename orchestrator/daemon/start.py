"""From the command `run` to the loop, and out again."""

import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

from orchestrator.config import Config
from orchestrator.daemon.log import log_to_stderr
from orchestrator.daemon.loop import Daemon
from orchestrator.model import Mode
from orchestrator.store import StoreFailed, StoreUnusable


def run(config: Config, *, config_file: Path | None, once: bool, dry_run: bool) -> int:
    """The command `run`; returns the exit status. Raises StoreUnusable (75), RunbookError and ExpertError (78)."""
    log_to_stderr()
    os.umask(0o007)
    daemon = Daemon(watching_only(config) if dry_run else config, config_file)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, daemon.on_signal)
    try:
        daemon.start()
        work: Callable[[], None] = daemon.run_once if once else daemon.run
        work()
    except StoreFailed as trouble:
        raise StoreUnusable(str(trouble)) from trouble
    finally:
        daemon.close()
    logging.shutdown()
    os._exit(0)  # a thread that hangs in the kernel must not hold up the stop: all that counts is on disk


def watching_only(config: Config) -> Config:
    """`--dry-run`: suggest, for every service."""
    services = tuple(service.model_copy(update={"mode": None}) for service in config.service)
    return config.model_copy(update={"daemon": config.daemon.model_copy(update={"mode": Mode.SUGGEST}), "service": services})
