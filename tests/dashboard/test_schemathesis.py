"""The whole API asked at random, from its own document: by somebody who may everything, and with what nobody should send."""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from dashboard.api import CALLS
from dashboard.api.call import Call
from dashboard.api.openapi import path_of
from dashboard.app import create
from dashboard.buckets import Buckets
from dashboard.guard import Guard
from escalation import Desk
from escalation.doors import Doors
from orchestrator.config import Config, Mail
from orchestrator.store import Store
from orchestrator.store.ledger import Ledger
from tests.cli.scenes import asked, escalated, fault, healed

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "12"))
"""Of each call; the environment may ask for a longer run."""
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance, response_headers_conformance,
    negative_data_rejection, ignored_auth, unsupported_method,
]  # fmt: skip
answers: Counter[int] = Counter()


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, str, Ledger]]:
    """A host on which something happened, and a token that may everything."""
    state_dir = tmp_path_factory.mktemp("api") / "state"
    # Port 80, so that the name alone is right: the tool knows no other way to say it.
    config = Config.model_validate({"daemon": {"state_dir": str(state_dir)}, "mail": {"enabled": False}, "dashboard": {"port": 80}})
    with Store(state_dir) as store, Desk(state_dir, Mail.model_validate({"enabled": False}), "web1") as desk:
        for n in range(5):
            escalated(store, desk, fault(f"orders@{n}.service"))
        asked(store, desk)
        healed(store, fault("web.service"))
        with Doors(state_dir) as doors:
            yield config, doors.create_token("chaos", "write", "anna"), store.ledger


@pytest.fixture(scope="module")
def api(token: tuple[Config, str, Ledger]) -> BaseSchema:
    config, secret, _ = token
    guard = create(config)
    assert isinstance(guard, Guard)
    guard._posts = Buckets(burst=1e9, per_second=1e9)
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", guard, headers={"Authorization": f"Bearer {secret}"})


# The tool's own plugin does not go with this pytest: its strategies do.
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_nothing_that_is_sent_breaks_it(call: Call, mode: GenerationMode, api: BaseSchema, token: tuple[Config, str, Ledger]) -> None:
    """No 500; what fits no schema is refused; every answer is as the document says; without the token there is nothing."""
    operation, (_, secret, inbox) = api[path_of(call)][call.method], token

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: "schemathesis.Case[Any]") -> None:
        if mode is GenerationMode.POSITIVE and "number" in case.path_parameters:
            case.path_parameters["number"] %= 9  # most of those exist
        checks = CHECKS if call.body else [check for check in CHECKS if check is not negative_data_rejection]  # a query loses what is None
        answer = case.call_and_validate(headers={"Authorization": f"Bearer {secret}"}, checks=checks)
        answers[answer.status_code] += 1
        if answer.status_code == 202:  # a thousand that wait are too many
            inbox.run("UPDATE inbox SET answered_at = at, result = 'done'")

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # what takes nothing can be sent nothing wrong


def test_every_call_was_asked() -> None:
    """The run above met every call, with answers of many kinds."""
    assert sum(answers.values()) >= len(CALLS) * 3
    assert {200, 202, 401, 404, 409, 422} <= set(answers), answers
