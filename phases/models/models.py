"""The configured models: which one is asked, how many at once, and for how much."""

import time
from collections.abc import Callable

from orchestrator.config import Agents, ModelSettings
from orchestrator.model import Cost, Json
from orchestrator.store import Spent, StoreFailed, mask
from phases.models import child
from phases.models.gate import Gate
from phases.models.keys import key_file_of
from phases.models.prices import price_of
from phases.models.words import Asking, FailureKind, ModelFailed, Purse, Reply, Request, Usage

_CHARACTERS_PER_TOKEN = 3
"""Fewer than any model's tokenizer makes of English or JSON, so that what is put aside is too much and never too little."""

_CACHING = ("anthropic", "claude-code")
"""What goes to them is put into their cache, which costs more than to read it."""
_SHORTEST_SECONDS = 0.1
_GIVEN_BACK_SECONDS = 0.25
"""So often is asked whether what calls under way had put aside is free again."""
_FREE: frozenset[FailureKind] = frozenset({"unreachable", "busy", "misconfigured"})
"""No model has thought."""

Ask = Callable[[Request], Reply]


class Models:
    """Thread-safe. Never more calls in flight than configured, whoever asks."""

    def __init__(self, agents: Agents, purse: Purse, ask: Ask = child.ask, gate: Gate | None = None) -> None:
        """`gate`: one that outlives these settings, so that what is under way at a reload goes on to count."""
        self._agents = agents
        self._seats = agents.models
        self._purse = purse
        self._ask = ask
        self._gate = gate or Gate(agents.calls)

    @property
    def available(self) -> bool:
        """Whether there is any: with the embedded engine alone there is none."""
        return bool(self._seats)

    def settings(self, seat: int) -> ModelSettings:
        return self._seats[seat % len(self._seats)]

    def ask(self, asking: Asking, deadline: float) -> Reply:
        """The answer before `deadline` (seconds of the monotonic clock). Raises ModelFailed, and nothing else of the call's."""
        if not self._seats:
            raise ModelFailed("misconfigured", "no model is configured")
        with self._gate.through(deadline):
            return self._call(asking, self.settings(asking.seat), deadline)

    def _call(self, asking: Asking, settings: ModelSettings, deadline: float) -> Reply:
        most = self._most(asking, settings)
        number, began = self._reserved(most, deadline), time.monotonic()
        request = self._request(asking, settings, deadline - began)
        was = most.model_copy(update={"outcome": "interrupted"})
        try:
            reply = self._ask(request)
            reply = reply.model_copy(update={"dollars": self._dollars(settings, reply), "seconds": time.monotonic() - began})
            was = most.model_copy(update={**_usage(reply), "outcome": "answered"})
        except ModelFailed as failed:
            was = most.model_copy(update={**self._lost(most, settings, failed), "outcome": failed.kind})
            raise
        finally:  # whatever happened: what was put aside must not stay so
            self._purse.settle(number, was.model_copy(update={"seconds": time.monotonic() - began}))
        return reply

    def _reserved(self, most: Cost, deadline: float) -> int:
        """The number of the call. What others have put aside is waited for: most of it comes back."""
        while (left := deadline - time.monotonic()) >= _SHORTEST_SECONDS:
            try:
                return self._purse.reserve(most)
            except (Spent, StoreFailed) as none_left:  # what cannot be written down is not spent
                if not (isinstance(none_left, Spent) and none_left.for_now and left > _GIVEN_BACK_SECONDS):
                    raise ModelFailed("spent", str(none_left)) from none_left
            time.sleep(_GIVEN_BACK_SECONDS)  # another process may be the one that gives back
        raise ModelFailed("late", "no time is left for an answer")

    def _request(self, asking: Asking, settings: ModelSettings, seconds: float) -> Request:
        return Request(
            backend=settings.backend,
            model=settings.model,
            url=settings.url,
            key_file=key_file_of(settings, self._agents),
            login_dir=settings.login_dir or "",
            system=mask(asking.system),
            turns=tuple(turn.model_copy(update={"text": mask(turn.text)}) for turn in asking.turns),
            answer_schema=asking.answer_schema,
            answer_tokens=self._agents.answer_tokens,
            seconds=seconds,
        )

    def _lost(self, most: Cost, settings: ModelSettings, failed: ModelFailed) -> Json:
        """What a call that failed has cost. Where nobody told: nothing if nobody took it up, and else all that was put aside."""
        used = failed.used or (Usage() if failed.kind in _FREE else Usage(tokens_in=most.tokens_in) if failed.kind == "refused" else None)
        return {**_usage(used), "dollars": self._dollars(settings, used)} if used else {}

    def _most(self, asking: Asking, settings: ModelSettings) -> Cost:
        characters = len(asking.system) + sum(len(turn.text) for turn in asking.turns) + len(str(asking.answer_schema))
        tokens = characters // _CHARACTERS_PER_TOKEN + 1
        most = Usage(tokens_in=tokens, tokens_written=tokens if settings.backend in _CACHING else 0, tokens_out=self._agents.answer_tokens)
        return Cost(
            incident=asking.incident,
            phase=asking.phase,
            expert=asking.expert,
            backend=settings.backend,
            model=settings.model,
            **{**_usage(most), "dollars": self._dollars(settings, most)},
        )

    def _dollars(self, settings: ModelSettings, used: Usage) -> float:
        """As the backend says itself, or by the table."""
        price = price_of(settings, self._agents.price)
        return used.dollars or (price.dollars(used.tokens_in, used.tokens_cached, used.tokens_written, used.tokens_out) if price else 0.0)


def _usage(used: Usage) -> Json:
    """As it is stored: what was put into a cache tells in the dollars."""
    return used.model_dump(include=set(Usage.model_fields) & set(Cost.model_fields))
