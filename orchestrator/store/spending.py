"""The purse: what the models cost, a row a call, written before it with what it may cost at most.

What is put aside counts as spent until the call has ended, and for ever if its process died: the budgets hold whatever runs at
once, over restarts and kill -9. A limit of 0 allows nothing that costs: no dollars leave a model at home free, no tokens none.
"""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from orchestrator.config import Agents
from orchestrator.model import Cost, Json, utc
from orchestrator.store.ledger import Keeper, Ledger, looking, transaction
from orchestrator.store.life import exists
from orchestrator.store.migrations import tasks
from orchestrator.store.people import RUN
from orchestrator.store.words import Spent, StoreFailed

log = logging.getLogger(__name__)

_LONGEST_SECONDS = 3600.0
"""No call takes so long: one that is still under way then is a dead process's, whoever has its number now."""

_SPENT = """SELECT COUNT(*) AS calls, COALESCE(SUM(dollars), 0) AS dollars, COALESCE(SUM(tokens_in + tokens_out), 0) AS tokens,
COALESCE(SUM(dollars) FILTER (WHERE outcome = ''), 0) AS dollars_aside,
COALESCE(SUM(tokens_in + tokens_out) FILTER (WHERE outcome = ''), 0) AS tokens_aside FROM model_calls"""
_OF_DAY = f"{_SPENT} WHERE began_at >= :day AND began_at < :day || '~'"
_OF_INCIDENT = f"{_SPENT} WHERE task_id = :task"
_REFUSED = """INSERT INTO spent_days VALUES (:day, :at, :at, 1, :reason)
ON CONFLICT (day) DO UPDATE SET last_at = :at, refused = refused + 1"""


class Spending(Keeper):
    """Safe to use from any thread, and from several processes at once."""

    def __init__(self, ledger: Ledger, agents: Agents, clock: Callable[[], float] = time.time) -> None:
        self.ledger = ledger
        self.agents = agents
        """Their limits hold from the next call on."""
        self._clock = clock

    @classmethod
    def beside(cls, state_dir: Path, agents: Agents) -> Self:
        """For a process beside the daemon; never migrates. Close it after use. Raises StoreUnusable."""
        return cls(Ledger(state_dir / "tasks.db", tasks, migrate=False), agents)

    def reserve(self, most: Cost) -> int:
        """The number of a call that may begin, with what it may cost at most put aside. Raises Spent, StoreFailed."""
        answer = self._reserve(most, self._clock())
        if isinstance(answer, Spent):  # raised out here, since what the refusal wrote would be taken back with it
            raise answer
        return answer

    def settle(self, call: int, was: Cost) -> None:
        """What it really cost takes the place of what was put aside; where that cannot be written, the latter stays."""
        try:
            self._settle(call, was)
        except StoreFailed as trouble:
            log.warning("call %d of a model counts with what was put aside for it: %s", call, trouble)

    @looking
    def spent_today(self) -> Json | None:
        """That a call was refused because the day's budget is spent, since when and why, and what it went for; None while none was."""
        today = {"day": utc(self._clock())[:10]}
        refused = self.ledger.row("SELECT * FROM spent_days WHERE day = :day", today)
        return {**refused, **self.ledger.rows(_OF_DAY, today)[0]} if refused else None

    @transaction
    def settle_dead(self) -> int:
        """What nobody will end any more has cost what was put aside for it; returns how many there were."""
        now = self._clock()
        under_way = self.ledger.rows("SELECT id, run, began_at FROM model_calls WHERE ended_at IS NULL")
        dead = [row["id"] for row in under_way if row["began_at"] < utc(now - _LONGEST_SECONDS) or not _lives(row["run"])]
        for call in dead:
            self.ledger.update("model_calls", call, {"ended_at": utc(now), "outcome": "lost"})
        return len(dead)

    @transaction
    def _reserve(self, most: Cost, now: float) -> int | Spent:
        if (refused := self._refusal(most, now)) is not None:
            return refused
        kind = self.ledger.row("SELECT fingerprint FROM tasks WHERE id = ?", (most.incident,)) or {"fingerprint": ""}
        asked = most.model_dump(include={"phase", "expert", "backend", "model", "tokens_in", "tokens_out", "dollars"})
        of = {"task_id": most.incident or None, "signature": kind["fingerprint"], "began_at": utc(now), "run": RUN}
        return self.ledger.insert("model_calls", {**asked, **of})

    def _refusal(self, most: Cost, now: float) -> Spent | None:
        """Which budget has not enough left for it; None when all have."""
        limits, day = self.agents, utc(now)[:10]
        if (most.dollars and not limits.day_dollars) or not limits.day_tokens:
            return Spent("the configuration allows none: [agents] day_dollars or day_tokens is 0")
        if most.incident:
            of_incident = self.ledger.rows(_OF_INCIDENT, {"task": most.incident})[0]
            if spent := _lacks("incident", of_incident, most, limits.incident_dollars, limits.incident_tokens):
                return spent
        of_day = self.ledger.rows(_OF_DAY, {"day": day})[0]
        spent = _lacks("day", of_day, most, limits.day_dollars, limits.day_tokens)
        if spent and not spent.for_now:
            self.ledger.run(_REFUSED, {"day": day, "at": utc(now), "reason": str(spent)})
        return spent

    @transaction
    def _settle(self, call: int, was: Cost) -> None:
        spent = was.model_dump(include={"tokens_in", "tokens_cached", "tokens_out", "dollars", "seconds"})
        ended = {**spent, "outcome": was.outcome or "answered", "ended_at": utc(self._clock())}
        if self.ledger.row("SELECT 1 FROM model_calls WHERE id = ? AND ended_at IS NULL", (call,)):
            self.ledger.update("model_calls", call, ended)


def _lacks(whose: str, spent: Json, most: Cost, dollars: float, tokens: int) -> Spent | None:
    """What of `most` does not fit beside what is `spent`; None when all does."""
    asked = most.tokens_in + most.tokens_out
    if most.dollars and spent["dollars"] + most.dollars > dollars:  # what has no price is held by its tokens alone
        gone = f"{spent['dollars']:.2f} of {dollars:.2f} dollars are gone, and this call may cost {most.dollars:.2f}"
        for_now = spent["dollars"] - spent["dollars_aside"] + most.dollars <= dollars
    elif spent["tokens"] + asked > tokens:
        gone = f"{spent['tokens']} of {tokens} tokens are gone, and this call may take {asked}"
        for_now = spent["tokens"] - spent["tokens_aside"] + asked <= tokens
    else:
        return None
    return Spent(f"the {whose}'s budget is spent: {gone}", for_now=for_now)


def _lives(run: str) -> bool:
    """Whether the process is there; another one of this very number is not."""
    pid = int(run.partition("-")[0])
    return run == RUN if pid == os.getpid() else exists(pid)
