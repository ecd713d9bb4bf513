"""The dashboard's own process: waitress around the application, until a signal ends it."""

import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, MultiSocketServer, create_server
from waitress.task import ErrorTask

from dashboard.app import create
from dashboard.guard import BODY_BYTES, HEADER_BYTES, guarded
from orchestrator.config import Config, default_file

THREADS = 8
"""A decision waits some seconds for the daemon's answer: a few of those must not keep others from looking."""


class _Refused(ErrorTask):
    """What waitress refuses by itself (it is no HTTP, or too much of it) carries the same headers as every answer."""

    def execute(self) -> None:
        self.response_headers = guarded(self.response_headers)
        super().execute()


class _Channel(HTTPChannel):
    error_task_class = _Refused


def serve(config: Config, config_file: Path | None = None) -> None:
    """Returns after SIGTERM or SIGINT. Raises OSError when the address cannot be taken. `config_file`: None is the default one."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it would tell of each request that waits for a moment
    os.umask(0o007)  # what SQLite makes beside its files belongs to the group
    BaseWSGIServer.channel_class = _Channel
    server: BaseWSGIServer | MultiSocketServer = create_server(
        create(config, config_file or default_file()),
        host=config.dashboard.host,
        port=config.dashboard.port,
        threads=THREADS,
        ident=None,
        max_request_header_size=HEADER_BYTES,
        max_request_body_size=2 * BODY_BYTES,  # what is a little too much is refused by the guard, in the asker's own form
        channel_timeout=30,
        connection_limit=200,
    )
    signal.signal(signal.SIGTERM, _end)
    server.run()


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    sys.exit()  # waitress's loop takes this as its end
