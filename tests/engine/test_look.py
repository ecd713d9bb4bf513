"""Better or worse: how a look after a change is compared with the one before it."""

import pytest

from orchestrator.engine.look import Look, is_worse
from orchestrator.model import Case, Fault, Incident, Scope


def _fault(target: str, check: str = "unit_failed") -> Fault:
    return Fault(check=check, target=target, reason="ExitCode", message="m")


OWN = _fault("shop.service")
BEFORE = Look(standing=(OWN, _fault("web.service")), failing=("shop: http", "web: http"))


def _case(before: Look) -> Case:
    return Case(incident=Incident(id=1, fault=OWN, detected_at=0.0), scope=Scope(target="shop.service"), evidence=(before.as_evidence(),))


@pytest.mark.parametrize(
    ("now", "worse"),
    [
        (Look(), False),
        (BEFORE, False),
        (Look(standing=(_fault("web.service"),), failing=("web: http",)), False),
        (Look(standing=(_fault("shop.service", "probe_failing"),), failing=("shop: http",)), False),
        (Look(standing=(_fault("db.service"),)), True),
        (Look(failing=("shop: http", "web: http", "db: tcp")), True),
    ],
    ids=["all well", "as before", "one symptom left", "the next layer of the same target", "a healthy unit fell", "one more probe fails"],
)
def test_a_change_is_judged_by_what_stood_before_it(now: Look, *, worse: bool) -> None:
    """Harm is what did not stand before and does not belong to the case; the next layer of the same target is none."""
    assert is_worse(now, _case(BEFORE)) is worse


def test_what_a_change_cannot_have_hurt_does_not_speak_against_it() -> None:
    """What stands on a mount may fall while the mount is being started: for want of it, and not for the start."""
    now = Look(standing=(_fault("db.service"),), failing=("shop: http", "web: http", "db: tcp"))
    assert is_worse(now, _case(BEFORE))
    assert not is_worse(now, _case(BEFORE), excused=("db.service", "db"))


def test_what_stood_before_survives_a_death() -> None:
    """The look before the change is evidence on disk: another process can compare with it."""
    again = Case.model_validate_json(_case(BEFORE).model_dump_json())
    assert is_worse(Look(standing=(_fault("db.service"),)), again)
    assert not is_worse(BEFORE, again)


def test_clean_means_nothing_stands_nothing_fails_nothing_is_unknown() -> None:
    """Blind is not clean (law 1)."""
    assert Look().clean
    assert not Look(blind="the bus does not answer").clean
    assert not Look(failing=("shop: http",)).clean
