"""What the hands let pass: each rule by itself, over plain words."""

from typing import Any

import pytest

from orchestrator.actions import parse
from orchestrator.config import Config
from orchestrator.model import Action, Json
from orchestrator.permits import UNDO_SECONDS, Asked, Performed, Reach, Reached, permits, permits_undo

SHOP = {"service": [{"name": "shop", "unit": "shop.service"}]}
NOW = 1_000_000.0
RESTART: Json = {"kind": "restart_unit", "unit": "shop.service"}
OURS = Reached(name="shop.service", names=("shop.service",), belongs="declared", ran_before=True)
KNOWN = Reached(name="other.service", names=("other.service",), ran_before=True)
OTHER: Json = {"kind": "start_unit", "unit": "other.service"}


def performed(number: int, at: float = NOW, op: str = "perform", **more: Any) -> Performed:
    return Performed.model_validate({"change_id": number, "op": op, "at": at, "kind": "restart_unit", "targets": ("shop.service",), **more})


def asked(data: Json, config: Json = SHOP, unit: Reached | None = OURS, **more: Any) -> Asked:
    reach = more.pop("reach", Reach(units=(unit,) if unit else (), falls=more.pop("falls", ())))
    known: dict[str, Any] = {"recent": (), "now": NOW, "reach": reach, **more}
    return Asked(action=parse(data), config=Config.model_validate(config), **known)


def answer(data: Json, config: Json = SHOP, unit: Reached | None = OURS, **more: Any) -> str:
    return permits(asked(data, config, unit, **more)).answer


def test_the_hands_count_for_themselves() -> None:
    """A brain in a loop is stopped by the hands' own budget; what is older than an hour, and undoing, does not count."""
    full = [performed(n) for n in range(6)]
    assert permits(asked(RESTART, recent=full)).rule == "hands-budget"
    assert answer(RESTART, recent=full, now=NOW + 3601) == "allow"
    assert answer(RESTART, recent=[performed(n, op="undo") for n in range(60)]) == "allow"


def test_what_belongs_to_a_repair_is_beyond_the_budget() -> None:
    """And what does not counts: sixty of anything in an hour are enough."""
    full = [performed(n, targets=(f"x{n}.service",)) for n in range(60)]
    assert (answer(RESTART, recent=full), answer(RESTART, recent=full, follows=True)) == ("deny", "allow")


# ---- a person's word ----

HIGH: Json = {"kind": "end_job", "unit": "shop.service", "invocation": "0" * 32}


def test_high_risk_needs_an_approval() -> None:
    """Of exactly this action, heard of by the hands: whatever the brain says of it."""
    assert (answer(HIGH), answer(HIGH, approved=True)) == ("ask", "allow")


def test_an_approval_opens_no_door_of_the_configuration() -> None:
    """What is protected stays so, and the mode observe too; a person who means it types it."""
    protected = {**SHOP, "protect": {"units": ["shop.service"]}}
    assert answer(HIGH, protected, approved=True) == "deny"
    assert answer(HIGH, {"service": [{**SHOP["service"][0], "mode": "observe"}]}, approved=True) == "deny"


@pytest.mark.parametrize("config", [{"daemon": {"mode": "approve"}, **SHOP}, {"service": [{**SHOP["service"][0], "mode": "approve"}]}])
def test_the_mode_approve_is_kept_by_the_hands_too(config: Json) -> None:
    """Of the host or of the service; what brings back what went down with an approved plan belongs to that plan."""
    assert (answer(RESTART, config), answer(RESTART, config, approved=True), answer(RESTART, config, follows=True)) == (
        "ask",
        "allow",
        "allow",
    )


def test_a_service_may_be_freer_than_its_host() -> None:
    """Its own mode counts for what is done to it and to its files."""
    config = {"daemon": {"mode": "approve"}, "service": [{**SHOP["service"][0], "mode": "auto"}]}
    assert answer(RESTART, config) == "allow"


def test_a_stop_that_takes_others_down_needs_an_approval() -> None:
    """By what systemd itself says of them; the unit's own names are no others."""
    stop = {"kind": "stop_unit", "unit": "shop.service"}
    assert answer(stop, falls=("shop.service",)) == "allow"
    assert (answer(stop, falls=("shop.service", "till.service")), answer(stop, falls=("till.service",), approved=True)) == ("ask", "allow")


# ---- whose unit it is ----


def test_an_undeclared_unit_that_ran_is_brought_up_once_an_hour() -> None:
    """By start or restart, whatever the kind of the first one was."""
    before = performed(1, NOW - 60, targets=("other.service",))
    assert (answer(OTHER, unit=KNOWN), answer(OTHER, unit=KNOWN, recent=[before])) == ("allow", "ask")
    assert answer(OTHER, unit=KNOWN, recent=[before], now=NOW + 3600) == "allow"


def test_what_was_taken_back_was_not_brought_up() -> None:
    """A start that did not help and was undone leaves the repair of its root one to come."""
    tried = [performed(1, NOW - 50, op=op, targets=("other.service",)) for op in ("undone", "undo", "perform")]
    assert answer(OTHER, unit=KNOWN, recent=tried) == "allow"
    assert answer(OTHER, unit=KNOWN, recent=tried[1:]) == "ask"


@pytest.mark.parametrize(
    "unit",
    [
        KNOWN.model_copy(update={"ran_before": False}),
        KNOWN.model_copy(update={"unasked": "a oneshot"}),
        KNOWN.model_copy(update={"unasked": "stopped by a person"}),
    ],
)
def test_an_undeclared_unit_that_never_ran_or_was_stopped_stays_down(unit: Reached) -> None:
    """Unless a person says so."""
    assert (answer(OTHER, unit=unit), answer(OTHER, unit=unit, approved=True)) == ("ask", "allow")


@pytest.mark.parametrize("kind", ["stop_unit", "reload_unit"])
def test_more_than_a_start_of_an_undeclared_unit_needs_an_approval(kind: str) -> None:
    """Of what a declared one needs, too."""
    for belongs in ("stranger", "near"):
        assert answer({"kind": kind, "unit": "other.service"}, unit=KNOWN.model_copy(update={"belongs": belongs})) == "ask"


def test_what_a_declared_unit_needs_comes_up_as_often_as_it_must() -> None:
    """A mount that was never seen, and goes away twice within the hour."""
    near = Reached(name="srv.mount", belongs="near")
    twice = [performed(n, kind="start_unit", targets=("srv.mount",)) for n in range(2)]
    assert answer({"kind": "start_unit", "unit": "srv.mount"}, unit=near, recent=twice) == "allow"


@pytest.mark.parametrize("name", ["poweroff.target", "basic.target", "user-1000.slice", "session-3.scope", "dev-sda.device"])
@pytest.mark.parametrize("kind", ["start_unit", "restart_unit", "stop_unit"])
def test_half_a_host_is_no_unit_to_heal(name: str, kind: str) -> None:
    """Not even with a person's word, unless it is declared."""
    unit = Reached(name=name, ran_before=True)
    assert answer({"kind": kind, "unit": name}, unit=unit, approved=True) == "deny"
    assert answer({"kind": kind, "unit": name}, unit=unit.model_copy(update={"belongs": "declared"})) == "allow"


def test_a_swap_is_started_and_nothing_else() -> None:
    """An entry of fstab comes back; nobody takes memory away."""
    swap = Reached(name="dev-sdb.swap", ran_before=True)
    assert answer({"kind": "start_unit", "unit": swap.name}, unit=swap) == "allow"
    assert answer({"kind": "restart_unit", "unit": swap.name}, unit=swap) == "ask"


def test_an_undeclared_container_is_brought_back_once_an_hour() -> None:
    """As an undeclared unit is."""
    start = {"kind": "restart_container", "container": "x", "id": "a" * 64, "engine": "/run/docker.sock", "target": "container/x"}
    again = performed(1, kind="start_container", targets=("container/x",))
    assert (answer(start, unit=None), answer(start, unit=None, recent=[again])) == ("allow", "ask")


# ---- what goes down with it ----


@pytest.mark.parametrize("fallen", ["ssh.service", "systemd-journald.service", "payments.service"])
def test_what_would_take_a_protected_unit_down_is_never_done(fallen: str) -> None:
    """The built-in ones and the operator's; no approval opens that."""
    config = {**SHOP, "protect": {"units": ["payments.service"]}}
    assert answer(RESTART, config, falls=("shop.service", fallen), approved=True) == "deny"


def test_what_cannot_be_followed_to_its_end_is_not_done() -> None:
    """So much hangs on it that nobody looked at all of it."""
    assert answer(RESTART, reach=Reach(units=(OURS,), endless=True), approved=True) == "deny"


def test_an_alias_of_a_protected_unit_is_protected() -> None:
    """Under whatever name it is called."""
    alias = Reached(name="db.service", names=("db.service", "dbus.service"), belongs="stranger", ran_before=True)
    assert answer({"kind": "restart_unit", "unit": "db.service"}, unit=alias, approved=True) == "deny"


# ---- taking back ----


@pytest.mark.parametrize(
    ("at", "tries", "expected"),
    [(NOW - 60, 0, "allow"), (NOW - UNDO_SECONDS - 1, 0, "deny"), (NOW - 60, 2, "allow"), (NOW - 60, 3, "deny")],
)
def test_a_change_is_taken_back_soon_or_not_at_all(at: float, tries: int, expected: str) -> None:
    """Within its attempt, and with few tries: days later it would be an attack of its own."""
    start: Json = {"kind": "start_unit", "unit": "shop.service"}
    begun = [performed(1, op="undo") for _ in range(tries)]
    assert permits_undo(asked(start, recent=begun), performed(1, at, kind="start_unit")).answer == expected


def test_an_undo_takes_no_protected_unit_down() -> None:
    """A unit that came up since may hold one up."""
    start: Json = {"kind": "start_unit", "unit": "shop.service"}
    assert permits_undo(asked(start, falls=("shop.service", "ssh.service")), performed(1, NOW - 1, kind="start_unit")).answer == "deny"


def test_the_worst_is_assumed_of_an_action_that_does_not_say() -> None:
    """What it has systemd do: a new kind of action on a unit counts as a stop and a start."""
    action: Action = parse(RESTART)
    assert action.jobs() == (("start", "shop.service"), ("stop", "shop.service"))
