"""`ask` and `consult`: by the role file alone, and by a played model at the end of a real call."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from escalation import Desk
from orchestrator.model import Evidence, Fault, Scope, utc
from orchestrator.store import Store
from tests.cli.conftest import ORCHESTRATOR, Call
from tests.cli.scenes import ATTACK, escalated, fault, opened
from tests.cli.test_experts import remembers
from tests.models.stub import Play, Stub

pytestmark = pytest.mark.timeout(180)

QUESTION = "What would you look at first?"


def answer(text: str = "Look at the disk.", evidence: tuple[int, ...] = (1,), choice: str = "") -> dict[str, Any]:
    return {"answer": text, "evidence": list(evidence), "look_next": ["df -h"], "choice": choice}


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub([Play(answer(), times=0)]) as served:
        yield served


@pytest.fixture
def asked_of(config_file: Path, stub: Stub) -> Any:
    """The configuration with a model, and more of it."""

    def write(more: str = "", url: str = stub.url) -> None:
        text = config_file.read_text().partition("[agents]")[0]
        config_file.write_text(f'{text}[agents]\nbackend = "openai-compatible"\nmodel = "llama"\nurl = "{url}/v1"\n{more}\n')

    return write


@pytest.fixture
def model(asked_of: Any) -> None:
    asked_of()


def name_of(call: Call) -> list[str]:
    return [expert["name"] for expert in json.loads(call("experts", "--json").stdout) if not expert["vetoes"]]


def test_without_a_model_the_role_file_answers(call: Call, store: Store) -> None:
    """And says so; about the host, a declared service, or an incident with what he remembers of it."""
    remembers(store)
    told = call("ask", "log-reader", QUESTION)
    assert told.exit_code == 0
    assert "no model is configured" in told.stdout
    assert "I am log-reader: " in told.stdout
    assert "\n  host: up for " in told.stdout
    assert call("ask", "log-reader", QUESTION, "--unit", "shop").exit_code == 0
    about = call("ask", "log-reader", QUESTION, "--incident", "1", "--json")
    data = json.loads(about.stdout)
    assert (data["about"], data["backend"], data["failed"]) == ("incident 1", "embedded", None)
    assert "I remember: the same kind of fault: the cache was full (clean_path, restart_unit; right once" in data["answer"]
    assert store.memories("log-reader")[0].uses == 2, "by its target, then by its kind"


def test_before_any_daemon_has_run_the_role_file_answers_too(call: Call, state_dir: Path) -> None:
    """And makes no file of its own."""
    assert call("ask", "log-reader", QUESTION).exit_code == 0
    assert not list(state_dir.parent.glob("state/*"))


@pytest.mark.usefixtures("model")
def test_a_model_answers_from_an_incident(call: Call, store: Store, stub: Stub) -> None:
    """It is shown the evidence and the candidates; what it cites is told with its source, what it costs is counted for the day."""
    number = opened(store)
    stored = store.add_evidence(number, (Evidence(source="unit_state", text="state: failed"), Evidence(source="lies", text="x")))
    stub.script = [Play(answer(f"{ATTACK}It crashed.", (stored[0].id, stored[1].id, 4711)), times=0)]
    told = call("ask", "log-reader", QUESTION, "--incident", str(number))
    assert told.exit_code == 0, told.stderr
    assert told.stdout.startswith("log-reader (openai-compatible llama):\n")
    assert "forgedIt crashed." in told.stdout
    assert "\x1b" not in told.stdout
    assert f"rests on [{stored[0].id}] unit_state\n" in told.stdout
    assert "look at: df -h" in told.stdout
    (asked,) = stub.asked
    document = json.loads(asked.turns[0])
    assert (document["question"], document["fault"]["target"]) == (QUESTION, "shop.service")
    (cost,) = store.ledger.rows("SELECT * FROM model_calls")
    assert (cost["task_id"], cost["phase"], cost["expert"], cost["outcome"]) == (None, 0, "log-reader", "answered")
    assert cost["began_at"][:10] == utc()[:10]


@pytest.mark.usefixtures("model")
def test_a_consultation_is_blind_and_counted(call: Call, store: Store, stub: Stub, config_file: Path, tmp_path: Path) -> None:
    """All at once, side by side; who would choose the same is counted, and nothing is done."""
    place, names = tmp_path / "cache", name_of(call)[:3]
    place.mkdir()
    (place / "old.tmp").write_text("x")
    os.utime(place / "old.tmp", (1, 1))
    config_file.write_text(config_file.read_text() + f'[[path]]\npath = "{place}"\npattern = "*.tmp"\nremove_older_than = "1h"\n')
    number = opened(store, Fault(check="disk_full", target="/", reason="NoSpace", message="/ is full"))
    store.scope(number, Scope(target="/", paths=(str(place),)))
    cleans = {"C": r'"id":"(a\d+)","steps":\[{"does":"[^"]*cache'}
    choosing, silent = Play(answer(choice="$C"), find=cleans, seconds=1.0), Play(answer(), seconds=1.0)
    stub.script = lambda asked: silent if f"Who you are: {names[0]}." in asked.system else choosing
    asked_about = ("--experts", ",".join(names), "--incident", str(number))
    told = call("consult", QUESTION, *asked_about, "--json")
    assert told.exit_code == 0, told.stderr
    data = json.loads(told.stdout)
    assert [one["expert"] for one in data["answers"]] == names
    ((choice, together),) = data["agree"].items()
    assert (str(place) in choice, together) == (True, names[1:])
    assert stub.most_at_once == 3
    assert not any("Look at the disk" in asked.text for asked in stub.asked)
    assert (place / "old.tmp").exists()
    assert store.ledger.rows("SELECT COUNT(*) AS n FROM attempts") == [{"n": 0}]
    shown = call("consult", QUESTION, *asked_about).stdout
    assert [line.partition(" (")[0] for line in shown.splitlines() if line.endswith(" llama):")] == names
    assert f"{names[1]} and {names[2]} would choose the same: {choice}\n" in shown


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("play", "status", "said"),
    [
        ("429", 75, "busy"),
        ("garbage", 1, "garbage"),
        ("refusal", 1, "refused"),
        ("cut", 1, "cut"),
        ("401", 78, "misconfigured"),
    ],
)
def test_a_model_that_fails_says_how(call: Call, stub: Stub, asked_of: Any, play: str, status: int, said: str) -> None:
    """The role file answers in its place, and the exit status tells whether it is worth trying again."""
    asked_of()
    stub.script = [Play({"no": "answer"}, times=0) if play == "garbage" else Play(answer(), play=play, times=0)]
    told = call("ask", "log-reader", QUESTION)
    assert told.exit_code == status, told.stdout
    assert f"openai-compatible llama did not answer ({said}: " in told.stdout
    assert "I am log-reader: " in told.stdout


@pytest.mark.usefixtures("store")
def test_nobody_there_and_nothing_left_are_75(call: Call, asked_of: Any, stub: Stub) -> None:
    """Which of the two it is stands beside it; a spent day asks nobody."""
    asked_of("day_tokens = 10")
    told = call("ask", "log-reader", QUESTION)
    assert (told.exit_code, len(stub.asked)) == (75, 0)
    assert "the budget is spent (the day's budget is spent: " in told.stdout
    asked_of(url="http://127.0.0.1:9")
    told = call("ask", "log-reader", QUESTION)
    assert told.exit_code == 75
    assert "did not answer (unreachable: " in told.stdout


@pytest.mark.usefixtures("model")
def test_one_answer_of_several_is_an_answer(call: Call, stub: Stub, store: Store) -> None:
    """The others say why they are none."""
    del store
    first, second = name_of(call)[:2]
    stub.script = lambda asked: Play(answer(), play="refusal" if f"Who you are: {first}." in asked.system else "answer")
    told = call("consult", QUESTION, "--experts", f"{first},{second}")
    assert told.exit_code == 0
    assert "did not answer (refused: " in told.stdout


def test_a_question_that_makes_no_sense_is_64(call: Call, store: Store, desk: Desk) -> None:
    """With what was meant, or what was expected."""
    escalated(store, desk, fault())
    for words in (
        ("ask", "log-raeder", QUESTION),
        ("ask", "log-reader", "  "),
        ("ask", "log-reader", "x" * 2001),
        ("ask", "log-reader", QUESTION, "--unit", "--force"),
        ("ask", "log-reader", QUESTION, "--unit", "shop.service", "--incident", "1"),
        ("consult", QUESTION, "--experts", ","),
        ("consult", QUESTION, "--experts", "log-reader,nobody"),
        ("consult", QUESTION),
    ):
        assert call(*words).exit_code == 64, words
    assert "Did you mean log-reader?" in call("ask", "log-raeder", QUESTION).stderr
    assert call("ask", "log-reader", QUESTION, "--incident", "99").exit_code == 1


@pytest.mark.usefixtures("model")
def test_what_an_older_version_made_is_not_migrated(call: Call, store: Store, stub: Stub) -> None:
    """Nobody is asked for what cannot be counted: only the daemon brings the file up to date."""
    store.ledger.run("DELETE FROM _sqlite_migrations WHERE name = 'm010_spending'")
    told = call("ask", "log-reader", QUESTION)
    assert (told.exit_code, len(stub.asked)) == (75, 0)
    assert "start the daemon once" in told.stderr


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("ends", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_leaves_nothing_behind(store: Store, stub: Stub, config_file: Path, call: Call, ends: signal.Signals) -> None:
    """Whoever is being asked is let go at once, who waits for his turn too, and no call stays open in the books."""
    config_file.write_text(config_file.read_text() + "calls = 2\n")
    stub.script = [Play(play="hang", times=0)]
    here = ["env", "--default-signal=INT,TERM,HUP"]  # a test run under nohup, or in the background, ignores some
    command = [*here, *ORCHESTRATOR, "--config", str(config_file), "consult", QUESTION, "--experts", ",".join(name_of(call)[:4])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asking:
        until(lambda: stub.at_once == 2)
        asking.send_signal(ends)
        assert asking.wait(30) == 130
    until(lambda: stub.at_once == 0)
    assert store.ledger.rows("SELECT id FROM model_calls WHERE ended_at IS NULL") == []


def until(holds: Callable[[], bool]) -> None:
    """It is so, soon."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
