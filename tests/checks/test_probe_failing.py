"""A declared service that fails its users."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.checks import all_checks
from orchestrator.checks.probe_failing import OPENING_SECONDS, STARTING_SECONDS, opening_until
from orchestrator.config import Config, Service
from orchestrator.host import Unavailable, Unit, View
from orchestrator.model import Blind, hides

SHOP = Service.model_validate({"name": "shop", "unit": "shop.service"})
YOUNG = Unit(
    name="shop.service",
    active_state="active",
    main_pid=7,
    control_group="/shop",
    active_enter_at=1000.0,
    timeout_start=OPENING_SECONDS,
    cpu_seconds=200.0,
)


def _view(seconds: float = STARTING_SECONDS + 20, *, answered: float = 0.0, serves: bool | None = False, restarts: int = 0) -> Any:
    """A host on which it was started so many seconds ago. `serves` None: nobody tells."""

    def serving(pid: int) -> bool:
        assert pid == YOUNG.main_pid
        if serves is None:
            raise Unavailable("nobody tells")
        return serves

    return SimpleNamespace(
        answered={"shop.service": answered},
        now=lambda: YOUNG.active_enter_at + seconds,
        processes=SimpleNamespace(pids_in=lambda _group: (YOUNG.main_pid,)),
        sockets=SimpleNamespace(serves=serving),
        units=SimpleNamespace(restarts=lambda _name, _within: restarts),
    )


def test_an_answer_proves_what_ran_when_it_was_asked_for(tmp_path: Path) -> None:
    """What is started while the answer is on its way was not proved by it, and must not be remembered as good for its sake."""
    stamp = tmp_path / "asked"
    slow = ["/bin/sh", "-c", f"touch {stamp}; sleep 0.5"]
    config = Config.model_validate({"service": [{"name": "shop", "probes": [{"command": slow}]}]})
    view = View(tmp_path)
    try:
        assert all_checks()["probe_failing"].ask(view, config) == ()
        assert 0 < view.answered["shop"] < stamp.stat().st_mtime + 0.2  # the kernel's stamps lag behind by a tick
    finally:
        view.close()


def test_a_run_that_has_opened_no_door_yet_is_starting() -> None:
    """A program that warms up for 40 s is restarted by nobody: it would never come up."""
    assert opening_until(_view(), SHOP, YOUNG) == YOUNG.active_enter_at + OPENING_SECONDS
    assert opening_until(_view(), SHOP, replace(YOUNG, cpu_seconds=0.5)) == YOUNG.active_enter_at + 45  # it sleeps, which proves less
    assert opening_until(_view(), SHOP, replace(YOUNG, timeout_start=30.0)) == 0.0  # its unit allows a start less than that


def test_a_run_that_closed_its_doors_for_a_reload_is_starting() -> None:
    """It answered before, and reads its rules anew."""
    reloaded = replace(YOUNG, reloaded_at=YOUNG.active_enter_at + 500)
    assert opening_until(_view(530, answered=YOUNG.active_enter_at + 490), SHOP, reloaded) == reloaded.reloaded_at + OPENING_SECONDS


def _no_starts() -> Iterator[tuple[str, Any, Unit]]:
    yield "listens elsewhere", _view(serves=True), YOUNG
    yield "nobody tells", _view(serves=None), YOUNG
    yield "has answered", _view(answered=YOUNG.active_enter_at + 1), YOUNG
    yield "too old", _view(OPENING_SECONDS + 1), YOUNG
    yield "falls again and again", _view(restarts=2), YOUNG
    yield "idle for long", _view(50), replace(YOUNG, cpu_seconds=0.5)
    yield "waits for its restart", _view(), replace(YOUNG, active_state="activating")


@pytest.mark.parametrize(("view", "unit"), [one[1:] for one in _no_starts()], ids=[one[0] for one in _no_starts()])
def test_what_is_no_start_is_a_fault_at_once(view: Any, unit: Unit) -> None:
    """Open doors that answer nobody, a run that served before, or a loop: waiting would be an outage."""
    assert opening_until(view, SHOP, unit) == 0.0


def test_one_probe_that_cannot_be_asked_hides_no_other_service(tmp_path: Path) -> None:
    """The program of one was uninstalled: that is told, and what is wrong elsewhere is healed all the same."""
    gone, fails = [str(tmp_path / "pg_isready")], ["/bin/false"]
    services = [{"name": "books", "probes": [{"command": gone}]}, {"name": "shop", "probes": [{"command": fails}]}]
    view = View(tmp_path)
    try:
        seen = all_checks()["probe_failing"].ask(view, Config.model_validate({"service": services}))
    finally:
        view.close()
    assert isinstance(seen, Blind)
    assert "pg_isready" in seen.reason
    assert [fault.target for fault in seen.seen] == ["shop"]
    assert [hides(seen, target) for target in ("books", "shop", "mill")] == [True, False, False]


@pytest.mark.parametrize(("said", "cannot_run"), [("no-such-tool --ask", "yes"), ("exit 1", None), ("/etc/passwd", "yes")])
def test_a_probe_that_cannot_run_says_so(tmp_path: Path, said: str, cannot_run: str | None) -> None:
    """The shell's 126 and 127 are about the script."""
    config = Config.model_validate({"service": [{"name": "shop", "probes": [{"command": ["/bin/sh", "-c", said]}]}]})
    view = View(tmp_path)
    try:
        seen = all_checks()["probe_failing"].ask(view, config)
    finally:
        view.close()
    assert isinstance(seen, tuple)
    assert [fault.facts.get("cannot_run") for fault in seen] == [cannot_run]
