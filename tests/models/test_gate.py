"""Never more calls under way than configured, whoever asks and whatever is configured anew."""

import threading
import time

import pytest

from orchestrator.config import Agents
from phases.models import Asking, Gate, ModelFailed, Models, Reply, Request, Turn
from tests.phases.cases import Purse, agents

ASKING = Asking(expert="x", system="s", turns=(Turn(role="user", text="{}"),), answer_schema={})


class Counting:
    """A model that answers when it is told to, and counts."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.inside, self.most = 0, 0
        self._changed = threading.Condition()

    def __call__(self, request: Request) -> Reply:
        with self._changed:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self._changed.notify_all()
        assert self.open.wait(20)
        with self._changed:
            self.inside -= 1
        return Reply(answer={}, model=request.model)

    def until(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.inside == number, timeout=10)


def _models(settings: Agents, ask: Counting, gate: Gate) -> Models:
    return Models(settings, Purse(), ask=ask, gate=gate)


def _begin(models: Models, number: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=models.ask, args=(ASKING, time.monotonic() + 20)) for _ in range(number)]
    for thread in threads:
        thread.start()
    return threads


def test_what_is_under_way_at_a_reload_goes_on_to_count() -> None:
    """The old settings' calls and the new ones' together are never more than the new ones say; and a wider gate opens at once."""
    ask, gate = Counting(), Gate(2)
    threads = _begin(_models(agents(calls=2), ask, gate), 3)
    ask.until(2)
    gate.set_width(3)
    ask.until(3)
    new = _models(agents(calls=3), ask, gate)
    with pytest.raises(ModelFailed) as failed:
        new.ask(ASKING, time.monotonic() + 0.2)
    assert (failed.value.kind, ask.inside) == ("busy", 3)
    threads += _begin(new, 5)
    ask.open.set()
    for thread in threads:
        thread.join(20)
    assert ask.most == 3


def test_a_call_that_fails_lets_the_next_one_in() -> None:
    """However it ended."""

    def fails(request: Request) -> Reply:
        raise ModelFailed("garbage", request.model)

    models = Models(agents(calls=1), Purse(), ask=fails, gate=Gate(1))
    for _ in range(3):
        with pytest.raises(ModelFailed) as failed:
            models.ask(ASKING, time.monotonic() + 1)
        assert failed.value.kind == "garbage"
