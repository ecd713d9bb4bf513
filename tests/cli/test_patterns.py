"""What was learned, and a person's word on it."""

import json
from pathlib import Path

from escalation import Desk
from orchestrator.model import Stage
from orchestrator.store import Store
from tests.cli.conftest import Call
from tests.cli.scenes import fault, healed, opened
from tests.cli.test_people import answering


def test_a_pattern_is_shown_with_its_record(call: Call, store: Store) -> None:
    """The list, and one with its plan and the incidents of its kind."""
    number = healed(store)
    (listed,) = json.loads(call("patterns", "--json").stdout)
    assert (listed["id"], listed["stage"], listed["signature"]) == (1, "probation", fault().signature)
    assert "restart shop.service" in call("patterns").stdout
    told = call("patterns", "show", "1").stdout
    assert told.startswith("pattern 1: PROBATION, 0 wins, 0 losses, 0 relapses\n")
    assert "$ systemctl restart shop.service" in told
    assert f"#{number} fixed " in told
    assert call("patterns", "show", "2").exit_code == 1


def test_a_person_teaches(call: Call, store: Store, desk: Desk) -> None:
    """Actions as words or as JSON become a pattern of the incident's kind."""
    number = opened(store)
    with answering(store, desk):
        taught = call(
            "patterns",
            "teach",
            "--incident",
            str(number),
            "reset_failed unit=shop.service",
            '{"kind": "start_unit", "unit": "shop.service"}',
        )
    assert taught.stdout == "pattern 1 is taught\n"
    (pattern,) = store.patterns(fault().signature)
    assert [action.kind for action in pattern.plan] == ["reset_failed", "start_unit"]
    assert pattern.origin.startswith("person:")


def test_a_plan_that_does_not_exist_is_not_taught(call: Call, store: Store) -> None:
    """A mistyped action never reaches the daemon; the line says what was expected."""
    number = opened(store)
    for step in ("reboot_host now=yes", "restart_unit unit=--force", "restart_unit shop.service", "{broken"):
        result = call("patterns", "teach", "--incident", str(number), step)
        assert result.exit_code == 64, step
    assert call("patterns", "teach", "--incident", "1", "--signature", "v1:x", "start_unit unit=a.service").exit_code == 64
    assert store.take_clicks() == ()


def test_a_word_on_the_stage(call: Call, store: Store, desk: Desk) -> None:
    """Trust, demote, forget."""
    healed(store)
    with answering(store, desk):
        assert call("patterns", "trust", "1").stdout == "pattern 1 is trusted\n"
        assert store.patterns()[0].stage is Stage.TRUSTED
        assert call("patterns", "demote", "1").stdout == "pattern 1 is demoted\n"
        assert call("patterns", "forget", "1").stdout == "pattern 1 is forgotten\n"
    assert store.patterns() == ()


def test_patterns_travel_without_their_trust(call: Call, store: Store, desk: Desk, tmp_path: Path) -> None:
    """What one host exported, another imports on probation."""
    healed(store)
    store.set_stage(1, Stage.TRUSTED, "alice")
    file = tmp_path / "patterns.json"
    file.write_text(call("patterns", "export").stdout)
    store.forget(1, "alice")
    with answering(store, desk):
        assert call("patterns", "import", str(file)).exit_code == 0
    (pattern,) = store.patterns()
    assert (pattern.signature, pattern.stage, pattern.wins) == (fault().signature, Stage.PROBATION, 0)
    assert [action.about() for action in pattern.plan] == ["restart shop.service"]


def test_a_file_that_is_no_export_is_refused_whole(call: Call, store: Store) -> None:
    """Nothing of it is taught."""
    good = {"signature": "v1:x", "plan": [{"kind": "start_unit", "unit": "a.service"}]}
    bad = {"signature": "v1:y", "plan": [{"kind": "shell", "argv": ["rm", "-rf", "/"]}]}
    for data in ({"format": "autonomous-orchestrator patterns 1", "patterns": [good, bad]}, {"patterns": [good]}, [1]):
        result = call("patterns", "import", "-", stdin=json.dumps(data))
        assert result.exit_code == 1
        assert "no patterns that this version can read" in result.stderr
    assert store.take_clicks() == ()


def test_a_pattern_that_the_policy_forbids_says_so(call: Call, store: Store, tmp_path: Path) -> None:
    """`test` asks the policy and the host, and changes nothing."""
    healed(store)
    file = tmp_path / "config.toml"
    file.write_text(file.read_text() + '[protect]\nunits = ["shop.service"]\n')
    result = call("patterns", "test", "1")
    assert result.exit_code == 1
    assert "no  restart shop.service: protected-unit: shop.service is protected" in result.stdout
    assert store.take_clicks() == ()
