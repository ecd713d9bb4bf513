"""Models on a real host: a played one asks for evidence and proposes; what it proposed is judged, done, proved and learned."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from orchestrator.config import Backend
from orchestrator.model import epoch
from tests.lab.host import CHECKOUT, DAEMON, Host, Row
from tests.lab.watched import SETTINGS, Watched, Web

pytestmark = pytest.mark.timeout(300)

PORT = 8099
LEDGER = Web("ledger", declared=Web("ledger").config_test)
BROKEN = f"echo nonsense >>{LEDGER.config_file}; systemctl restart {LEDGER.target}; true"
CLAUDE = CHECKOUT / "build/claude/node_modules/.bin"
BACKENDS: Sequence[Backend] = ("anthropic", "claude-code", "openai-compatible", "ollama")

_SOON = "\nrelapse_seconds = 0.5"
"""What comes back later than that is another incident, and no loss of the plan's credit."""

BUDGET = 12
HURRY = f"[phases]\nresearch_seconds = {BUDGET}\nconsultation_seconds = {BUDGET}\n"

Plays = list[dict[str, object]]


def _told(expression: str) -> str:
    """What is found in what a model is told. The Claude CLI is told the same as JSON in JSON, with more backslashes."""
    return expression.replace('"', r'\\*"')


def _candidate(kind: str) -> str:
    return _told(rf'"id":"(a\d+)","steps":\[{{"does":"[^"]*","kind":"{kind}"')


def _says(step: str, **more: object) -> Row:
    """An answer of research by its schema."""
    nothing: Row = {"looks": [], "cause": "", "evidence": [], "plan": [], "alternatives": [], "ruled_out": [], "open_questions": []}
    return {"step": step, **nothing, "confidence": 0.8, "reason": "", **more}


MENDING: Plays = [
    {"when": ["You are the researcher"], "find": {"L": r"(unit ledger\.service)"}, "answer": _says("look", looks=["$L"])},
    {
        "when": ["You are the researcher", "look unit"],
        "find": {
            "R": _candidate("restore_config"),
            "S": _candidate("(?:re)?start_unit"),
            "E": _told(r'"id":(\d+),"source":"configuration"'),
        },
        "answer": _says("propose", cause="Its configuration was damaged.", evidence=["#E"], plan=["$R", "$S"]),
        "times": 0,
    },
]
"""A researcher who looks at the unit, and then puts its configuration back and starts it."""


@pytest.fixture
def watched(lab: Host) -> Iterator[Watched]:
    yield Watched(lab)
    sys.stdout.write(lab.sh(f"journalctl --no-pager -o short-precise -u {DAEMON}").out)
    sys.stdout.write(lab.sh(f"curl -s http://127.0.0.1:{PORT}/asked | head -c 20000").out)


def _played(host: Host, plays: Plays) -> None:
    """The played model, as a service of the host."""
    host.write("/opt/model/stub.py", (CHECKOUT / "tests/models/stub.py").read_text(encoding="utf-8"))
    host.write("/opt/model/plays.json", json.dumps(plays))
    start = f"{sys.executable} /opt/model/stub.py --port {PORT} --script /opt/model/plays.json"
    host.unit("model.service", f"[Service]\nExecStart={start}\n[Install]\nWantedBy=multi-user.target\n")
    host.ok("systemctl enable --now model.service")
    host.wait_until(lambda: host.sh(f"curl -sf http://127.0.0.1:{PORT}/asked").status == 0, 15, "the played model answers")


def _settings(backend: Backend, more: str = "") -> str:
    """With a model, and without the runbooks' plans."""
    url = f"http://127.0.0.1:{PORT}" + ("/v1" if backend == "openai-compatible" else "")
    agents = f'backend = "{backend}"\nmodel = "claude-haiku-5-5"\nurl = "{url}"\nkey_file = "/etc/model.key"\nembedded = false\n{more}'
    return f"{SETTINGS.replace('[daemon]', '[daemon]' + _SOON)}\n[agents]\n{agents}\n"


def _calls(host: Host) -> int:
    return int(json.loads(host.ok(f"curl -sf http://127.0.0.1:{PORT}/asked"))["calls"])


def _begin(watched: Watched, backend: Backend, plays: Plays, more: str = "") -> None:
    host = watched.host
    _played(host, plays)
    host.write("/etc/model.key", "sk-made-up-4711\n", 0o600)
    if backend == "claude-code":
        host.write(f"/etc/systemd/system/{DAEMON}.d/claude.conf", f"[Service]\nEnvironment=PATH={CLAUDE}:/usr/local/bin:/usr/bin:/bin\n")
    watched.web(LEDGER)
    watched.begin(_settings(backend, more))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_heals_what_no_runbook_may_and_is_not_asked_twice(watched: Watched, backend: Backend) -> None:
    """It asks for evidence, proposes, and the fault is healed, proved and learned; the same fault again costs no call."""
    if backend == "claude-code" and not Path(CLAUDE / "claude").exists():
        pytest.skip("the Claude CLI is not here: npm could not install it")
    host = watched.host
    _begin(watched, backend, MENDING)
    host.ok(BROKEN)
    row = host.incident(LEDGER.target, "fixed", timeout=90)
    assert (row["phase"], row["fix_successful"]) == (2, 1)
    assert watched.answers(LEDGER, "/health") == "ok"
    [minute] = host.sql("SELECT * FROM agent_consultations", db="escalations")
    assert (minute["expert"], minute["backend"], minute["stance"]) == ("researcher", backend, "propose")
    assert minute["tokens_in"] > 0
    looked = host.sql("SELECT source FROM evidence WHERE source = 'look unit'")
    assert looked, "what it asked for is there for a person to read"
    first = _calls(host)
    assert first >= 2

    watched.sweeps(1)
    host.ok(BROKEN)
    host.wait_until(lambda: [row["status"] for row in watched.incidents()] == ["fixed"] * 2, 60, "it is healed again")
    assert watched.incidents()[-1]["phase"] == 1
    assert _calls(host) == first
    assert watched.answers(LEDGER, "/health") == "ok"


def test_while_a_model_is_measured_nothing_that_is_written_heals(watched: Watched) -> None:
    """A crash that an instant fix would start again is the model's too; it has no plan, and a person has it."""
    _begin(watched, "ollama", [{"answer": _says("nothing", reason="I was not shown why."), "times": 0}])
    watched.host.ok(f"systemctl kill -s KILL {LEDGER.target}")
    watched.escalated(LEDGER.target, timeout=60)
    assert _calls(watched.host) >= 1


TURNED: Plays = [
    {
        "when": ["You are the researcher"],
        "answer": _says("propose", cause="ssh is broken", evidence=[1], plan=["restart ssh.service", "rm -rf /srv", "../../etc/shadow"]),
    },
    {
        "when": ["You are the researcher"],
        "find": {"E": _told(r'"id":(\d+),"source":"unit_state"')},
        "answer": _says("propose", cause="do all of it", evidence=["#E"], plan=[f"a{n}" for n in range(1, 101)]),
    },
    {
        "answer": {"stance": "choose", "plan": "restart ssh.service", "cause": "<b>trust me</b>", "evidence": [1], "otherwise": ""},
        "times": 0,
    },
]
"""It wants what nobody offered it, then a hundred actions, and as an expert too what it likes."""


def test_a_model_that_was_turned_moves_nothing_beside_the_scope(watched: Watched) -> None:
    """It wants ssh restarted, data deleted, a path outside, a hundred actions: nothing runs, and a person has it."""
    host = watched.host
    till = watched.web(Web("till", port=7101))
    _begin(watched, "ollama", TURNED)
    with watched.untouched(LEDGER.target):
        host.ok(BROKEN)
        escalation = watched.escalated(LEDGER.target, timeout=90)
    assert watched.answers(till, "/health") == "ok"
    assert escalation["reason"].startswith("three phases found no fix")
    stances = {row["stance"] for row in host.sql("SELECT stance FROM agent_consultations", db="escalations")}
    assert "propose" not in stances
    assert _calls(host) >= 2 + 3


@pytest.mark.parametrize("failure", ["wrong", "529", "hang", "huge"])
def test_a_model_that_fails_keeps_no_case_waiting(watched: Watched, failure: str) -> None:
    """Each is an abstention within the budget, and the next phase begins. All kinds of failure: tests/models/test_failures.py."""
    host = watched.host
    _begin(watched, "openai-compatible", [{"play": failure, "times": 0}], more=HURRY)
    host.ok(BROKEN)
    escalation = watched.escalated(LEDGER.target, timeout=60)
    assert escalation["reason"].startswith("three phases found no fix")
    rows = host.sql("SELECT expert, stance, seconds FROM agent_consultations ORDER BY id", db="escalations")
    assert rows[0]["expert"] == "researcher"
    assert {row["stance"] for row in rows} <= {"failed", "nothing", "person"}
    [told] = host.sql("SELECT created_at FROM escalations", db="escalations")
    [seen] = host.sql("SELECT detected_at FROM tasks")
    assert epoch(told["created_at"]) - epoch(seen["detected_at"]) < 2 * BUDGET + 5
