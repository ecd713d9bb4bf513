"""Many services that break at once, and a model that alone knows what helps: everything real but systemd and the model.

Each service is a file that its probe misses and of which a good copy is known. The engine, the store, the policy, the hands, the
phases, the purse and the children that ask over the loopback are the daemon's own, in the daemon's lanes.
"""

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from orchestrator.config import Config
from orchestrator.daemon.lanes import Lanes
from orchestrator.knowledge import experts
from orchestrator.model import Word, epoch
from orchestrator.store import Reader, Spending
from phases.consultation import Consultation
from phases.models import Gate, Models
from phases.quick_fix import QuickFix
from phases.research import Research
from tests.engine.house import House
from tests.models.stub import Asked, Play, Stub
from tests.phases.cases import said

MODEL = "played"
PRICE = {"model": MODEL, "input": 2.0, "output": 10.0}
GOOD = b"port = 8080\n"


class Round(Word):
    """What became of one time that all broke."""

    incidents: int
    healed: int
    with_person: int
    lost: int
    calls: int
    tokens: int
    dollars: float
    median_seconds: float
    longest_seconds: float
    """From the fault to its end, the waiting for a free call too."""


class Field(House):
    def __init__(self, root: Path, services: int, stub: Stub, **agents: Any) -> None:
        """`agents`: more of `[agents]`."""
        self.files = [root / f"s{n}.conf" for n in range(services)]
        self.stub = stub
        state_dir = root / "state"
        state_dir.mkdir()
        own = {"backend": "ollama", "model": MODEL, "url": stub.url, "embedded": False, "price": [PRICE], **agents}
        config = Config.model_validate(
            {
                "daemon": {"settle_seconds": 0, "state_dir": str(state_dir)},
                "limits": {"changes_per_host_per_hour": 10_000},
                "service": [{"name": f.stem, "config_files": [str(f)], "probes": [{"file": str(f)}]} for f in self.files],
                "agents": own,
            }
        )
        super().__init__(state_dir, config, {})
        self.reader = Reader(state_dir)
        self.purse = Spending(self.store.ledger, config.agents)
        models = Models(config.agents, self.purse, gate=Gate(config.agents.calls))
        keep, past = self.store.add_evidence, self.reader.similar
        research = Research((), models, config, keep=keep, anomalies=self.store.anomalies, past=past)
        consultation = Consultation(experts.load(root / "experts.d"), models, embedded=False, anomalies=self.store.anomalies)
        self.engine.reload(config, {1: QuickFix((), self.store.patterns), 2: research, 3: consultation})
        for file in self.files:
            file.write_bytes(GOOD)
            found = self.view.files.look(str(file))
            assert found is not None
            self.view.known_good.put(str(file), GOOD, found, time.time())

    def break_all(self, seconds: float) -> Round:
        """All at once; returns when each is healed or with a person. Raises TimeoutError."""
        for file in self.files:
            file.unlink(missing_ok=True)
        seen = self.look("probe_failing")
        opened = self.store.observe("probe_failing", seen, time.time(), relapse_seconds=0.0).opened
        self._work(time.monotonic() + seconds)
        return self._told(opened)

    def _work(self, deadline: float) -> None:
        """As the daemon's loop does it."""
        wake, agents = threading.Event(), self.config.agents
        lanes = Lanes(self.config.daemon.workers, wake.set, agents.calls)
        try:
            while self.store.turns(float("inf")):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{len(self.store.turns(float('inf')))} incidents are not decided")
                for case in self.engine.claim_due(time.time(), lanes.has_room):
                    lanes.submit(self.engine.step, case)
                due = self.engine.next_due()
                wake.wait(0.5 if due is None else min(0.5, max(0.02, due - time.time())))
                wake.clear()
        finally:
            lanes.close(5.0)

    def _told(self, opened: Sequence[int]) -> Round:
        numbers = ", ".join(map(str, opened))
        rows = self.reader.sql(f"SELECT * FROM tasks WHERE id IN ({numbers})")  # noqa: S608  # numbers
        cost = self.reader.sql(
            f"""SELECT COUNT(*) AS calls, COALESCE(SUM(tokens_in + tokens_out), 0) AS tokens, COALESCE(SUM(dollars), 0) AS dollars
            FROM model_calls WHERE task_id IN ({numbers})"""  # noqa: S608  # numbers
        )[0]
        took = [epoch(row["resolved_at"]) - epoch(row["opened_at"]) for row in rows if row["resolved_at"]]
        states = [row["status"] for row in rows]
        healed, person = states.count("fixed"), states.count("escalated")
        return Round(
            incidents=len(self.files),
            healed=healed,
            with_person=person,
            lost=len(self.files) - healed - person,
            median_seconds=median(took) if took else 0.0,
            longest_seconds=max(took, default=0.0),
            **cost,
        )

    @property
    def spent(self) -> float:
        """Dollars of all calls."""
        return float(self.reader.sql("SELECT COALESCE(SUM(dollars), 0) AS n FROM model_calls")[0]["n"])


def thinking(seconds: float) -> Any:
    """A model that looks at the file, thinks for so long each time, and chooses to bring it back."""

    def answer(asked: Asked) -> Play:
        opening = json.loads(asked.turns[0])
        if "looks" not in opening:
            return Play(play="refusal", seconds=seconds)  # an expert of phase 3
        if len(asked.turns) == 1:
            return Play(said("look", looks=[name for name in opening["looks"] if name.startswith("file ")]), seconds=seconds)
        (looked,) = json.loads(asked.turns[-1])["evidence"]
        chosen = [one["id"] for one in opening["candidates"] if one["steps"][0]["kind"] == "restore_config"]
        return Play(said("propose", cause="its file is gone", evidence=[looked["id"]], plan=chosen), seconds=seconds)

    return answer
