"""A model's plan in the real engine: carried out, proved, learned, and replayed without a call; and a model that was turned."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Abstain, Answer, Case, Json, Outcome, Proposal, Stage, Status
from orchestrator.policy import may_teach
from orchestrator.store import Reader, Spending
from phases.consultation import Consultation
from phases.models import Models, Reply, Request, child
from phases.quick_fix import QuickFix
from phases.research import Research
from tests.engine.house import House
from tests.models.stub import FAILURES, Asked, Play, Stub
from tests.phases.cases import said

BUDGET = 20
"""Seconds of phase 2: enough for a child to start on a busy host."""
GOOD = b"port = 8080\n"


class Thinking(House):
    """A service whose configuration file is gone, which its probe misses; of all phases only a model has a plan for that."""

    def __init__(self, tmp_path: Path, url: str, ask: Callable[[Request], Reply] = child.ask) -> None:
        self.conf, state_dir = tmp_path / "shop.conf", tmp_path / "state"
        state_dir.mkdir()
        self.settings = Config.model_validate(
            {
                "daemon": {"settle_seconds": 0, "state_dir": str(state_dir)},
                "phases": {"research_seconds": BUDGET},
                "service": [{"name": "shop", "config_files": [str(self.conf)], "probes": [{"file": str(self.conf)}]}],
                "agents": {"backend": "ollama", "model": "llama", "url": url, "embedded": False},
            }
        )
        super().__init__(state_dir, self.settings, {})
        models = Models(self.settings.agents, Spending(self.store.ledger, self.settings.agents), ask=ask)
        keep, past = self.store.add_evidence, Reader(state_dir).similar
        research = Research((), models, self.settings, keep=keep, anomalies=self.store.anomalies, past=past)
        self.engine.reload(self.settings, {1: QuickFix((), self.store.patterns), 2: research, 3: Consultation((), models)})
        self.conf.write_bytes(GOOD)
        found = self.view.files.look(str(self.conf))
        assert found is not None
        self.view.known_good.put(str(self.conf), GOOD, found, time.time())

    def breaks(self) -> int:
        """An incident of its own, and no relapse of the last."""
        self.conf.unlink()
        seen = self.look("probe_failing")
        (number,) = self.store.observe("probe_failing", seen, time.time(), relapse_seconds=0.0).opened
        return number

    def until_over(self, number: int) -> Case:
        deadline = time.monotonic() + 60
        while (case := self.step(number)).incident.status in (Status.OPEN, Status.HEALING):
            assert time.monotonic() < deadline
            self.due()
        return case


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as served:
        yield served


@pytest.fixture
def house(tmp_path: Path, stub: Stub) -> Iterator[Thinking]:
    house = Thinking(tmp_path, stub.url)
    yield house
    house.close()


def _researcher(asked: Asked) -> Play:
    """It reads what the file is like, then chooses to bring it back."""
    opening = json.loads(asked.turns[0])
    if len(asked.turns) == 1:
        return Play(said("look", looks=[name for name in opening["looks"] if name.startswith("file ")]))
    (looked,) = json.loads(asked.turns[-1])["evidence"]
    chosen = [one["id"] for one in opening["candidates"] if one["steps"][0]["kind"] == "restore_config"]
    return Play(said("propose", cause="its configuration file is gone", evidence=[looked["id"]], plan=chosen))


def test_a_model_heals_and_the_same_again_costs_no_call(house: Thinking, stub: Stub) -> None:
    """By its real child over a real network: it looks, proposes, the plan is proved and learned; the next time phase 1 knows it."""
    stub.script = _researcher
    number = house.breaks()
    case = house.until_over(number)
    assert case.incident.status is Status.FIXED
    assert house.conf.read_bytes() == GOOD
    (tried,) = case.tried
    assert (tried.phase, tried.outcome, tried.proposal.origin) == (2, Outcome.HEALED, "model:ollama/llama")
    (cited,) = (item for item in case.evidence if item.id in tried.proposal.evidence_ids)
    assert (cited.source, "does not exist, and a good copy of it is known" in cited.text) == ("look file", True)
    (pattern,) = house.store.patterns()
    assert (pattern.origin, pattern.stage, pattern.wins) == ("model:ollama/llama", Stage.PROBATION, 1)
    (row,) = house.desk.ledger.rows("SELECT * FROM agent_consultations WHERE task_id = ?", (number,))
    assert (row["expert"], row["stance"], row["backend"]) == ("researcher", "propose", "ollama")
    assert len(stub.asked) == 2
    again = house.breaks()
    healed = house.until_over(again)
    assert (again != number, healed.incident.status) == (True, Status.FIXED)
    assert [(attempt.phase, attempt.proposal.origin) for attempt in healed.tried] == [(1, f"pattern:{pattern.id}")]
    assert len(stub.asked) == 2
    assert house.store.patterns()[0].wins == 2


TURNED: dict[str, Json] = {
    "restart ssh": said("propose", cause="ssh", evidence=[1], plan=["restart_unit ssh.service"]),
    "an action in place of an id": said("propose", cause="c", evidence=[1], plan=['{"kind": "stop_unit", "unit": "ssh.service"}']),
    "a path outside": said("propose", cause="c", evidence=[1], plan=["/etc/passwd", "../../../etc/shadow"]),
    "a hundred actions": said("propose", cause="c", evidence=[1], plan=[f"a{n}" for n in range(1, 101)]),
    "what is not on the list": said("propose", cause="c", evidence=[1], plan=["a99", "p1"]),
    "invented evidence": said("propose", cause="c", evidence=[999_999], plan=["a1"]),
    "no evidence": said("propose", cause="c", evidence=[], plan=["a1"]),
    "a look beyond": said("look", looks=["file /etc/shadow", "unit ssh.service"]),
    "HTML and control characters": said("propose", cause="<script>alert(1)</script>\x1b[2J\u202e\x00", evidence=[-1], plan=["<b>a1</b>"]),
    "a megabyte of reasoning": said("nothing", reason="x " * 500_000),
    "commands beside the schema": {**said("nothing", reason="x"), "argv": ["rm", "-rf", "/"]},
    "tool calls": {"tool": "bash", "command": "rm -rf /"},
}


@pytest.mark.parametrize("answer", TURNED.values(), ids=TURNED)
def test_a_model_that_was_turned_does_nothing(tmp_path: Path, answer: Json) -> None:
    """Whatever it says, nothing is changed, and the case goes on to the next phase and to a person."""
    house = Thinking(tmp_path, "http://127.0.0.1:9", ask=lambda request: Reply(answer=answer, model=request.model))
    number = house.breaks()
    case = house.until_over(number)
    changes = house.store.ledger.rows("SELECT * FROM changes")
    (row,) = house.desk.ledger.rows("SELECT * FROM agent_consultations WHERE task_id = ? AND expert = 'researcher'", (number,))
    house.close()
    assert case.incident.status is Status.ESCALATED
    assert (case.tried, changes, house.conf.exists()) == ((), [], False)
    assert row["stance"] in ("failed", "nothing")
    assert len(row["reasoning"]) <= 500
    assert row["reasoning"].isprintable()


@pytest.mark.parametrize("play", [*FAILURES, "400", "401", "429", "500", "529"])
def test_each_failure_at_the_networks_edge_is_an_abstention_within_the_budget(house: Thinking, stub: Stub, play: str) -> None:
    """By the real child: the case goes on to the next phase, nothing was changed, and the minutes say why."""
    stub.script = [Play(said("nothing", reason="x"), play=play, times=0)]
    number = house.breaks()
    house.step(number)
    began = time.monotonic()
    house.due()
    case = house.step(number)
    assert time.monotonic() - began < BUDGET
    assert case.incident.phase == 3
    assert (case.tried, house.conf.exists()) == ((), False)
    (row,) = house.desk.ledger.rows("SELECT stance, reasoning FROM agent_consultations WHERE task_id = ?", (number,))
    assert row["stance"] == "failed"
    assert row["reasoning"].isprintable()
    assert 1 <= len(stub.asked) <= 4


class Ungrounded:
    """A phase whose word rests on nothing that was seen."""

    def propose(self, case: Case, view: View, deadline: float) -> Answer:
        assert view
        assert deadline
        plan = tuple(action for action in case.candidates if action.kind == "restore_config")
        proposal = Proposal(cause="I feel it", evidence_ids=(999_999,), plan=plan, proposer="research", origin="model:ollama/llama")
        return Abstain(reason="it was denied") if case.has_tried(proposal) else proposal


def test_what_rests_on_no_evidence_is_denied_and_never_learned(house: Thinking) -> None:
    """The policy's word, whichever phase forgot to look."""
    number = house.breaks()
    house.engine.reload(house.settings, dict.fromkeys((1, 2, 3), Ungrounded()))
    case = house.until_over(number)
    assert [(attempt.outcome, attempt.verdict.rule) for attempt in case.tried] == [(Outcome.DENIED, "ungrounded")]
    proposal, healed = case.tried[0].proposal, case.evidence[0].id
    assert not may_teach(proposal, case)
    assert may_teach(proposal.model_copy(update={"evidence_ids": (healed,)}), case)
    assert house.store.patterns() == ()
