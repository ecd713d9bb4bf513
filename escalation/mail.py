"""One mail, and the session with the server that takes it."""

import contextlib
import json
import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from escalation.text import one_line
from escalation.words import SendFailed
from orchestrator.config import Mail, secret_file
from orchestrator.model import Json, epoch

TIMEOUT_SECONDS = 20.0
PASSWORD_BYTES = 4096
_POLICY = SMTP.clone(cte_type="7bit")
"""Not every server on the way takes eight bits."""


def message_of(row: Json, mail: Mail, host: str) -> EmailMessage:
    """A mail as it was composed, on its way to the server."""
    message = EmailMessage(policy=_POLICY)
    headers = {
        "From": mail.sender,
        "To": ", ".join(mail.to),
        "Subject": one_line(row["subject"], 200),
        "Date": format_datetime(datetime.fromtimestamp(epoch(row["composed_at"]), UTC)),
        "Message-ID": row["message_id"],
        "Auto-Submitted": "auto-generated",  # RFC 3834: no holiday notice answers it
        "X-Auto-Response-Suppress": "All",
        "List-Id": f"autonomous-orchestrator <escalations.{host}>",
        "X-Orchestrator-Host": host,
        **{f"X-Orchestrator-{name}": one_line(value, 500) for name, value in json.loads(row["headers"]).items()},
    }
    if row["thread"]:
        headers |= {"In-Reply-To": row["thread"], "References": row["thread"]}
    for name, value in headers.items():
        message[name] = value
    message.set_content(row["body"])
    if row["html"]:
        message.add_alternative(row["html"], subtype="html")  # the last one is what a program shows that can (RFC 2046)
    return message


class Server:
    """A session with the mail server. Raises SendFailed, and nothing else, from every method."""

    def __init__(self, mail: Mail, host: str) -> None:
        self._mail = mail
        self._host = host
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        try:
            self._smtp = self._connect()
        except (OSError, ValueError) as error:  # smtplib's and ssl's errors are OSErrors
            said = one_line(str(error), 300) or type(error).__name__
            raise SendFailed(f"{self._mail.host}:{self._mail.port}: {said}", "unreached") from error
        return self

    def _connect(self) -> smtplib.SMTP:
        mail = self._mail
        # Without a name of its own smtplib asks the DNS for one, and DNS may be what is down.
        if mail.tls == "tls":
            context = ssl.create_default_context()
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(mail.host, mail.port, self._host, timeout=TIMEOUT_SECONDS, context=context)
        else:
            smtp = smtplib.SMTP(mail.host, mail.port, self._host, timeout=TIMEOUT_SECONDS)
        try:
            if mail.tls == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            if mail.user:
                smtp.login(mail.user, _password(mail))
        except BaseException:
            smtp.close()
            raise
        return smtp

    def send(self, message: EmailMessage) -> str:
        """Returns what the server said against single recipients; empty when it took all."""
        if self._smtp is None:
            raise SendFailed("there is no session with the server", "unreached")
        try:
            refused = self._smtp.send_message(message)
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, ValueError) as error:
            with contextlib.suppress(OSError):
                self._smtp.rset()
            raise SendFailed(one_line(str(error), 300) or type(error).__name__, "refused") from error
        except OSError as error:  # the session is gone, maybe after the server had all of it
            self._smtp.close()
            self._smtp = None
            raise SendFailed(one_line(str(error), 300) or type(error).__name__, "unsure") from error
        return "; ".join(f"{address}: {code} {said.decode(errors='replace')}" for address, (code, said) in refused.items())

    def refused(self) -> str:
        """What the server says against the addresses, asked without a mail; empty when it would take one."""
        if self._smtp is None:
            raise SendFailed("there is no session with the server", "unreached")
        try:
            self._smtp.ehlo_or_helo_if_needed()
            asked = [self._smtp.mail(self._mail.sender), *(self._smtp.rcpt(address) for address in self._mail.to)]
            self._smtp.rset()
        except OSError as error:
            raise SendFailed(one_line(str(error), 300) or type(error).__name__, "unreached") from error
        names = (self._mail.sender, *self._mail.to)
        return "; ".join(
            f"{name}: {code} {said.decode(errors='replace')}" for name, (code, said) in zip(names, asked, strict=True) if code >= 400
        )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._smtp is not None:
            with contextlib.suppress(OSError):
                self._smtp.quit()


def _password(mail: Mail) -> str:
    if mail.password_file is None:
        return ""
    with Path(secret_file(mail.password_file)).open("rb") as file:
        return file.read(PASSWORD_BYTES).decode().strip()
