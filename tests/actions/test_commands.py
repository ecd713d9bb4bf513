"""The operator's own commands: only exactly as declared. That they run: tests/lab/test_actions.py."""

import pytest

from orchestrator.actions.restart_service import RestartService
from orchestrator.actions.run_command import RunCommand
from orchestrator.actions.start_service import StartService
from orchestrator.actions.stop_service import StopService
from orchestrator.host import View
from orchestrator.model import Risk
from orchestrator.permits import may_ever
from tests.actions.conftest import case_of, settings

CONFIG = settings(
    service=[{"name": "shop", "start": ["shopctl", "start"], "stop": ["shopctl", "stop"], "user": "shop"}, {"name": "other"}],
    command=[
        {"name": "requeue", "service": "shop", "argv": ["shopctl", "requeue"], "about": "x", "risk": "medium"},
        {"name": "wipe", "service": "other", "argv": ["rm", "-rf", "/srv"], "about": "x", "risk": "high", "user": "root"},
    ],
)


def test_a_command_is_offered_for_its_own_service(view: View) -> None:
    """As its declared user or the service's, and with the risk that the operator gave it."""
    (action,) = RunCommand.candidates(case_of("shop", service="shop"), view, CONFIG)
    assert (action.argv, action.user, action.level) == (("shopctl", "requeue"), "shop", Risk.MEDIUM)
    assert (action.refusal(view, CONFIG), may_ever(action, CONFIG).answer) == ("", "allow")


@pytest.mark.parametrize(
    "change",
    [
        {"argv": ("sh", "-c", "id")},
        {"user": "root"},
        {"risk": Risk.LOW},
        {"timeout_seconds": 3600.0},
        {"service": "other"},
        {"name": "nosuch"},
    ],
)
def test_what_is_not_declared_is_refused(view: View, change: dict[str, object]) -> None:
    """Not another program, user, risk, time, service or name: a brain cannot bend what the operator wrote."""
    (action,) = RunCommand.candidates(case_of("shop"), view, CONFIG)
    assert "not what the configuration declares" in action.model_copy(update=change).refusal(view, CONFIG)


def test_a_service_without_a_unit_has_the_verbs_it_declares(view: View) -> None:
    """Start and stop here, no restart; none for a service that only watches."""
    case = case_of("shop")
    (start,) = StartService.candidates(case, view, CONFIG)
    (stop,) = StopService.candidates(case, view, CONFIG)
    assert (start.argv, start.user, stop.argv) == (("shopctl", "start"), "shop", ("shopctl", "stop"))
    assert RestartService.candidates(case, view, CONFIG) == ()
    assert StartService.candidates(case_of("other"), view, CONFIG) == ()
    assert may_ever(start, CONFIG).answer == "allow"
    assert "not what" in start.model_copy(update={"user": None}).refusal(view, CONFIG)
    assert "not what" in start.model_copy(update={"argv": ("rm",)}).refusal(view, CONFIG)
