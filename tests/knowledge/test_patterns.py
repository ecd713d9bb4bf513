"""Learned plans at work: which one fits the case now, and on which targets."""

import pytest

from orchestrator import actions
from orchestrator.knowledge.patterns import recall
from orchestrator.model import Action, Case, Fault, Incident, Pattern, Proposal, Scope, Stage, instance_of


def _case(target: str) -> Case:
    fault = Fault(check="unit_failed", target=target, reason="KilledBySignal", message="it was killed")
    return Case(incident=Incident(id=1, fault=fault, detected_at=0.0), scope=Scope(target=target))


def _start(unit: str) -> Action:
    return actions.parse({"kind": "start_unit", "unit": unit})


def _quarantine(unit: str, path: str, inode: int = 1) -> Action:
    return actions.parse({"kind": "quarantine_file", "service": unit, "path": path, "inode": inode, "device": 1})


def _learned(target: str, *plan: Action, wins: int = 1, stage: Stage = Stage.PROBATION) -> Pattern:
    signature = _case(target).fault.signature
    return Pattern(id=7, signature=signature, plan=plan, stage=stage, wins=wins, losses=0, relapses=0, origin="x", created_at="")


def _taught(*plan: Action) -> Pattern:
    return _learned("shop@1.service", *plan, wins=0).model_copy(update={"origin": "person:anna"})


def _recalled(pattern: Pattern, target: str, *offered: Action) -> Proposal | None:
    return next(recall([pattern], _case(target), offered), None)


def test_a_learned_plan_is_replayed_with_the_candidates_of_today() -> None:
    """The file of today has another inode; the plan is the same."""
    learned = _learned("shop.service", _quarantine("shop.service", "/run/shop.pid", inode=1), _start("shop.service"))
    today = (_start("shop.service"), _quarantine("shop.service", "/run/shop.pid", inode=2))
    proposal = _recalled(learned, "shop.service", *today)
    assert proposal is not None
    assert (proposal.plan, proposal.origin) == (today[::-1], "pattern:7")


def test_a_plan_of_which_a_part_is_not_possible_today_is_not_recalled() -> None:
    """Nothing is invented for a step that has no candidate."""
    learned = _learned("shop.service", _quarantine("shop.service", "/run/shop.pid"), _start("shop.service"))
    assert _recalled(learned, "shop.service", _start("shop.service")) is None


def _command(name: str) -> Action:
    fields = {"risk": "low", "service": "shop", "argv": ["/bin/true"], "user": None, "timeout_seconds": 5}
    return actions.parse({"kind": "run_command", "name": name, **fields})


def test_of_two_commands_of_a_service_the_learned_one_is_recalled() -> None:
    """Both touch the same service; only one is what was learned."""
    proposal = _recalled(_learned("shop.service", _command("requeue")), "shop.service", _command("purge"), _command("requeue"))
    assert proposal is not None
    assert proposal.plan == (_command("requeue"),)
    assert _recalled(_learned("shop.service", _command("requeue")), "shop.service", _command("purge")) is None


def test_a_demoted_pattern_is_not_recalled() -> None:
    """What failed more than it helped has no turn."""
    learned = _learned("shop.service", _start("shop.service"), stage=Stage.DEMOTED)
    assert _recalled(learned, "shop.service", _start("shop.service")) is None


def test_what_one_instance_taught_helps_another() -> None:
    """The plan of shop@1 is carried out on shop@2, on the unit and on the files that bear its name."""
    learned = _learned("shop@1.service", _quarantine("shop@1.service", "/run/shop-1/1.pid"), _start("shop@1.service"))
    today = (_quarantine("shop@2.service", "/run/shop-2/2.pid"), _start("shop@2.service"))
    proposal = _recalled(learned, "shop@2.service", *today)
    assert proposal is not None
    assert proposal.plan == today


def test_an_instance_s_plan_never_reaches_another_instance() -> None:
    """For shop@2 nothing is done to shop@1, nor to what only looks like its name."""
    learned = _learned("shop@1.service", _quarantine("shop@1.service", "/run/shop11.pid"), _start("shop@1.service"))
    assert _recalled(learned, "shop@2.service", _start("shop@1.service"), _quarantine("shop@2.service", "/run/shop22.pid")) is None
    assert _recalled(learned, "shop@2.service", _start("shop@2.service"), _quarantine("shop@2.service", "/run/shop21.pid")) is None


@pytest.mark.parametrize(("wins", "told"), [(0, "has healed none yet"), (1, "healed this way once"), (4, "healed this way 4 times")])
def test_the_cause_tells_its_record(wins: int, told: str) -> None:
    """A person reads how often it worked."""
    proposal = _recalled(_learned("shop.service", _start("shop.service"), wins=wins), "shop.service", _start("shop.service"))
    assert proposal is not None
    assert told in proposal.cause


@pytest.mark.parametrize(
    ("unit", "kind"),
    [
        ("shop@2.service", ("shop@.service", "2")),
        ("vpn@client.example.service", ("vpn@.service", "client.example")),
        ("a@b@c.service", ("a@.service", "b@c")),
        ("shop.service", ("shop.service", "")),
        ("shop@.service", ("shop@.service", "")),
        ("/srv/x@1.d", ("/srv/x@1.d", "")),
    ],
)
def test_only_an_instance_of_a_template_has_a_template(unit: str, kind: tuple[str, str]) -> None:
    """Faults of two instances are of one kind, whatever dots their names have; a path is no unit."""
    assert instance_of(unit) == kind


def test_what_a_person_taught_may_be_what_no_code_would_think_of() -> None:
    """On what the fault's target stands on, of this instance; never beyond the scope, and not against what code left out for the target."""
    case = _case("shop@2.service")
    scope = Scope(target="shop@2.service", below=("hub@2.service",))
    case = case.model_copy(update={"scope": scope})
    (proposal,) = recall([_taught(_start("hub@1.service"))], case, ())
    assert proposal.plan == (_start("hub@2.service"),)
    assert not [*recall([_taught(_start("far@1.service"))], case, ())]
    assert not [*recall([_taught(_start("shop@1.service"))], case, ())]
    learned = _taught(_start("hub@1.service")).model_copy(update={"origin": "runbook:x"})
    assert not [*recall([learned], case, ())], "only a person's word goes so far"
