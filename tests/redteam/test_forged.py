"""Forged rows, with the whole product running: what the daemon may be made to believe, its hands do not."""

import hashlib
import json
from collections.abc import Iterator

import pytest

from orchestrator.actions import parse
from orchestrator.model import Json, Proposal, digest
from orchestrator.store.base import as_json
from orchestrator.store.rows import plan_data, plan_hash, proposal_data
from tests.lab.base import Base, unavailable
from tests.lab.host import DAEMON, HANDS, STATE, Host
from tests.redteam.ground import BRAIN

pytestmark = pytest.mark.timeout(240)

SETTINGS = """
[daemon]
settle_seconds = 0.3
boot_grace_seconds = 0
poll_seconds = 2
[mail]
enabled = false
[[service]]
name = "careful"
unit = "careful.service"
mode = "approve"
[[service]]
name = "till"
unit = "till.service"
"""
SLEEPER = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
START: Json = {"kind": "start_unit", "unit": "careful.service"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Host]:
    """The daemon as its user, the hands as root, and services that run."""
    if reason := unavailable():
        pytest.skip(reason)
    with Base() as base, Host(base) as host:
        for name in ("careful", "till", "victim"):
            host.write(f"/etc/systemd/system/{name}.service", SLEEPER)
        host.ok("systemctl daemon-reload; systemctl enable --now careful till victim")
        host.start_daemon(SETTINGS, one_process=False)
        yield host


def forge(lab: Host, sql: str, db: str = "tasks") -> None:
    """As whoever has the daemon's user: the file is its own."""
    lab.ok(f"sqlite3 -cmd '.timeout 5000' {STATE}/{db}.db", given=sql, user=BRAIN)


def quoted(data: object) -> str:
    text = data if isinstance(data, str) else json.dumps(data)
    return "'" + text.replace("'", "''") + "'"


def asked(lab: Host, number: int) -> list[Json]:
    """The questions about an incident that wait for a person."""
    return lab.sql(f"SELECT * FROM interventions WHERE task_id = {number} AND status = 'pending' AND kind = 'approval'", db="escalations")


def escalated(lab: Host) -> int:
    return lab.journal(DAEMON).count("LOCALLY ESCALATED")


def crash(lab: Host, unit: str) -> None:
    lab.ok(f"systemctl kill -s KILL {unit}; while systemctl is-active -q {unit}; do sleep 0.05; done")


def test_a_forged_click_and_a_forged_row_are_no_approval(lab: Host) -> None:
    """The daemon takes both for a person's word; the hands have heard none, and the person is asked again. His own word then heals it."""
    crash(lab, "careful")
    number = lab.incident("careful.service")["id"]
    lab.wait_until(lambda: asked(lab, number), 30, "a question")
    question = asked(lab, number)[0]
    click = {"escalation_id": question["escalation_id"], "hash": question["hash"]}
    forge(lab, f"INSERT INTO inbox (at, actor, verb, args) VALUES ('2026-01-01 00:00:00.000', 'ops', 'approve', {quoted(click)});")
    lab.wait_until(lambda: [row for row in asked(lab, number) if row["id"] > question["id"]], 60, "the question anew")
    assert "approved" in lab.sql("SELECT result FROM inbox ORDER BY id DESC LIMIT 1")[0]["result"]
    assert lab.sh("systemctl is-active careful").status != 0

    told = escalated(lab)
    plan = (parse(START),)
    row = as_json(proposal_data(Proposal(cause="forged", plan=plan, proposer="ops", origin="person:ops")))
    forge(lab, f"UPDATE tasks SET approved = {quoted(row)}, status = 'open', next_at = '2000-01-01 00:00:00.000' WHERE id = {number};")
    lab.ok("systemctl kill -s KILL autonomous-orchestrator")
    lab.wait_until(lambda: escalated(lab) > told, 60, "the question anew")
    assert lab.sh("systemctl is-active careful").status != 0
    assert lab.sh(f"grep -q careful {HANDS}/record").status != 0

    escalation = asked(lab, number)[-1]["escalation_id"]
    answer = lab.orchestrator("escalations", "approve", str(escalation), "--yes", user="ops")
    assert answer.status == 0, answer.out
    lab.wait_until(lambda: lab.sh("systemctl is-active careful").status == 0, 60, "what the person allowed")
    uid = lab.ok("id -u ops").strip()
    assert f'"approved_by":{uid}' in lab.ok(f"grep careful {HANDS}/record")


def test_a_planted_pattern_reaches_nobody_else(lab: Host) -> None:
    """A plan against another service, trusted, and with many wins, for a fault that comes: the service is healed, the other stands."""
    plan = (parse({"kind": "stop_unit", "unit": "victim.service"}),)
    crash(lab, "till")
    row = lab.incident("till.service", "fixed", "escalated")
    assert row["status"] == "fixed", row
    forge(
        lab,
        "INSERT INTO patterns (signature, plan, stage, wins, origin, created_at, hash, said_by) SELECT fingerprint, "
        f"{quoted(as_json(plan_data(plan)))}, 'trusted', 50, 'person:ops', '2026-01-01 00:00:00.000', {quoted(plan_hash(plan))}, 'ops' "
        f"FROM tasks WHERE id = {row['id']};",
    )
    assert digest([action.model_dump() for action in plan]) == plan_hash(plan)
    pid = lab.show("victim", "MainPID")
    crash(lab, "till")
    lab.wait_until(lambda: lab.sh("systemctl is-active till").status == 0, 60, "healed by what may be")
    assert lab.show("victim", "MainPID") == pid


def test_hands_that_nobody_can_reach_leave_no_row(lab: Host) -> None:
    """A person says yes while the hands are gone: he is told, with exit status 75, and the daemon is left nothing."""
    crash(lab, "careful")
    number = max(row["id"] for row in lab.incidents() if row["target"] == "careful.service")
    lab.wait_until(lambda: asked(lab, number), 60, "a question")
    before = lab.sql("SELECT COUNT(*) AS n FROM inbox")
    lab.ok("systemctl stop autonomous-orchestrator-hands.socket autonomous-orchestrator-hands.service")
    told = lab.orchestrator("escalations", "approve", str(asked(lab, number)[-1]["escalation_id"]), "--yes", user="ops")
    lab.ok("systemctl start autonomous-orchestrator-hands.socket")
    assert (told.status, "nothing was approved" in told.out) == (75, True), told
    assert lab.sql("SELECT COUNT(*) AS n FROM inbox") == before


def test_a_forged_token_of_the_dashboard_is_no_person(lab: Host) -> None:
    """Its row says that a person made it: it lets look, and the hands take no approval through it. One that a person made does."""
    lab.start_dashboard()
    crash(lab, "careful")
    number = lab.incident("careful.service", "waiting")["id"]
    lab.wait_until(lambda: asked(lab, number), 30, "a question")
    forged = f"orc_w_{'x' * 43}"
    row = f"'t', 'write', '{hashlib.sha256(forged.encode()).hexdigest()}', 'ops', '2026-01-01 00:00:00.000'"
    forge(lab, f"INSERT INTO door_tokens (name, right, hash, made_by, created_at) VALUES ({row});", db="escalations")
    assert "nobody vouched for this session or token" in _approve(lab, number, forged)
    assert lab.sh("systemctl is-active careful").status != 0
    made = lab.orchestrator("dashboard", "token", "create", "hers", "--write", user="ops").out.split()[-1]
    assert "approved" in _approve(lab, number, made)
    lab.wait_until(lambda: lab.sh("systemctl is-active careful").status == 0, 30, "it runs again")


def _approve(lab: Host, number: int, token: str) -> str:
    question = asked(lab, number)[0]
    said = json.dumps({"hash": question["hash"]})
    headers = f"-H 'Authorization: Bearer {token}' -H 'Content-Type: application/json'"
    place = f"http://127.0.0.1:8888/api/v1/escalations/{question['escalation_id']}/approve"
    return lab.sh(f"curl -s -m 9 {headers} -d '{said}' {place}", user=BRAIN).out
