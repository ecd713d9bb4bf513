"""Channels beside mail: a real child with the real library, against a real HTTP server."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from escalation import Delivered, Desk, notify
from escalation.words import SendFailed
from orchestrator.config import Config, Notify
from tests.escalation.conftest import AT_ONCE, MailServer, Postman
from tests.escalation.made import an_incident

NOW = time.time() + 86_400


class Chat(ThreadingHTTPServer):
    """A chat's endpoint: `heard` is what it took, `status` its answer."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Endpoint)
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.status = 200

    def url(self, room: str) -> str:
        return f"json://user:hunter2@127.0.0.1:{self.server_port}/{room}?-X-Token=hunter3"


class _Endpoint(BaseHTTPRequestHandler):
    server: Chat

    def do_POST(self) -> None:  # the library's name
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status == 200:
            self.server.heard.append((self.path.partition("?")[0], said))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Nothing."""


@pytest.fixture
def chat() -> Iterator[Chat]:
    server = Chat()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def urls_file(tmp_path: Path, chat: Chat) -> Path:
    file = tmp_path / "notify.urls"
    file.write_text(f"# two rooms\n{chat.url('ops')}\n\n{chat.url('boss')}\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def desk(state_dir: Path, server: MailServer, urls_file: Path) -> Iterator[Desk]:
    config = Config.model_validate({"mail": server.mail(), "notify": {"urls_file": str(urls_file)}})
    with Desk(state_dir, config.mail, "web1").configure(config) as opened:
        yield opened


def outbox(desk: Desk, channel: str = "notify") -> list[dict[str, Any]]:
    return desk.ledger.rows("SELECT * FROM outbox WHERE channel = ? ORDER BY id", (channel,))


def test_each_mail_goes_to_each_channel_too(desk: Desk, chat: Chat, postman: Postman) -> None:
    """The same words; and each way has its own row, by a name that holds no secret."""
    desk.escalate(an_incident(), "nothing left", body="the story")
    assert desk.deliver(NOW) == Delivered(sent=3)
    assert len(postman.taken) == 1
    assert sorted(room for room, _ in chat.heard) == ["/boss", "/ops"]
    said = chat.heard[0][1]
    assert (said["title"], said["type"]) == ("[web1] OPEN #1 HIGH web.service failed", "failure")
    assert said["message"].startswith("OPEN: nothing left")
    assert "orchestrator escalations ack 1" in said["message"]
    fates = desk.ledger.rows("SELECT channel, status FROM v_mails ORDER BY channel")
    assert [tuple(row.values()) for row in fates] == [("mail", "sent"), ("notify", "sent"), ("notify", "sent")]
    assert "hunter" not in str(outbox(desk))
    desk.went_away(1, "healed")
    desk.deliver(NOW + 1)
    assert chat.heard[-1][1]["type"] == "success"


def test_a_channel_that_is_down_backs_off_alone(desk: Desk, chat: Chat, postman: Postman, caplog: pytest.LogCaptureFixture) -> None:
    """The mail has gone; what the channel missed goes as one message, and no secret is told."""
    chat.status = 503
    for number in (1, 2):
        desk.escalate(an_incident(number), "nothing left", body="")
        assert desk.deliver(NOW).failed == 2
    assert len(postman.taken) == 2
    waiting = [row for row in outbox(desk) if row["status"] == "waiting"]
    assert len(waiting) == 2
    assert "503" in waiting[0]["last_error"]
    assert "hunter" not in str(outbox(desk)) + caplog.text
    chat.status = 200
    assert desk.deliver(NOW + 100) == Delivered(waiting=2), "its back-off goes on"
    assert desk.deliver(NOW + 300) == Delivered(sent=2)
    assert {said["title"][:14] for _, said in chat.heard} == {"[web1] 2 OPEN:"}
    assert len(postman.taken) == 2


def test_a_file_that_cannot_be_read_loses_nothing(desk: Desk, chat: Chat, urls_file: Path) -> None:
    """Its row waits, and says why; once the file is there, it goes to every line of it."""
    kept = urls_file.read_text()
    urls_file.unlink()
    desk.escalate(an_incident(), "nothing left", body="")
    assert desk.deliver(NOW) == Delivered(sent=1, failed=1, waiting=1)
    assert "No such file" in outbox(desk)[0]["last_error"]
    urls_file.write_text(kept)
    assert desk.deliver(NOW + 61) == Delivered(sent=2)
    assert len(chat.heard) == 2


def test_a_line_that_was_taken_out_is_told_as_not_sent(desk: Desk, chat: Chat, urls_file: Path) -> None:
    """Its mails wait for nobody."""
    chat.status = 503
    desk.escalate(an_incident(), "nothing left", body="")
    desk.deliver(NOW)
    chat.status = 200
    urls_file.write_text(chat.url("ops"))
    assert desk.deliver(NOW + 61) == Delivered(sent=1)
    assert sorted((row["status"], row["last_error"]) for row in outbox(desk)) == [
        ("not sent", f"its line is no longer in {urls_file}"),
        ("sent", ""),
    ]


def test_a_killed_child_is_asked_again(desk: Desk, chat: Chat, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever becomes of it, the daemon lives, and the row waits."""
    program = tmp_path / "dies"
    program.write_text("#!/bin/sh\nkill -9 $$\n")
    program.chmod(0o755)
    desk.escalate(an_incident(), "nothing left", body="")
    monkeypatch.setattr(sys, "executable", str(program))
    assert desk.deliver(NOW).failed == 2
    monkeypatch.undo()
    assert desk.deliver(NOW + 61) == Delivered(sent=2)
    assert len(chat.heard) == 2


def test_channels_alone_are_enough(state_dir: Path, urls_file: Path, chat: Chat) -> None:
    """Without mail everything is told there."""
    config = Config.model_validate({"mail": {"enabled": False, **AT_ONCE}, "notify": {"urls_file": str(urls_file)}})
    with Desk(state_dir, config.mail, "web1").configure(config) as desk:
        desk.escalate(an_incident(), "nothing left", body="")
        assert desk.deliver(NOW) == Delivered(sent=2)
        desk.went_away(1, "healed")
        assert desk.deliver(NOW) == Delivered(sent=2)
    assert len(chat.heard) == 4


def test_a_test_goes_to_each_channel(desk: Desk, chat: Chat, postman: Postman) -> None:
    """At once, past all grouping."""
    desk.test_mail()
    assert desk.deliver(NOW) == Delivered(sent=3)
    assert {said["title"] for _, said in chat.heard} == {"[web1] TEST mail works"}
    assert {said["type"] for _, said in chat.heard} == {"info"}
    assert len(postman.taken) == 1


def test_the_child_says_what_is_wrong_with_a_url_or_with_itself(tmp_path: Path) -> None:
    """A scheme that nobody knows; the library that is not there."""
    notice = notify.Notice(id=7, url="nonsense://x", title="t", body="b", type="info")
    (fate,) = notify.send([notice]).values()
    assert isinstance(fate, SendFailed)
    assert str(fate) == "Apprise does not know such a URL"
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['apprise'] = None\n")
    without = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"}
    done = subprocess.run([sys.executable, "-m", "escalation.notify"], input="[]", capture_output=True, text=True, env=without, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'autonomous-orchestrator[notify]'" in done.stderr


def test_the_child_gets_nothing_of_what_systemd_gave_the_daemon(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that talks to the whole world knows no socket and no secret of ours."""
    (tmp_path / "sitecustomize.py").write_text(f"import os\nopen({str(tmp_path / 'names')!r}, 'w').write(' '.join(os.environ))\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[2]}")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/y")
    desk.escalate(an_incident(), "nothing left", body="")
    desk.deliver(NOW)
    names = (tmp_path / "names").read_text().split()
    assert "PATH" in names
    assert not {"NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY"} & set(names)


def test_the_daemon_never_imports_the_library(desk: Desk, chat: Chat) -> None:
    """It is the child's alone."""
    desk.escalate(an_incident(), "nothing left", body="")
    desk.deliver(NOW)
    assert chat.heard
    assert "apprise" not in sys.modules


def test_a_file_without_a_line_has_no_channels(tmp_path: Path) -> None:
    """Comments and empty lines are none, nor is no file at all."""
    (tmp_path / "urls").write_text("# none yet\n\n")
    assert notify.urls_of(Notify(urls_file=str(tmp_path / "urls"))) == notify.urls_of(Notify()) == {}


@pytest.mark.parametrize("name", ["apprise", "escalation", "json"])
def test_the_child_runs_nothing_of_the_folder_it_was_called_in(
    tmp_path: Path, chat: Chat, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Root may type test-alert wherever somebody left a file that is called like a module."""
    (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    notice = notify.Notice(id=7, url=chat.url("ops"), title="x", body="y", type="info")
    assert notify.send([notice]) == {7: None}
    assert not (tmp_path / "ran").exists()


def test_what_a_channel_prints_is_nobodys_fate() -> None:
    """A library that prints a number says nothing of the messages, and breaks nothing."""
    assert notify._fates("7 it is down\n\u00b2\n99999999999999999999 x\nDEBUG 7\n", (7, 8)).keys() == {7}
