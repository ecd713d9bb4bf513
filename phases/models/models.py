"""The configured models: which one is asked, how many at once, and for how much."""

import threading
import time
from collections.abc import Callable

from orchestrator.config import Agents, ModelSettings
from orchestrator.model import Cost
from orchestrator.store import Spent, StoreFailed, mask
from phases.models import child
from phases.models.prices import price_of
from phases.models.words import Asking, FailureKind, ModelFailed, Purse, Reply, Request

_CHARACTERS_PER_TOKEN = 3
"""Fewer than any model's tokenizer makes of English or JSON, so that what is put aside is too much and never too little."""

_NOT_TAKEN_UP = ("unreachable", "busy", "misconfigured")

Ask = Callable[[Request], Reply]


class Models:
    """Thread-safe. Never more calls in flight than configured, whoever asks."""

    def __init__(self, agents: Agents, purse: Purse, ask: Ask = child.ask) -> None:
        self._agents = agents
        self._seats = agents.models
        self._purse = purse
        self._ask = ask
        self._calls = threading.BoundedSemaphore(agents.calls)

    @property
    def available(self) -> bool:
        """Whether there is any: with the embedded engine alone there is none."""
        return bool(self._seats)

    def settings(self, seat: int) -> ModelSettings:
        return self._seats[seat % len(self._seats)]

    def ask(self, asking: Asking, deadline: float) -> Reply:
        """The answer before `deadline` (seconds of the monotonic clock). Raises ModelFailed, and nothing else of the call's."""
        settings = self.settings(asking.seat)
        if not self._calls.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise ModelFailed("busy", f"{self._agents.calls} calls are under way already, and none ended in time")
        try:
            return self._call(asking, settings, deadline)
        finally:
            self._calls.release()

    def _call(self, asking: Asking, settings: ModelSettings, deadline: float) -> Reply:
        most = self._most(asking, settings)
        try:
            number = self._purse.reserve(most)
        except (Spent, StoreFailed) as none_left:  # what cannot be written down is not spent
            raise ModelFailed("spent", str(none_left)) from none_left
        began = time.monotonic()
        request = Request(
            backend=settings.backend,
            model=settings.model,
            url=settings.url,
            key_file=settings.key_file or "",
            system=mask(asking.system),
            turns=tuple(turn.model_copy(update={"text": mask(turn.text)}) for turn in asking.turns),
            answer_schema=asking.answer_schema,
            answer_tokens=self._agents.answer_tokens,
            seconds=max(0.1, deadline - began),
        )
        try:
            reply = self._ask(request)
        except ModelFailed as failed:
            lost = self._lost(most, settings, failed.kind)
            self._purse.settle(number, lost.model_copy(update={"outcome": failed.kind, "seconds": time.monotonic() - began}))
            raise
        dollars = reply.dollars or self._dollars(settings, reply.tokens_in, reply.tokens_cached, reply.tokens_out)
        reply = reply.model_copy(update={"dollars": dollars, "seconds": time.monotonic() - began})
        spent = reply.model_dump(include={"tokens_in", "tokens_cached", "tokens_out", "dollars", "seconds"})
        self._purse.settle(number, most.model_copy(update={**spent, "outcome": "answered"}))
        return reply

    def _lost(self, most: Cost, settings: ModelSettings, kind: FailureKind) -> Cost:
        """What a call that failed has cost at most, since nobody tells: nothing where nobody took it up."""
        if kind in _NOT_TAKEN_UP:
            return most.model_copy(update={"tokens_in": 0, "tokens_out": 0, "dollars": 0.0})
        if kind == "refused":
            return most.model_copy(update={"tokens_out": 0, "dollars": self._dollars(settings, most.tokens_in, 0, 0)})
        return most

    def _most(self, asking: Asking, settings: ModelSettings) -> Cost:
        characters = len(asking.system) + sum(len(turn.text) for turn in asking.turns) + len(str(asking.answer_schema))
        tokens_in, tokens_out = characters // _CHARACTERS_PER_TOKEN + 1, self._agents.answer_tokens
        return Cost(
            incident=asking.incident,
            phase=asking.phase,
            expert=asking.expert,
            backend=settings.backend,
            model=settings.model,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            dollars=self._dollars(settings, tokens_in, 0, tokens_out),
        )

    def _dollars(self, settings: ModelSettings, tokens_in: int, tokens_cached: int, tokens_out: int) -> float:
        price = price_of(settings, self._agents.price)
        return price.dollars(tokens_in, tokens_cached, tokens_out) if price else 0.0
