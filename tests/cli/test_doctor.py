"""`doctor`, `check-config` and `test-alert`: what the daemon itself lacks."""

import grp
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as KeepMessages

from escalation import Desk
from orchestrator.cli.models import look_at_models
from orchestrator.config import Agents, Mail
from orchestrator.model import utc
from orchestrator.store import Store
from tests.cli.conftest import Call
from tests.models.stub import Play, Stub


class Mailbox(KeepMessages):
    """A mail server that keeps what it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.mails.append(message)


@pytest.fixture
def mailbox(config_file: Path) -> Iterator[Mailbox]:
    """A real mail server on this host, and a configuration that names it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    config_file.write_text(
        config_file.read_text().replace("enabled = false", f'host = "127.0.0.1"\nport = {port}\nto = ["ops@example.org"]')
    )
    yield box
    server.stop()


def parts(call: Call) -> dict[str, dict[str, str]]:
    return {row["part"]: row for row in json.loads(call("doctor", "--json").stdout)}


def test_every_part_has_a_line_and_what_is_bad_has_its_remedy(call: Call, store: Store, desk: Desk) -> None:
    """Nobody watches here, so that is bad and the status is 1; each line that is not ok says what to type."""
    del store, desk
    result = call("doctor")
    assert result.exit_code == 1
    assert "bad  daemon     it has not run on this state directory yet" in result.stdout
    assert "mend: systemctl enable --now autonomous-orchestrator.service" in result.stdout
    found = parts(call)
    assert {
        "daemon",
        "lock",
        "systemd",
        "dbus",
        "journal",
        "state",
        "room",
        "database",
        "mail",
        "dashboard",
        "knowledge",
        "declared",
        "clock",
    } <= set(found)
    assert all(row["mend"] for row in found.values() if row["state"] == "bad")
    assert found["database"]["what"] == "escalations.db is whole"


def test_a_living_daemon_is_ok(call: Call, store: Store) -> None:
    """Its process is there, and ticks; it holds the lock of its state."""
    store.lock()
    store.remember_tick(time.time(), {})
    found = parts(call)
    assert found["daemon"]["state"] == "ok"
    assert found["lock"]["what"] == f"held by process {os.getpid()}"


def test_a_damaged_database_is_bad(call: Call, store: Store, state_dir: Path) -> None:
    """SQLite's own check is asked, and the remedy keeps a copy."""
    store.shut()
    file = state_dir / "tasks.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * 4096 + whole[8192:])
    rows = json.loads(call("doctor", "--json").stdout)
    damaged = next(row for row in rows if row["part"] == "database" and "tasks.db" in row["what"])
    assert damaged["state"] == "bad"
    assert f"mv {file}*" in damaged["mend"]


def test_wrong_modes_are_told(call: Call, store: Store, state_dir: Path) -> None:
    """Members of the group could not read or write: the line is there to copy."""
    del store
    state_dir.chmod(0o700)
    assert parts(call)["state"]["mend"] == f"chmod 2770 {state_dir}"


def test_a_mail_server_is_asked_without_a_mail(call: Call, mailbox: Mailbox) -> None:
    """`doctor` says hello and goodbye."""
    assert parts(call)["mail"]["state"] == "ok"
    assert mailbox.mails == []


def test_a_mail_server_that_is_away_is_bad(call: Call, config_file: Path) -> None:
    """Nobody would hear of anything."""
    config_file.write_text(config_file.read_text().replace("enabled = false", "enabled = true\nport = 1"))
    row = parts(call)["mail"]
    assert row["state"] == "bad"
    assert "localhost:1: " in row["what"]


def test_mail_that_waits_long_is_bad(call: Call, config_file: Path, desk: Desk) -> None:
    """An hour of back-off is nothing; a quarter of an hour without anybody having heard is."""
    config_file.write_text(config_file.read_text().replace("enabled = false", "port = 1"))
    call("test-alert")
    assert "outbox" not in parts(call)
    desk.ledger.run("UPDATE outbox SET created_at = ?", (utc(time.time() - 1000),))
    row = parts(call)["outbox"]
    assert row["state"] == "bad"
    assert "1 mail waits, for 16 min" in row["what"]


def test_channels_that_cannot_work_are_told_before_they_are_needed(
    call: Call, config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file, none of its lines, others can read it, no library: a warning each, and the line that mends it."""
    urls = tmp_path / "notify.urls"
    config_file.write_text(config_file.read_text() + f'[notify]\nurls_file = "{urls}"\n')
    assert "No such file" in call("check-config").stderr
    urls.write_text("# none\n")
    assert "no URL stands in it" in call("check-config").stderr
    urls.write_text("json://127.0.0.1\n")
    assert "chmod 600" in call("check-config").stderr
    urls.chmod(0o600)
    assert "[notify]" not in call("check-config").stderr
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert "pip install 'autonomous-orchestrator[notify]'" in call("check-config").stderr


def test_a_test_alert_arrives(call: Call, mailbox: Mailbox, desk: Desk) -> None:
    """It takes the way of a real one; without a daemon the command sends it itself."""
    del desk
    result = call("test-alert")
    assert result.exit_code == 0, result.output
    assert "took it for ops@example.org" in result.stdout
    (mail,) = mailbox.mails
    assert "TEST" in mail["Subject"]


def test_a_test_alert_goes_to_each_channel(call: Call, mailbox: Mailbox, desk: Desk, config_file: Path, tmp_path: Path) -> None:
    """What cannot go is told beside what went, and the exit status is 1."""
    del desk
    urls = tmp_path / "notify.urls"
    urls.write_text("json://127.0.0.1:1/secret\n")
    config_file.write_text(config_file.read_text() + f'[notify]\nurls_file = "{urls}"\n')
    result = call("test-alert")
    assert result.exit_code == 1
    assert "took it for ops@example.org" in result.stdout
    assert "not sent to json:" in result.stderr
    assert "secret" not in result.output
    assert len(mailbox.mails) == 1


def test_a_test_alert_that_cannot_go_is_1(call: Call, config_file: Path, desk: Desk) -> None:
    """Off, or no server: the reason is there."""
    del desk
    assert "mail is off" in call("test-alert").stderr
    config_file.write_text(config_file.read_text().replace("enabled = false", "port = 1"))
    result = call("test-alert")
    assert result.exit_code == 1
    assert "not sent to root@localhost: localhost:1: " in result.stderr


def test_a_good_configuration_is_summed_up(call: Call) -> None:
    """One line, status 0."""
    result = call("check-config")
    assert result.exit_code == 0
    assert result.stdout.startswith("ok: mode auto, state in ")
    assert "; 1 service, " in result.stdout
    assert result.stdout.endswith("; no model\n")


def test_who_is_asked_is_summed_up(call: Call, config_file: Path) -> None:
    """The models by name; one that nobody asks, since no backend is named, is a warning."""
    written = config_file.read_text()
    config_file.write_text(f'{written}\n[agents]\nmodel = "qwen3"\n')
    result = call("check-config")
    assert (result.exit_code, result.stdout.endswith("; no model\n")) == (0, True)
    assert "[agents] model is set, and no backend" in result.stderr
    config_file.write_text(f'{written}\n[agents]\nbackend = "ollama"\nmodel = "qwen3"\n')
    result = call("check-config")
    assert result.stdout.endswith("; qwen3 by ollama\n")
    assert "[agents]" not in result.stderr


def test_what_the_host_lacks_is_a_warning(call: Call, config_file: Path) -> None:
    """Files, programs and mounts that are not there are named with their place; the daemon would start all the same."""
    config_file.write_text(
        config_file.read_text() + 'config_files = ["/etc/shop/none.conf", "/etc/passwd"]\nconfig_test = ["/usr/sbin/no-shop", "-t"]\n'
        '[[disk]]\nmount = "/no/mount"\n[[command]]\nname = "x"\nservice = "shop"\nargv = ["no-such-program"]\nabout = "x"\nrisk = "low"\n'
    )
    result = call("check-config")
    assert result.exit_code == 0
    warnings = [line for line in result.stderr.splitlines() if "unit" not in line and "looked for" not in line]
    assert warnings == [
        "warning: [[service]] shop: config_files '/etc/shop/none.conf': no such file",
        "warning: [[disk]] mount '/no/mount': nothing is mounted there",
        "warning: [[service]] shop: config_test '/usr/sbin/no-shop': no such program",
        "warning: [[command]] x: argv 'no-such-program': no such program",
    ]


_AS_SOMEBODY = """import os, sys
from escalation import acts, operator
from orchestrator import servers
from orchestrator.store import Reader
from orchestrator.cli import main
from tests.cli.conftest import all_commands
list(all_commands()), servers.shipped(), acts.ACTS
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(65534)
main(sys.argv[2:])
"""
"""Becomes another user after everything is loaded: the interpreter itself may lie where only root looks."""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_a_member_of_the_group_reads_and_acts() -> None:
    """Without being root: the state of a stopped daemon is read and answered by its group, and by nobody else."""
    group = grp.getgrnam("games").gr_gid
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        state, config = Path(folder) / "state", Path(folder) / "config.toml"
        config.write_text(f'[daemon]\nstate_dir = "{state}"\n')
        with Store(state):
            Desk(state, Mail.model_validate({"enabled": False}), "web1").close()
        for path in (state, *state.rglob("*")):
            os.chown(path, 0, group)
        state.chmod(0o2770)

        def by(gid: int, *words: str) -> subprocess.CompletedProcess[str]:
            argv = [sys.executable, "-c", _AS_SOMEBODY, str(gid), *words, "--config", str(config)]
            return subprocess.run(argv, capture_output=True, text=True, check=False)

        assert by(group, "incidents").stdout == "no incidents\n"
        assert by(group, "pause", "--for", "30m", "--reason", "x").stdout.startswith("left for the daemon as decision 1")
        stranger = by(65534, "incidents")
        assert stranger.returncode == 75
        assert "be root or a member of its group" in stranger.stderr


def test_without_a_model_the_embedded_engine_is_told(call: Call, store: Store) -> None:
    """It needs nothing, so that is well."""
    del store
    assert parts(call)["models"]["state"] == "ok"


def test_each_model_has_a_line_that_an_answer_of_its_own_made(call: Call, store: Store, config_file: Path) -> None:
    """What works is told with its price; what does not, with the line that mends it; and each question is counted."""
    with Stub([Play({"ok": True}, when=["Are you there?"])]) as stub:
        agents = f'[agents]\nbackend = "ollama"\nmodel = "qwen3"\nurl = "{stub.url}"\n'
        voter = f'[[agents.voter]]\nbackend = "anthropic"\nmodel = "claude-x"\nurl = "{stub.url}"\nkey_file = "/nowhere/key"\n'
        config_file.write_text(config_file.read_text() + agents + voter)
        lacks, works = (row for row in json.loads(call("doctor", "--json").stdout) if row["part"] == "model")
        assert works["what"].startswith("qwen3 by ollama: answered in ")
        assert (lacks["state"], lacks["mend"]) == ("bad", "ls -l /nowhere/key")
        stub.script = [Play(play="404")]
        works, _ = (row for row in json.loads(call("doctor", "--json").stdout) if row["part"] == "model")
        assert (works["state"], "404" in works["what"]) == ("bad", True)
    assert [row["outcome"] for row in store.ledger.rows("SELECT outcome FROM model_calls ORDER BY model")] == [
        *("misconfigured",) * 2,
        "answered",
        "misconfigured",
    ]
    numbers = json.loads(call("metrics", "--json").stdout)
    assert "qwen3" in json.dumps(numbers)
    assert "doctor" not in json.dumps(numbers), "it is no expert"


def test_before_the_daemon_has_run_no_model_is_asked(call: Call, config_file: Path) -> None:
    """What cannot be counted is not spent; the other lines are there."""
    with Stub() as stub:
        config_file.write_text(config_file.read_text() + f'[agents]\nbackend = "ollama"\nmodel = "qwen3"\nurl = "{stub.url}"\n')
        row = parts(call)["models"]
        assert (row["state"], stub.asked) == ("warn", [])


def test_a_model_whose_price_nobody_knows_is_told(state_dir: Path, store: Store) -> None:
    """A limit in dollars does not bound it; of one at home, or one with a price of the operator's, nothing is said."""
    del store
    told = {"backend": "anthropic", "model": "claude-unheard-of"}
    price = [{"model": "claude-unheard", "input": 1.0, "output": 2.0}]

    def unpriced(**agents: object) -> list[str]:
        return [item.mend for item in look_at_models(Agents.model_validate(agents), state_dir) if "nobody knows its price" in item.what]

    (mend,) = unpriced(**told)
    assert '[[agents.price]] model = "claude-unheard-of"' in mend
    assert unpriced(**told, price=price) == []
    assert unpriced(backend="claude-code", model="sonnet") == []
    assert unpriced(backend="openai-compatible", model="own", url="http://127.0.0.1:9/v1") == []
