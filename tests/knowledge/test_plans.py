"""From a written plan to a plan of this incident."""

import pytest

from orchestrator.actions import parse
from orchestrator.knowledge.plans import variants
from orchestrator.model import Action, Case, Fault, Incident, Scope

FILES = ("/etc/web.conf", "/etc/web.d/more")


def a_case(check: str = "unit_failed", target: str = "web.service") -> Case:
    fault = Fault(check=check, target=target, reason="UnitFailed", message="it failed")
    return Case(
        incident=Incident(id=1, fault=fault, detected_at=0.0), scope=Scope(target=target, below=("disk.mount",), above=("shop.service",))
    )


def on(kind: str, *units: str) -> tuple[Action, ...]:
    return tuple(parse({"kind": f"{kind}_unit", "unit": unit}) for unit in units)


def restores(*paths: str) -> tuple[Action, ...]:
    fields = {"kind": "restore_config", "service": "web", "good_digest": "", "bad_digest": ""}
    return tuple(parse({**fields, "path": path}) for path in paths)


OWN_START, OWN_RESTART = on("start", "web.service"), on("restart", "web.service")
OTHERS = on("start", "disk.mount", "shop.service")


@pytest.mark.parametrize(
    ("check", "up", "offered", "plan"),
    [
        ("unit_failed", "", (*OTHERS, *OWN_START), OWN_START),
        ("probe_failing", "yes", (*OTHERS, *OWN_RESTART), OWN_RESTART),
        ("unit_crash_loop", "", (*OWN_START, *OWN_RESTART), OWN_RESTART),
        ("unit_crash_loop", "", OWN_START, OWN_START),
    ],
)
def test_bringing_up_is_for_the_own_target(check: str, up: str, offered: tuple[Action, ...], plan: tuple[Action, ...]) -> None:
    """What is down is started, what is up or loops is restarted; never something else in the scope."""
    assert list(variants(["bring_up"], a_case(check), offered, {"unit.up": up})) == [plan]


def test_where_the_own_target_cannot_be_brought_up_nothing_else_is() -> None:
    """A plan without a candidate for one of its steps is no plan."""
    assert list(variants(["bring_up"], a_case(), OTHERS, {})) == []


def test_a_step_takes_what_lies_below_before_what_stands_above() -> None:
    """Where the own target is no candidate, the nearest to the root is."""
    assert list(variants(["start_unit"], a_case("probe_failing"), OTHERS, {"unit.up": "yes"})) == [OTHERS[:1]]


def test_each_file_alone_comes_before_all_together() -> None:
    """Of two files that differ the smallest change that helps is wanted."""
    one, two = restores(*FILES)
    found = list(variants(["restore_config", "bring_up"], a_case(), (one, two, *OWN_START), {}))
    assert found == [(one, *OWN_START), (two, *OWN_START), (one, two, *OWN_START)]


@pytest.mark.parametrize(
    ("needed", "plan"),
    [("disk.mount", OTHERS[:1]), ("shop.service", OTHERS[1:]), ("ssh.service", ()), ("disk.mount shop.service", ()), ("", ())],
)
def test_a_named_target_is_one_of_the_candidates_or_none(needed: str, plan: tuple[Action, ...]) -> None:
    """A name from a log line, forged or not, finds only what code offered for this incident (law 5)."""
    found = list(variants(["start_unit {needed}"], a_case(), OTHERS, {"needed": needed}))
    assert found == ([plan] if plan else [])


def test_a_command_of_the_operator_is_called_by_its_name() -> None:
    """Of two commands of one service the written one is meant."""
    fields = {"kind": "run_command", "service": "web", "argv": ["/bin/true"], "user": None, "timeout_seconds": 60, "risk": "low"}
    one, two = (parse({**fields, "name": name}) for name in ("requeue", "drop"))
    assert list(variants(["run_command requeue"], a_case(), (two, one), {})) == [(one,)]


def test_what_is_only_watched_is_not_brought_up() -> None:
    """A service that nobody here runs is well again with its file; one that a command starts is started too."""
    steps, files = ("restore_config", "bring_up"), restores(FILES[0])
    assert list(variants(steps, a_case("probe_failing", "names"), files, {})) == [files]
    assert not list(variants(steps, a_case("service_down", "kiosk"), files, {}))


def test_what_belongs_together_is_restored_together() -> None:
    """One half of a pair alone would be refused by whatever loads it."""
    files = restores(*FILES)
    assert list(variants(("restore_config *", "bring_up"), a_case(), (*files, *OWN_START), {})) == [(*files, *OWN_START)]


def test_what_one_act_changed_is_one_step() -> None:
    """`chown -R` has changed a directory and what lies in it: they come back together, the directory first; another path is another act."""
    fields = {"kind": "restore_owner_mode", "service": "web", "uid": 0, "gid": 0, "mode": 0o750}
    log, inner, other = (parse({**fields, "path": path}) for path in ("/var/log/web", "/var/log/web/a.log", "/var/log/web2"))
    plans = list(variants(["restore_owner_mode"], a_case(), (inner, other, log), {}))
    assert plans == [(other,), (log, inner), (other, log, inner)]
