"""Channels beside mail, through Apprise: each message by a short-lived child, so that the daemon never pays for the library.

`python -m escalation.notify` is the child: notices on its standard input, the fate of each on its standard output.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

from escalation.text import one_line
from escalation.words import SendFailed
from orchestrator.config import Notify, secret_file
from orchestrator.model import Json, Word, digest

SECONDS = 120.0
"""Of one child. Less than the outbox's lease."""
FILE_BYTES = 65_536
TEXT_CHARACTERS = 4000
"""Of a message: chats and pushes take no more."""
_HERE = Path(__file__).parents[1]
"""Where this package was imported from."""
NO_LIBRARY = "Apprise is not installed: pip install 'autonomous-orchestrator[notify]'"


Kind = Literal["failure", "success", "info"]
_KINDS: Mapping[str, Kind] = {"RESOLVED": "success", "DIGEST": "info", "BUDGET": "info", "TEST": "info"}
"""How a channel shows a mail of that state; of any other, somebody has to do something."""


class Notice(Word):
    """One message to one URL."""

    id: int
    url: str
    title: str
    body: str
    type: Kind

    @classmethod
    def of(cls, row: Json, url: str) -> Self:
        """From a row of the outbox."""
        state = json.loads(row["headers"]).get("State", "")
        cut = "\n[the rest is in the mail]" if len(row["body"]) > TEXT_CHARACTERS else ""
        kind = _KINDS.get(state, "failure")
        return cls(id=row["id"], url=url, title=row["subject"], body=row["body"][:TEXT_CHARACTERS] + cut, type=kind)


def urls_of(config: Notify) -> Mapping[str, str]:
    """Each URL by the name that stands for it where people read: its scheme, and a digest, since it holds secrets.

    Raises SendFailed.
    """
    if config.urls_file is None:
        return {}
    try:
        with Path(secret_file(config.urls_file)).open("rb") as file:
            lines = file.read(FILE_BYTES).decode().splitlines()
    except (OSError, ValueError) as error:
        raise SendFailed(f"[notify] urls_file: {one_line(error, 300)}", "unreached") from error
    urls = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return {f"{one_line(url.partition('://')[0], 20)}:{digest(url)[:8]}": url for url in urls}


def send(notices: Sequence[Notice]) -> dict[int, SendFailed | None]:
    """The fate of each, by its id; None where it was taken."""
    if not notices:
        return {}
    given = json.dumps([notice.model_dump() for notice in notices])
    fates: dict[int, SendFailed | None] = {notice.id: SendFailed("no answer from its channel", "unsure") for notice in notices}
    command = [sys.executable, "-m", "escalation.notify"]
    try:
        # `-m` looks for modules where it is called first: there, and not wherever root stood when he typed test-alert.
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=SECONDS, check=False, env=_environment(), cwd=_HERE
        )
    except subprocess.TimeoutExpired as error:  # its output is bytes here, whatever was asked for
        return fates | _fates((error.stdout or b"").decode(errors="replace"), fates)
    except OSError as error:
        return dict.fromkeys(fates, SendFailed(one_line(error, 300), "unreached"))
    fates |= _fates(done.stdout, fates)
    if done.returncode:
        said = one_line(done.stderr.strip().rpartition("\n")[2], 300) or f"its program ended with {done.returncode}"
        return {number: fate and SendFailed(said, "unreached") for number, fate in fates.items()}
    return fates


def _fates(said: str, asked: Collection[int]) -> dict[int, SendFailed | None]:
    """One line each: an id, and what was said against it."""
    ids = {str(number): number for number in asked}
    lines = (line.partition(" ") for line in said.splitlines())
    return {ids[number]: SendFailed(why, "unreached") if why else None for number, _, why in lines if number in ids}


def _environment() -> dict[str, str]:
    """What a program needs to reach the network; nothing of what systemd gave the daemon."""
    names = (
        "PATH",
        "LANG",
        "HOME",
        "PYTHONPATH",
        "PYTHONDONTWRITEBYTECODE",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
    )
    return {name: os.environ[name] for name in names if name in os.environ}


def is_installed() -> bool:
    """Without importing it."""
    try:
        return importlib.util.find_spec("apprise") is not None
    except ValueError:  # sys.modules says that there is none
        return False


def main() -> int:
    """The child."""
    if not is_installed():
        sys.stderr.write(NO_LIBRARY + "\n")
        return 1
    for given in json.load(sys.stdin):
        notice = Notice.model_validate(given)
        why = _try(notice).replace(notice.url, "its URL")
        sys.stdout.write(f"{notice.id} {one_line(why, 300)}".rstrip() + "\n")
        sys.stdout.flush()
    return 0


def _try(notice: Notice) -> str:
    """What was said against it; empty when it was taken."""
    import apprise  # noqa: PLC0415  # here alone: a second of CPU, and 25 MB

    channel, kind = apprise.Apprise(), apprise.NotifyType(notice.type)
    with apprise.LogCapture() as said:  # type: ignore[no-untyped-call]
        if not channel.add(notice.url):
            return "Apprise does not know such a URL"
        if channel.notify(title=notice.title, body=notice.body, notify_type=kind, body_format=apprise.NotifyFormat.TEXT):
            return ""
        last = str(said.getvalue()).strip().rpartition("\n")[2]
    return last.split(" - ", 2)[-1] or "it was not taken"  # without the time and the level


if __name__ == "__main__":
    sys.exit(main())
