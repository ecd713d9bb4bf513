"""What a person may pick from: what is known of the incident, and nothing beyond it."""

import json
from pathlib import Path

import pytest

from escalation import Desk
from escalation.offers import Offer, offers
from orchestrator.config import Config, Mail
from orchestrator.model import utc
from orchestrator.store import Reader, Store
from tests.cli.scenes import asked, escalated, fault, healed

CONFIG = Config.model_validate(
    {
        "service": [{"name": "shop", "unit": "shop.service"}, {"name": "till", "unit": "till.service"}],
        "command": [
            {"name": "requeue", "service": "shop", "argv": ["/usr/bin/shopctl", "requeue"], "about": "puts orders back", "risk": "low"},
            {"name": "as-shop", "service": "shop", "argv": ["/bin/x"], "about": "as its user", "risk": "low", "user": "shop"},
            {"name": "till", "service": "till", "argv": ["/bin/x"], "about": "of another service", "risk": "low"},
        ],
    }
)


@pytest.fixture
def mail() -> Mail:
    """Nobody is mailed."""
    return Mail.model_validate({"enabled": False})


def _offered(state_dir: Path, number: int, *, to_run: bool = False) -> tuple[Offer, ...]:
    reader = Reader(state_dir)
    story = reader.story(number)
    assert story is not None
    return offers(story, CONFIG, reader.similar(number), to_run=to_run)


def test_what_healed_its_like_comes_first_and_each_plan_once(store: Store, desk: Desk, state_dir: Path) -> None:
    """The past incident's plan is the experts' and the first attempt's too: it stands once, with its best reason."""
    before = healed(store)
    store.ledger.update("tasks", before, {"resolved_at": utc(0)})  # so long ago that this is no relapse
    store.ledger.update("attempts", 1, {"ended_at": utc(0)})
    number, _escalation = escalated(store, desk)
    found = _offered(state_dir, number)
    assert (found[0].why, found[0].plan) == (f"it healed incident {before}", ({"kind": "restart_unit", "unit": "shop.service"},))
    assert [step["kind"] for offer in found for step in offer.plan].count("restart_unit") == 1
    assert [offer.plan[0]["kind"] for offer in found[1:]] == ["start_unit", "reload_unit", "reset_failed"]


def test_nothing_beyond_the_scope_is_offered(store: Store, desk: Desk, state_dir: Path) -> None:
    """Another service's command is not, and neither is what a stored plan would do elsewhere."""
    number, _escalation, proposal = asked(store, desk)
    scope = {"target": "shop.service", "service": "shop", "above": ["other.service"]}
    store.ledger.update("tasks", number, {"scope": json.dumps(scope)})
    names = [offer.plan[0].get("name") for offer in _offered(state_dir, number)]
    assert "till" not in names
    assert {"requeue", "as-shop"} <= set(names)
    assert proposal.plan[0].model_dump(mode="json") in [offer.plan[0] for offer in _offered(state_dir, number)]
    store.ledger.update("tasks", number, {"scope": None})
    assert proposal.plan[0].model_dump(mode="json") not in [offer.plan[0] for offer in _offered(state_dir, number)]


def test_what_could_not_run_as_it_stands_is_taught_and_not_run(store: Store, desk: Desk, state_dir: Path) -> None:
    """Who runs a command may stand in the unit alone, which nobody asks here."""
    number, _escalation = escalated(store, desk, fault())
    store.ledger.update("tasks", number, {"scope": '{"target": "shop.service", "service": "shop"}'})
    assert [offer.plan[0]["name"] for offer in _offered(state_dir, number, to_run=True) if "name" in offer.plan[0]] == ["as-shop"]
