"""What the hands find out of declared services, so that they need not believe it of whoever tells them: in a process of their own.

Where they share one with the daemon, the daemon learns the same into the one View that both have.
"""

import logging
from contextlib import suppress

from orchestrator.checks import names_needed
from orchestrator.config import Config
from orchestrator.host import Unavailable, View

log = logging.getLogger(__name__)


def learn(view: View, config: Config) -> None:
    """Which well-known servers they run, whether what comes with those passes here, and what they ask for. Takes seconds."""
    for service in config.service:
        with suppress(Unavailable):
            if service.unit:
                view.servers.meet(service, config.server)
            for proven in view.servers.prove(service):
                log.info("counts from now on, since it has passed: %s", proven)
    names_needed.learn(view, config)
