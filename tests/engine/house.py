"""The engine with everything real, on a host where no systemd is needed."""

import time
from collections.abc import Mapping
from pathlib import Path

from escalation import Desk
from orchestrator.checks import all_checks
from orchestrator.config import Config, Mail
from orchestrator.engine import Engine, Thinker
from orchestrator.engine.clicks import Clicks
from orchestrator.hands.hands import Hands
from orchestrator.host import View
from orchestrator.host.machine import Machine
from orchestrator.model import Case, Fault, utc
from orchestrator.store import Inbox, Observed, Store


class House:
    def __init__(self, state_dir: Path, config: Config, phases: Mapping[int, Thinker]) -> None:
        self.config = config
        self.store = Store(state_dir)
        self.desk = Desk(state_dir, Mail.model_validate({"enabled": False}), "web1")
        self.view = View(config.hands_dir)
        self.hands = Hands(config, config.hands_dir / "record", Machine(self.view, config.hands_dir / "quarantine"), self.view)
        self.engine = Engine(config, self.view, self.store, self.desk, self.hands, phases)
        self.clicks = Clicks(self.store, self.desk, config, self.hands)
        self.inbox = Inbox(state_dir)

    def look(self, check: str) -> tuple[Fault, ...]:
        seen = all_checks()[check].ask(self.view, self.config)
        assert isinstance(seen, tuple), seen
        return seen

    def observe(self, check: str) -> Observed:
        return self.store.observe(check, self.look(check), time.time())

    def step(self, number: int) -> Case:
        """What is due now takes its step."""
        for case in self.engine.claim_due(time.time(), lambda _case: True):
            self.engine.step(case)
        found = self.store.case(number)
        assert found is not None
        return found

    def due(self) -> None:
        """The time at which a case that waits looks again is past."""
        self.store.ledger.run("UPDATE tasks SET next_at = ? WHERE next_at IS NOT NULL", (utc(0),))

    def close(self) -> None:
        self.inbox.close()
        self.view.close()
        self.desk.close()
        self.store.shut()
