"""What the daemon can do and knows, and whether one's own runbook fits."""

import json
from pathlib import Path

from orchestrator.actions import all_actions
from orchestrator.model import Evidence
from orchestrator.store import Store
from tests.cli.conftest import Call
from tests.cli.scenes import opened

RUNBOOK = """[[runbook]]
name = "port-taken"
about = "Something else holds the port."
phase = 2
when = {{ check = "unit_failed", "log.address_in_use" = "{wanted}" }}
cause = "port {{log.address_in_use}} is taken"
hand_over = "find out who holds it"
"""


def test_every_action_is_listed(call: Call) -> None:
    """With its risk, whether it can be undone, and what it needs; the schema is for programs."""
    kinds = {kind.model_fields["kind"].default for kind in all_actions()}
    lines = call("actions").stdout.splitlines()
    assert {line.split()[0] for line in lines[1:]} == kinds
    assert next(line for line in lines if line.startswith("restart_unit ")).split()[1:4] == ["low", "no", "unit"]
    assert kinds <= set(json.loads(call("actions", "--json").stdout)["discriminator"]["mapping"])


def test_own_runbooks_come_first(call: Call, tmp_path: Path) -> None:
    """What the operator wrote beside the configuration is asked before what is shipped."""
    shipped = json.loads(call("runbooks", "--json").stdout)
    (tmp_path / "runbooks.d").mkdir()
    (tmp_path / "runbooks.d" / "own.toml").write_text(RUNBOOK.format(wanted="*"))
    names = [book["name"] for book in json.loads(call("runbooks", "list", "--json").stdout)]
    assert names == ["port-taken", *(book["name"] for book in shipped)]
    told = call("runbooks", "show", "port-taken").stdout
    assert 'log.address_in_use = "*"' in told
    assert "a person takes it: find out who holds it" in told
    assert call("runbooks", "show", "nonsense").exit_code == 1


def test_a_runbook_is_tried_on_an_incident(call: Call, store: Store, tmp_path: Path) -> None:
    """Whether its conditions hold by the evidence that was kept; if not, which one, and what was there."""
    number, file = opened(store), tmp_path / "own.toml"
    store.add_evidence(number, (Evidence(source="journal", text="bind: address in use", facts={"log.address_in_use": "8080"}),))
    file.write_text(RUNBOOK.format(wanted="8080"))
    fits = call("runbooks", "test", str(file), "--incident", str(number))
    assert (fits.exit_code, fits.stdout.splitlines()[0]) == (0, "fits port-taken")
    file.write_text(RUNBOOK.format(wanted="443"))
    misses = call("runbooks", "test", str(file), "--incident", str(number))
    assert misses.exit_code == 1
    assert misses.stdout == "no   port-taken\n       log.address_in_use is '8080'; wanted \"443\"\n"
    assert call("runbooks", "test", str(file), "--incident", "99").exit_code == 1


def test_a_runbook_with_a_mistake_is_78(call: Call, tmp_path: Path) -> None:
    """File, runbook and what was expected; the same at `check-config`, since the daemon would not start."""
    (tmp_path / "runbooks.d").mkdir()
    file = tmp_path / "runbooks.d" / "own.toml"
    file.write_text(RUNBOOK.format(wanted="*").replace("hand_over", "plan").replace('"find out who holds it"', '["reboot"]'))
    for words in (("runbooks", "test", str(file)), ("runbooks",), ("check-config",)):
        result = call(*words)
        assert result.exit_code == 78
        assert result.stderr.startswith(f"{file}:1: runbook port-taken: ")
        assert "unknown action 'reboot'" in result.stderr


def test_the_roster(call: Call) -> None:
    """Who is asked in consultation, and what each reads."""
    assert {"log-reader", "systemd", "change-management"} <= {expert["name"] for expert in json.loads(call("experts", "--json").stdout)}
    assert "log-reader" in call("experts", "list").stdout
