"""The runbooks about who is in whose way, each with the look-alikes that it must leave alone."""

import pytest

from orchestrator import actions
from orchestrator.knowledge import runbooks
from orchestrator.model import Case, Evidence, Fault, Incident, Json, Scope

PLAIN: tuple[Json, ...] = (
    {"kind": "start_unit", "unit": "shop.service"},
    {"kind": "stop_process", "unit": "shop.service", "pid": 42, "started_at": 1.5, "exe": "/usr/bin/nc", "holder": "nc.service"},
    {"kind": "restore_config", "service": "shop", "path": "/etc/shop.conf", "good_digest": "a" * 64, "bad_digest": ""},
    {"kind": "restore_config", "service": "depot", "path": "/etc/depot.conf", "good_digest": "a" * 64, "bad_digest": ""},
    {"kind": "restart_unit", "unit": "shop.service"},
    {"kind": "restart_unit", "unit": "depot.service"},
    {"kind": "reopen_logins", "inode": 7, "device": 1},
    {"kind": "quarantine_file", "service": "shop.service", "path": "/run/shop.lock", "inode": 5, "device": 1},
)
OFFERED = tuple(map(actions.parse, PLAIN))
BOOKS = [book for book in runbooks.load() if book.source == "15-dependencies.toml"]
LOCKED = {"rival.lock": "nc holds the lock on /run/shop.lock", "log.stale_lock": "already running", "can.stop_process": "*"}
RUN = {"rival.run": "python3 is a run of /usr/bin/shop", "can.stop_process": "*"}
CHANGED = {"unit.exit": "timeout", "config.changed_recently": "/etc/shop.conf", "can.restore_config": "*"}
DOOR = {"below.door_gone": "depot.service", "below.socket": "/run/depot.sock", "can.restart_unit": "*"}
BELOW = {"below.changed": "/etc/depot.conf", "below.changed_unit": "depot.service", "can.restore_config": "*", "can.restart_unit": "*"}


def plan(facts: dict[str, str], check: str, phase: int) -> list[str]:
    """What the runbooks of this file would do: kinds and whose."""
    fault = Fault(check=check, target="shop.service", reason="TimedOut", message="m")
    scope = Scope(
        target="shop.service", below=("depot.service",), paths=("/etc/shop.conf", "/etc/depot.conf", "/run/nologin", "/run/shop.lock")
    )
    seen = Evidence(id=1, source="all", text="", facts={"unit.up": "" if check == "unit_failed" else "yes", **facts})
    case = Case(incident=Incident(id=1, fault=fault, detected_at=0.0), scope=scope, evidence=(seen,), candidates=OFFERED)
    proposal = next(runbooks.proposals(BOOKS, case, case.candidates, phase=phase, proposer="test"), None)
    return [f"{action.kind} {action.targets()[0]}" for action in proposal.plan] if proposal else []


@pytest.mark.parametrize(
    ("check", "phase", "facts", "wanted"),
    [
        ("unit_failed", 1, LOCKED, ["stop_process shop.service", "start_unit shop.service"]),
        ("unit_failed", 1, RUN | {"log.stale_lock": "another shop runs"}, ["stop_process shop.service", "start_unit shop.service"]),
        ("unit_failed", 1, RUN | {"log.address_in_use": "EADDRINUSE"}, ["stop_process shop.service", "start_unit shop.service"]),
        (
            "unit_failed",
            2,
            CHANGED | {"can.quarantine_file": "*"},
            ["quarantine_file /run/shop.lock", "restore_config /etc/shop.conf", "start_unit shop.service"],
        ),
        ("probe_failing", 1, DOOR, ["restart_unit depot.service"]),
        ("probe_failing", 2, BELOW, ["restore_config /etc/depot.conf", "restart_unit depot.service"]),
    ],
    ids=[
        "a lock",
        "a run by hand",
        "a run by hand on its port",
        "a change and a stale file",
        "a removed socket file below",
        "a change below",
    ],
)
def test_each_has_its_plan(check: str, phase: int, facts: dict[str, str], wanted: list[str]) -> None:
    """And touches what is in the way, not who suffers from it."""
    assert plan(facts, check, phase) == wanted


@pytest.mark.parametrize(
    ("check", "phase", "facts"),
    [
        ("unit_failed", 1, LOCKED | {"log.stale_lock": ""}),
        ("unit_failed", 1, LOCKED | {"rival.lock": ""}),
        ("unit_failed", 1, RUN),
        ("probe_failing", 2, BELOW | {"config.changed_recently": "/etc/shop.conf"}),
        ("probe_failing", 1, {"logins.closed": "/run/nologin", "logins.shutdown": "a shut-down is scheduled", "can.reopen_logins": "*"}),
    ],
    ids=[
        "a backup locks a file of it",
        "a log that says so",
        "its program runs elsewhere, and that is all",
        "its own change is nearer",
        "the host is about to go down",
    ],
)
def test_a_look_alike_is_left_alone(check: str, phase: int, facts: dict[str, str]) -> None:
    """One sign is not enough."""
    assert plan(facts, check, phase) == []


@pytest.mark.parametrize("other", ["port.foreign", "disk.full", "below.down", "below.stopped", "setup.obstacle"])
def test_an_innocent_edit_is_kept_where_something_else_explains_the_fault(other: str) -> None:
    """A file that was changed just before is suspected only when nothing else on the host explains why it does not start."""
    assert plan(CHANGED, "unit_failed", 2)[:1] == ["restore_config /etc/shop.conf"]
    assert plan(CHANGED | {other: "something"}, "unit_failed", 2) == []
