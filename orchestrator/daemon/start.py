"""From the command `run` to the loop, and out again."""

import faulthandler
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

from orchestrator.config import Config
from orchestrator.daemon.log import log_to_stderr
from orchestrator.daemon.loop import Daemon
from orchestrator.store import StoreFailed, StoreUnusable


def run(config: Config, *, config_file: Path | None, once: bool, dry_run: bool) -> int:
    """The command `run`; returns the exit status. Raises StoreUnusable and Unavailable (75), RunbookError and ExpertError (78)."""
    log_to_stderr()
    faulthandler.enable()  # systemd's watchdog ends a daemon that hangs by SIGABRT: then the journal tells where it hung
    os.umask(0o007)
    daemon = Daemon(config, config_file, dry_run=dry_run)
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
