"""The configured models: how many calls at once, which key, and a purse that is always settled."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from orchestrator.config import Agents
from orchestrator.model import Cost
from phases.models import Asking, ModelFailed, Models, Reply, Request, Turn, Usage

ASKING = Asking(expert="network", system="rules", turns=(Turn(role="user", text="?"),), answer_schema={})
AGENTS = {"backend": "anthropic", "model": "claude-opus-5-5"}


class Book:
    """A purse that only writes down."""

    def __init__(self) -> None:
        self.reserved: list[Cost] = []
        self.settled: dict[int, list[Cost]] = {}
        self._numbers = count(1)

    def reserve(self, most: Cost) -> int:
        self.reserved.append(most)
        return next(self._numbers)

    def settle(self, call: int, was: Cost) -> None:
        self.settled.setdefault(call, []).append(was)


@pytest.fixture
def book() -> Book:
    return Book()


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


def answer(_request: Request) -> Reply:
    return Reply(answer={}, model="m", tokens_in=10, tokens_out=1)


def test_never_more_at_once_than_configured(book: Book) -> None:
    """Whoever asks, and however many."""
    lock, under_way, most = threading.Lock(), 0, 0

    def slow(request: Request) -> Reply:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.01)  # the model thinks
        with lock:
            under_way -= 1
        return answer(request)

    models = Models(Agents.model_validate({**AGENTS, "calls": 3}), book, slow)
    with ThreadPoolExecutor(30) as people:
        replies = list(people.map(lambda _: models.ask(ASKING, soon(60)), range(60)))
    assert (len(replies), most, len(book.settled)) == (60, 3, 60)


def test_who_waits_too_long_has_not_asked(book: Book) -> None:
    """Nothing is put aside for it, and its place is not lost."""
    began, go = threading.Event(), threading.Event()

    def waits(request: Request) -> Reply:
        began.set()
        go.wait(10)
        return answer(request)

    models = Models(Agents.model_validate({**AGENTS, "calls": 1}), book, waits)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(models.ask, ASKING, soon())
        assert began.wait(10)
        for deadline in (soon(0.05), soon(-1)):
            with pytest.raises(ModelFailed, match="busy"):
                models.ask(ASKING, deadline)
        go.set()
        assert first.result().answer == {}
    with pytest.raises(ModelFailed, match="late: no time is left"):
        models.ask(ASKING, soon(-1))
    assert models.ask(ASKING, soon()).answer == {}
    assert len(book.reserved) == 2


@pytest.mark.parametrize("trouble", [ModelFailed("late", "x"), KeyboardInterrupt(), ValueError("ours"), SystemExit(1)])
def test_what_was_put_aside_is_settled_once_whatever_happens(book: Book, trouble: BaseException) -> None:
    """And the call's place is free again."""

    def fails(_request: Request) -> Reply:
        raise trouble

    models = Models(Agents.model_validate({**AGENTS, "calls": 1}), book, fails)
    for _ in range(2):
        with pytest.raises(type(trouble)):
            models.ask(ASKING, soon())
    (first,), (second,) = book.settled.values()
    assert first.outcome == second.outcome == ("late" if isinstance(trouble, ModelFailed) else "interrupted")
    assert first.dollars == book.reserved[0].dollars > 0, "it may have been paid"


def test_a_failure_costs_what_its_server_told(book: Book) -> None:
    """A model that talked for long and gave no answer has been paid for that."""

    def talks(_request: Request) -> Reply:
        raise ModelFailed("garbage", "talk", used=Usage(tokens_in=1_000_000, tokens_out=100_000))

    with pytest.raises(ModelFailed):
        Models(Agents.model_validate(AGENTS), book, talks).ask(ASKING, soon())
    ((was,),) = book.settled.values()
    assert (was.outcome, was.tokens_out, was.dollars) == ("garbage", 100_000, 6.0)


def test_without_a_model_nobody_can_be_asked(book: Book) -> None:
    """The embedded engine alone is the usual case."""
    models = Models(Agents(), book, answer)
    assert not models.available
    with pytest.raises(ModelFailed, match="no model is configured"):
        models.ask(ASKING, soon())


def test_secrets_stay_here(book: Book) -> None:
    """Masked in the last moment, whoever forgot to before."""
    seen: list[Request] = []

    def see(request: Request) -> Reply:
        seen.append(request)
        return answer(request)

    models = Models(Agents.model_validate(AGENTS), book, see)
    models.ask(ASKING.model_copy(update={"system": "password=hunter2", "turns": (Turn(role="user", text="token=hunter3"),)}), soon())
    assert "hunter" not in seen[0].model_dump_json()


def test_a_key_is_shown_to_its_own_server_alone(book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The systemd credential is for [agents]; a voter elsewhere has a file of its own, or none."""
    (tmp_path / "model-key").write_text("sk-1\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    voters = [
        {"backend": "anthropic", "model": "claude-haiku-5-5"},
        {"backend": "openai-compatible", "model": "m", "url": "https://elsewhere.example/v1"},
        {"backend": "anthropic", "model": "m", "url": "https://gateway.example"},
        {"backend": "ollama", "model": "m", "key_file": "/etc/other"},
    ]
    seen: list[str] = []

    def see(request: Request) -> Reply:
        seen.append(request.key_file)
        return answer(request)

    models = Models(Agents.model_validate({**AGENTS, "voter": voters}), book, see)
    for seat in range(6):
        models.ask(ASKING.model_copy(update={"seat": seat}), soon())
    own = str(tmp_path / "model-key")
    assert seen == [own, own, "", "", "/etc/other", own]
