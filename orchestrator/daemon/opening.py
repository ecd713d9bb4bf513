"""Both databases, opened; a damaged one is replaced by the newest good copy of it first, and that is told."""

import logging
import socket
import time
from pathlib import Path

from escalation import Desk
from orchestrator.config import Config
from orchestrator.model import epoch
from orchestrator.store import Store, StoreDamaged, recovering
from orchestrator.store.files import Lock, make_directory

log = logging.getLogger(__name__)

_TOLD_SECONDS = 30 * 86_400.0
"""Later nobody is told of a damage any more, though what is left of it lies there still."""


def opened(config: Config) -> tuple[Store, Desk]:
    """Locked by this daemon. Raises StoreUnusable."""
    state_dir = Path(config.daemon.state_dir)
    make_directory(state_dir)
    _mend_before(state_dir)
    try:
        store = Store(state_dir)
    except StoreDamaged as damaged:
        _put_back_alone(damaged)
        store = Store(state_dir)
    store.lock()
    try:
        desk = _desk(config)
    except StoreDamaged as damaged:
        recovering.put_back(damaged, time.time())
        desk = _desk(config)
    _tell(store, desk.configure(config))
    return store, desk


def _mend_before(state_dir: Path) -> None:
    """What a death cut short, and what was met while the last daemon ran."""
    with Lock(state_dir).held():
        recovering.take_up(state_dir)
        for damaged in recovering.look_into_suspects(state_dir):
            recovering.put_back(damaged, time.time())


def _put_back_alone(damaged: StoreDamaged) -> None:
    with Lock(damaged.path.parent).held():
        recovering.put_back(damaged, time.time())


def _desk(config: Config) -> Desk:
    return Desk(Path(config.daemon.state_dir), config.mail, socket.gethostname())


def _tell(store: Store, desk: Desk) -> None:
    """In the audit, in the journal and by mail, once each: a death before it leaves it to the next start."""
    for back in recovering.put_back_so_far(Path(store.ledger.path.parent)):
        if time.time() - epoch(back.lost_to) > _TOLD_SECONDS:
            continue
        if store.note_put_back(back):
            log.error(
                "%s; what was written between %s and %s is lost; it is kept as %s", back.why, back.lost_from, back.lost_to, back.kept_as
            )
        desk.tell_put_back(back, time.time())
