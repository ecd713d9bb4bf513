"""One round of asking: several at once, none hears another, and each seat has an answer in time, whoever is dead or slow.

Whose call fails or is late is replaced by another expert, on another model where there is one, for at most 30 seconds; whose
replacement fails too, by what needs no call. Late answers are nobody's: nobody waits for them, and nobody counts them.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import NamedTuple

from orchestrator.knowledge.experts import Expert
from orchestrator.model import Minute
from phases.models import ModelFailed

_REPLACEMENT_SECONDS, _REPLACEMENT_SHARE = 30.0, 0.3
_MARGIN_SECONDS, _MARGIN_SHARE = 15.0, 0.1
"""Kept of the phase's time for the count, and for the beginning of what was decided."""


class Said(NamedTuple):
    """One expert's answer; of the one who has a veto, the plans that fall (their hashes) and why."""

    minute: Minute
    vetoes: Mapping[str, str] = {}


Ask = Callable[[Expert, int, float], Said]
"""Asks one expert on one seat until then. Raises ModelFailed."""
Failed = Callable[[Expert, int, str, float], Minute]
"""The minute of a call that brought nothing: who, on which seat, why, after how many seconds."""


@dataclass(frozen=True)
class _Call:
    number: int
    """Of the chair in the round: its first expert's place."""
    expert: Expert
    seat: int
    began: float
    until: float
    first: bool


class Meeting:
    """One round. `another` names who else could be asked beside those who are; `stand_in` is what counts when nobody answers."""

    def __init__(
        self,
        ask: Ask,
        failed: Failed,
        another: Callable[[Sequence[Expert]], Expert | None],
        stand_in: Callable[[Expert], Minute],
        deadline: float,
    ) -> None:
        self._ask = ask
        self._failed = failed
        self._another = another
        self._stand_in = stand_in
        left = max(0.0, deadline - time.monotonic())
        self._end = deadline - min(_MARGIN_SECONDS, _MARGIN_SHARE * left)
        self._answers: SimpleQueue[tuple[_Call, Said | Exception]] = SimpleQueue()
        self._open: dict[int, _Call] = {}
        self._chairs: dict[int, Expert] = {}
        self._asked: list[Expert] = []
        self._said: dict[int, list[Said]] = {}

    def hold(self, experts: Sequence[Expert]) -> tuple[Said, ...]:
        """What was said, by chairs: the failures first, last what counts."""
        now = time.monotonic()
        first_until = self._end - min(_REPLACEMENT_SECONDS, _REPLACEMENT_SHARE * max(0.0, self._end - now))
        for number, expert in enumerate(experts):
            self._said[number], self._chairs[number] = [], expert
            self._begin(_Call(number, expert, seat=number, began=now, until=first_until, first=True))
        while self._open:
            self._wait()
        return tuple(said for number in sorted(self._said) for said in self._said[number])

    def _begin(self, call: _Call) -> None:
        """A thread that nobody joins: a call that hangs for ever must not keep the daemon from ending."""
        self._open[call.number] = call
        if not call.expert.vetoes:
            self._asked.append(call.expert)
        threading.Thread(target=self._run, args=(call,), name=f"expert-{call.expert.name}"[:15], daemon=True).start()

    def _run(self, call: _Call) -> None:
        try:
            self._answers.put((call, self._ask(call.expert, call.seat, call.until)))
        except Exception as error:  # noqa: BLE001  # one broken expert must not end the vote
            self._answers.put((call, error))

    def _wait(self) -> None:
        next_end = min(call.until for call in self._open.values())
        try:
            call, answer = self._answers.get(timeout=max(0.0, next_end - time.monotonic()))
        except Empty:
            for late in [call for call in self._open.values() if call.until <= time.monotonic()]:
                self._is_dead(late, "late: no answer in time")
            return
        if self._open.get(call.number) is not call:
            return  # too late: another sits there
        if isinstance(answer, Said):
            self._answered(call, answer)
        else:
            self._is_dead(call, str(answer) if isinstance(answer, ModelFailed) else f"{type(answer).__name__}: {answer}", answer)

    def _answered(self, call: _Call, said: Said) -> None:
        del self._open[call.number]
        self._said[call.number].append(said if call.first else self._instead(call.number, said))

    def _instead(self, number: int, said: Said) -> Said:
        first = self._chairs[number].name
        return said._replace(minute=said.minute.model_copy(update={"in_place_of": first}))

    def _is_dead(self, call: _Call, why: str, error: Exception | None = None) -> None:
        now = time.monotonic()
        self._answered(call, Said(self._failed(call.expert, call.seat, why, now - call.began)))
        if call.expert.vetoes:
            return  # what is written for him is counted anyway
        spent = isinstance(error, ModelFailed) and error.kind == "spent"  # then nobody else can be paid either
        if call.first and now < self._end and not spent:
            instead = self._another(self._asked) or call.expert
            until = min(now + _REPLACEMENT_SECONDS, self._end)
            self._begin(_Call(call.number, instead, call.seat + 1, began=now, until=until, first=False))
        else:
            self._said[call.number].append(self._instead(call.number, Said(self._stand_in(self._chairs[call.number]))))
