"""The looks that a case allows, by name, and one round of them: each ends within seconds, and what cannot be read is told as that."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress

from orchestrator.config import Config
from orchestrator.host import Unavailable, View
from orchestrator.knowledge.evidence import MAX_TEXT
from orchestrator.knowledge.retelling import is_name
from orchestrator.model import Case, Evidence
from orchestrator.store import StoreFailed
from phases.looks import Look, Past
from phases.looks.files import ChangesLook, DiskLook, FileLook
from phases.looks.past import SimilarLook
from phases.looks.units import JournalLook, ProcessLook, SocketLook, UnitLook

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
_KINDS: tuple[type[Look], ...] = (UnitLook, JournalLook, FileLook, ProcessLook, SocketLook, DiskLook, ChangesLook, SimilarLook)


def looks_of(case: Case, view: View, config: Config) -> Mapping[str, Look]:
    """All that may be asked for, by name. One whose targets cannot be told now offers nothing."""
    offered: dict[str, Look] = {}
    for kind in _KINDS:
        with suppress(Unavailable):
            offered |= {look.name: look for look in kind.of(case, view, config) if is_name(look.target)}
    return offered


def take(looks: Sequence[Look], case: Case, view: View, config: Config, past: Past) -> tuple[Evidence, ...]:
    """What each of them sees, all at once, in their order."""
    seeing = [(look, _begin(look, case, view, config, past)) for look in looks]
    until = time.monotonic() + LOOK_SECONDS
    return tuple(Evidence(source=f"look {look.what}", text=_seen(look, seen, until), at=view.now()) for look, seen in seeing)


def _begin(look: Look, case: Case, view: View, config: Config, past: Past) -> "Future[str]":
    """In a thread of its own that nobody waits for at the end: a pool would keep the daemon from stopping while one hangs."""
    seen: Future[str] = Future()

    def see() -> None:
        try:
            seen.set_result(look.see(case, view, config, past))
        except BaseException as trouble:  # noqa: BLE001  # whoever waits is told
            seen.set_exception(trouble)

    threading.Thread(target=see, name=f"look-{look.what}", daemon=True).start()
    return seen


def _seen(look: Look, seen: "Future[str]", until: float) -> str:
    try:
        text = seen.result(timeout=max(0.0, until - time.monotonic()))
    except TimeoutError:
        text = f"could not be read: it took longer than {LOOK_SECONDS:g} s"
    except (Unavailable, StoreFailed) as trouble:
        text = f"could not be read: {trouble}"
    except Exception:
        log.exception("the look %r: our own trouble", look.name)
        text = "could not be read: our own trouble"
    return f"{look.name}\n{text}"[:MAX_TEXT]
