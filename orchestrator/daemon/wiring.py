"""The daemon's two ends of the host: the View that looks, and the hands that act, in this process or in one of their own."""

import logging
from collections.abc import Callable
from pathlib import Path

from orchestrator.config import Config
from orchestrator.hands.client import RemoteHands
from orchestrator.hands.hands import Hands
from orchestrator.hands.moving import move_in
from orchestrator.hands.place import Place
from orchestrator.hands.seam import AnyHands, heard
from orchestrator.host import Unavailable, View
from orchestrator.host.machine import Machine
from orchestrator.model import Mode
from orchestrator.store import Reader, StoreFailed
from orchestrator.store.comparing import brain_of, compared, done_of

log = logging.getLogger(__name__)

_AUDITED = 5000


class Wiring:
    """`[hands] socket` says which. Who only watches (`--dry-run`) has hands of its own that refuse everything."""

    def __init__(self, config: Config, make_room: Callable[[], bool], *, dry_run: bool = False) -> None:
        """Raises Unavailable where other hands are at work in the same place."""
        remote = RemoteHands(Path(config.hands.socket)) if config.hands.socket else None
        self._place = Place(config.hands_dir)
        if not remote and not dry_run:
            self._place.take()
            move_in(Path(config.daemon.state_dir), config.hands_dir)
        self._compared = False
        self.view = View.of(config, remote)
        self.local: Hands | None = None
        """The hands that are this process: they hear from it what a person allowed. Others have heard it from the person."""
        self.hands: AnyHands
        if remote and not dry_run:
            self.hands = remote
            return
        machine = Machine(self.view, config.hands_dir / "quarantine")
        self.hands = self.local = Hands(config, config.hands_dir / "record", machine, self.view, make_room)

    def reload(self, config: Config) -> None:
        """Hands of their own read it themselves."""
        if self.local:
            self.local.reload(config)

    def compare_once(self, reader: Reader, now: float) -> None:
        """Tell what the hands' record and the audit do not tell alike, as soon as both are there."""
        if self._compared:
            return
        try:
            account = heard(self.hands.account(0))
            audit = [row for row in reader.audit(_AUDITED) if isinstance(row["detail"], dict)]
        except (Unavailable, StoreFailed) as reason:
            log.debug("the hands' record was not compared with the audit yet: %s", reason)
            return
        self._compared = True
        for line in filter(None, (account["trouble"], *compared(brain_of(audit), done_of(account["changes"]), now))):
            log.warning("the hands' record and the audit do not tell the same: %s", line)

    def close(self) -> None:
        self.view.close()
        self._place.leave()


def watching_only(config: Config) -> Config:
    """`--dry-run`: suggest, for every service."""
    services = tuple(service.model_copy(update={"mode": None}) for service in config.service)
    return config.model_copy(update={"daemon": config.daemon.model_copy(update={"mode": Mode.SUGGEST}), "service": services})
