"""How the command ends: its exit status, and one line instead of a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from orchestrator.cli import _status_of
from orchestrator.store import Store
from tests.cli.conftest import ORCHESTRATOR, Call, all_commands
from tests.cli.scenes import opened

CONTRACT = {
    "run", "check-config", "status", "incidents", "show", "escalations", "patterns", "metrics", "sql", "doctor", "checks", "actions",
    "runbooks", "experts", "pause", "resume", "test-alert",
}  # fmt: skip
VERBS = {
    "escalations": {"list", "show", "ack", "unack", "snooze", "resolve", "reopen", "approve", "reject", "answer", "note"},
    "patterns": {"list", "show", "teach", "trust", "demote", "forget", "export", "import", "test"},
    "runbooks": {"list", "show", "test"},
    "experts": {"list"},
}
LISTING = {"status", "incidents", "show", "escalations", "patterns", "metrics", "sql", "doctor", "checks", "actions", "runbooks", "experts"}


def test_every_command_of_the_contract_is_there() -> None:
    """The commands and their verbs are those that people and programs rely on."""
    found = dict(all_commands())
    assert {words[0] for words in found} >= CONTRACT
    for group, verbs in VERBS.items():
        assert verbs <= {words[1] for words in found if len(words) == 2 and words[0] == group}


@pytest.mark.parametrize("words", [words for words, _command in all_commands()], ids=" ".join)
def test_every_command_takes_config_and_says_what_it_does(words: tuple[str, ...]) -> None:
    """Each has a help text and `--config`; those that list have `--json`."""
    command: click.Command = dict(all_commands())[words]
    options = {name for parameter in command.params for name in parameter.opts}
    assert "--config" in options
    assert command.help
    if words in {(name,) for name in LISTING} or words[-1] in ("list", "show"):
        assert "--json" in options


@pytest.mark.parametrize(
    "words",
    [("nonsense",), ("status", "--nonsense"), ("show", "x"), ("pause", "--reason", "x"), ("pause", "--for", "soon", "--reason", "x"),
     ("escalations", "snooze", "1", "--for", "0m"), ("patterns", "teach", "restart_unit unit=a.service"), ("sql",),
     ("show", "9" * 20), ("escalations", "ack", "9" * 20), ("patterns", "forget", "9" * 20), ("windows", "end", "9" * 20),
     ("dashboard", "token", "create", " ", "--read")],
    ids=" ".join,
)  # fmt: skip
def test_a_wrong_call_is_64(call: Call, words: tuple[str, ...]) -> None:
    """A mistyped call says what it is, on stderr."""
    result = call(*words)
    assert result.exit_code == 64
    assert "Error: " in result.stderr


@pytest.mark.parametrize("place", ["before", "after", "in a group"])
def test_a_wrong_configuration_is_78(tmp_path: Path, place: str) -> None:
    """It says file, key and what was expected, and nothing else happens; wherever `--config` stands."""
    file = tmp_path / "wrong.toml"
    file.write_text('[daemon]\nmode = "brave"\n[limits]\nchanges_per_hour = 3\n')
    named = ["--config", str(file)]
    words = {"before": [*named, "status"], "after": ["status", *named], "in a group": ["escalations", *named, "list"]}[place]
    done = subprocess.run([*ORCHESTRATOR, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert done.stdout == ""
    mode, unknown = done.stderr.splitlines()
    assert mode.startswith(f"{file}: daemon.mode: Input should be 'observe', 'suggest', 'approve' or 'auto' (got 'brave')")
    assert unknown.startswith(f"{file}: limits.changes_per_hour: unknown key")


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """A mistyped `--config` never falls back to the defaults: the daemon would watch another host than was meant."""
    done = subprocess.run([*ORCHESTRATOR, "run", "--config", str(tmp_path / "no.toml")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)


def test_a_state_that_cannot_be_opened_is_75(call: Call, state_dir: Path) -> None:
    """Whoever decides before the daemon ever ran is told so, and may try again."""
    result = call("pause", "--for", "30m", "--reason", "moving")
    assert result.exit_code == 75
    assert "does not exist yet: the daemon makes it when it starts" in result.stderr
    state_dir.mkdir()
    (state_dir / "tasks.db").write_text("no database at all, whatever its name says" * 100)
    assert call("status").exit_code == 75


def test_a_state_of_a_newer_version_is_78(config_file: Path, state_dir: Path) -> None:
    """Starting again would change nothing, so that systemd does not; the word says what would."""
    with Store(state_dir) as store:
        store.ledger.run("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('tasks', 'm999_future', '2030')")
    done = subprocess.run([*ORCHESTRATOR, "run", "--once", "--config", str(config_file)], capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert "made by a newer version (it has m999_future): install that version again" in done.stderr


def test_a_second_healer_is_75(config_file: Path, state_dir: Path) -> None:
    """Two healers on one state would fight each other."""
    with Store(state_dir) as store:
        store.lock()
        done = subprocess.run([*ORCHESTRATOR, "run", "--once", "--config", str(config_file)], capture_output=True, text=True, check=False)
    assert done.returncode == 75
    assert "another healer works on" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bug_is_one_line_and_70(capsys: pytest.CaptureFixture[str]) -> None:
    """Even what nobody foresaw shows no traceback, and says where it lies."""

    def broken() -> None:
        raise ZeroDivisionError("an\x1b[31m accident\nin two lines")

    assert _status_of(broken) == 70
    assert capsys.readouterr().err.startswith(
        "Error: a bug in orchestrator itself: ZeroDivisionError: an accident in two lines (test_exit.py, line "
    )


def test_a_reader_that_goes_away_is_no_failure(config_file: Path, store: Store) -> None:
    """`orchestrator sql … | head -1` is quiet, and done."""
    del store
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) SELECT i, 'a long line of text' FROM n"
    with subprocess.Popen(
        [*ORCHESTRATOR, "--config", str(config_file), "sql", rows], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        assert run.stdout
        assert run.stderr
        run.stdout.readline()
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 0


def test_the_daemon_starts_without_what_only_people_need() -> None:
    """Rich is for terminals: the daemon never loads it, nor any other command."""
    loaded = "name for name in sys.modules if name.split('.')[0] == 'rich' or 'cli.' in name"
    program = f"import sys, orchestrator.cli.run, orchestrator.daemon.start; print(*({loaded}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"orchestrator.cli.run", "orchestrator.cli.options", "orchestrator.cli.printing"}


def test_completion_names_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """click's own completion works through the lazily loaded commands."""
    monkeypatch.setenv("_ORCHESTRATOR_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "orchestrator escalations una")
    monkeypatch.setenv("COMP_CWORD", "2")
    done = subprocess.run([str(Path(sys.executable).with_name("orchestrator"))], capture_output=True, text=True, check=False)
    assert done.stdout == "plain,unack\n"


@pytest.mark.parametrize("broken", ["moode = 'auto'", "[[service]]\nname = 7", "[daemon.mode]\nx = 1"])
@pytest.mark.usefixtures("desk")
def test_a_broken_configuration_keeps_nobody_from_looking(store: Store, call: Call, config_file: Path, broken: str) -> None:
    """The daemon goes on with the old one: what it knows is shown, with what is wrong; who decides or starts something is refused."""
    number = opened(store)
    with config_file.open("a", encoding="utf-8") as file:
        file.write(f"\n{broken}\n")
    for command in (["incidents"], ["show", str(number)], ["escalations"], ["audit"], ["metrics"], ["status"]):
        told = call(*command)
        assert (told.exit_code, bool(told.stdout)) == (os.EX_CONFIG, True), told.output
        assert str(config_file) in told.stderr
    assert "shop.service" in call("incidents").stdout
    for command in (["run", "--once"], ["check-config"], ["dashboard", "token", "create", "ci", "--write"], ["dashboard", "url"]):
        told = call(*command)
        assert (told.exit_code, told.stdout) == (os.EX_CONFIG, ""), command
    assert "ci" not in call("dashboard", "token", "list").stdout


def test_a_configuration_that_the_hands_refuse_is_told(call: Call, config_file: Path) -> None:
    """Whoever may write it could have anything done: the line to type goes with the warning."""
    with config_file.open("a", encoding="utf-8") as file:
        file.write('[hands]\nsocket = "/run/hands.sock"\n')
    config_file.chmod(0o666)
    told = call("check-config")
    assert f"chmod go-w {config_file}" in told.stderr
    config_file.chmod(0o644)
    assert "chmod" not in call("check-config").stderr
