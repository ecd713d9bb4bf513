import email
import email.policy
import socket
from asyncio import WriteTransport
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from orchestrator.config import Mail

AT_ONCE = {"first_wait_seconds": 0, "group_seconds": 0, "repeat_seconds": 0, "per_hour": 1000, "digest": "off"}


class Postman:
    """What the mail server does with each mail: `verdict` is its answer (`close`: it dies), `taken` what it accepted."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.verdict = "250 OK"
        self.on_mail: Callable[[], None] = lambda: None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # the library's name
        del session
        self.on_mail()
        if self.verdict == "close":
            cast("WriteTransport", server.transport).abort()
        if self.verdict.startswith("250"):
            parsed = email.message_from_bytes(cast("bytes", envelope.content), policy=email.policy.default)
            self.taken.append(parsed)
            self.raw.append(cast("bytes", envelope.content))
        return self.verdict

    def texts(self) -> list[str]:
        """The plain part of each mail."""
        return [self._part(message, "plain") for message in self.taken]

    def pages(self) -> list[str]:
        """The HTML part of each mail."""
        return [self._part(message, "html") for message in self.taken]

    @staticmethod
    def _part(message: EmailMessage, kind: str) -> str:
        part = message.get_body((kind,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")


@pytest.fixture
def postman() -> Postman:
    return Postman()


class MailServer:
    """A real SMTP server on the loopback, on a port of its own; it may be stopped and started again."""

    def __init__(self, postman: Postman, **settings: Any) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._postman = postman
        self._settings = settings
        self._controller: Controller | None = None

    def start(self) -> None:
        self._controller = Controller(self._postman, hostname="127.0.0.1", port=self.port, **self._settings)
        self._controller.start()

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
            self._controller = None

    def mail(self, **more: Any) -> Mail:
        """Each telling goes at once, in a mail of its own, unless `more` says else."""
        here = {"host": "127.0.0.1", "port": self.port, "from": "heal@web1", "to": ["ops@example.org"]}
        return Mail.model_validate({**here, **AT_ONCE, **more})


@pytest.fixture
def server(postman: Postman) -> Iterator[MailServer]:
    running = MailServer(postman)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def mail(server: MailServer) -> Mail:
    return server.mail()
