"""`dashboard`: links and tokens, on the terminal of whoever is on the host."""

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from escalation import Desk
from escalation.doors import Doors
from orchestrator.store import Store
from tests.cli.conftest import Call


def test_a_link_is_in_the_name_of_who_asked(call: Call, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person behind sudo; the link lets that one in, once."""
    monkeypatch.setenv("SUDO_USER", "alice")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    said = call("dashboard", "url").stdout
    found = re.fullmatch(r"http://127\.0\.0\.1:8888/login\?token=([A-Za-z0-9_-]{43})\n", said)
    assert found
    with Doors(desk.ledger.path.parent) as doors:
        assert doors.invited(found[1]) == "alice"


def test_a_link_leads_where_people_reach_it(call: Call, desk: Desk, config_file: Path) -> None:
    """Behind a proxy its own address would lead nowhere."""
    del desk
    config_file.write_text(config_file.read_text() + '[dashboard]\nurl = "https://ops.example.org"\n')
    assert call("dashboard", "url").stdout.startswith("https://ops.example.org/login?token=")


def test_a_link_to_nobody_says_so(call: Call, desk: Desk, config_file: Path) -> None:
    """The link is still the one line of standard output; beside it stands what to type, and another program is told apart."""
    del desk
    with socket.create_server(("127.0.0.1", 0)) as taken, ThreadPoolExecutor() as other:
        port = taken.getsockname()[1]
        config_file.write_text(config_file.read_text() + f"[dashboard]\nport = {port}\n")
        other.submit(hang_up, taken)
        said = call("dashboard", "url")
        assert said.stderr.startswith(f"another program answers at 127.0.0.1:{port} now: ss -ltnp")
        assert said.stdout.count("\n") == 1
    said = call("dashboard", "url")
    assert said.stderr.startswith(f"nobody answers at 127.0.0.1:{port} now: systemctl enable --now escalation-dashboard.service")


def hang_up(taken: socket.socket) -> None:
    connection, _ = taken.accept()
    connection.recv(1000)
    connection.sendall(b"220 mail.example ESMTP\r\n")
    connection.close()


def test_before_the_daemon_ran_it_is_for_later(call: Call) -> None:
    """One line with the file that is missing, and status 75."""
    for words in (("url",), ("token", "list"), ("token", "create", "ci", "--read"), ("token", "revoke", "1")):
        done = call("dashboard", *words)
        assert done.exit_code == 75
        assert "the daemon makes it when it starts" in done.stderr


def test_a_token_is_shown_once(call: Call, desk: Desk) -> None:
    """Made, listed without its secret, revoked; a name is one token's."""
    secret = call("dashboard", "token", "create", "grafana", "--read").stdout.strip()
    assert re.fullmatch(r"orc_r_[A-Za-z0-9_-]{43}", secret)
    listed = call("dashboard", "token", "list").stdout
    assert "grafana" in listed
    assert secret not in listed
    taken = call("dashboard", "token", "create", "grafana", "--write")
    assert (taken.exit_code, "already" in taken.stderr) == (1, True)
    (told,) = json.loads(call("dashboard", "token", "list", "--json").stdout)
    assert (told["name"], told["right"], told["used_at"], "hash" in told) == ("grafana", "read", None, False)
    with Doors(desk.ledger.path.parent) as doors:
        assert doors.bearer(secret)
        assert call("dashboard", "token", "revoke", "1").stdout == "token 1 (grafana) opens nothing any more\n"
        assert doors.bearer(secret) is None
    assert call("dashboard", "token", "revoke", "1").exit_code == 1


def test_a_token_needs_a_right(call: Call, store: Store, desk: Desk) -> None:
    """None is chosen for whoever forgets it."""
    del store, desk
    done = call("dashboard", "token", "create", "ci")
    assert done.exit_code == 64
    assert "--read, --write or --alerts" in done.stderr


def test_a_wrong_configuration_is_78(call: Call, config_file: Path) -> None:
    """A name that is none, an address with a path: told with the key."""
    good = config_file.read_text()
    for wrong in ('names = ["evil host"]', 'names = ["a/b"]', 'url = "https://ops.example.org/path"', 'url = "javascript:1"', "port = 0"):
        config_file.write_text(f"{good}[dashboard]\n{wrong}\n")
        done = call("dashboard", "url")
        assert done.exit_code == 78, wrong
        assert "dashboard." in done.stderr


def test_a_name_that_no_file_takes_is_cleaned(call: Call, desk: Desk) -> None:
    """A byte of another encoding comes as half a character."""
    done = call("dashboard", "token", "create", "ci \udcff", "--read")
    assert done.exit_code == 0
    with Doors(desk.ledger.path.parent) as doors:
        assert [token.name for token in doors.tokens()] == ["ci"]
