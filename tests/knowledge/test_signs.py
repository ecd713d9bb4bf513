"""Log lines: attacker input that may point at a cause, and never decides alone."""

import pytest

from orchestrator import actions
from orchestrator.knowledge import runbooks
from orchestrator.knowledge.signs import signs_in
from orchestrator.model import Case, Evidence, Fault, Incident, Scope
from tests import hostile

SIGNS = [
    ('nginx: [emerg] unknown directive "worker_procs" in /etc/nginx/nginx.conf:3', "log.config"),
    ("webapp: configuration error: /etc/x.conf:2: unknown directive 'prot = 1'", "log.config"),
    ("FATAL: bind 127.0.0.1:80: [Errno 98] Address already in use", "log.address_in_use"),
    ("cannot write /srv/data: No space left on device", "log.no_space"),
    ("open() failed (13: Permission denied)", "log.permission"),
    ("sqlite3.DatabaseError: database disk image is malformed", "danger.corruption"),
    ("PANIC: could not locate a valid checkpoint record", "danger.corruption"),
    ("Bad file format reading the append only file", "danger.corruption"),
    ("stockd: segment 7: digest mismatch", "danger.corruption"),
    ("ledger: file is not a database", "danger.corruption"),
    ("stat /srv/x/a: Structure needs cleaning", "danger.corruption"),
    ("org.example.CorruptIndexException: codec footer", "danger.corruption"),
    ("cannot begin: another primary holds epoch 9", "danger.corruption"),
    ("split-brain detected, shutting down", "danger.corruption"),
    ("timelines have diverged at 0/3000060", "danger.corruption"),
    ("the backup set shrank from 812 to 9 files; nothing is rotated", "danger.corruption"),
    ('FATAL:  password authentication failed for user "shop"', "danger.authentication"),
    ("hub: authentication as parcels failed: -ERR", "danger.authentication"),
    ("WRONGPASS invalid username-password pair or user is disabled.", "danger.authentication"),
    ("upstream refused us: 401 Unauthorized", "danger.authentication"),
    ("cannot fetch: expired credentials", "danger.authentication"),
    ("connect to 10.0.0.1:5432 failed: Connection refused", "log.connection_refused"),
    ("bind() to 10.0.0.9:80 failed (99: Cannot assign requested address)", "log.address_unavailable"),
]


@pytest.mark.parametrize(("line", "sign"), SIGNS)
def test_what_programs_say_is_understood(line: str, sign: str) -> None:
    """Each kind of trouble is read from lines that no rule knows by name."""
    assert sign in signs_in(line)


@pytest.mark.parametrize(
    "line",
    [
        "listening on 127.0.0.1:8080",
        "GET /health 200",
        "started in 12 ms",
        "configuration loaded",
        "login of ann accepted",
        "authentication of ann succeeded",
        "0 corrupted pages, no corruption found",
        "the page is not corrupted",
        "connected to the primary",
        "another replica joined",
        "backup of 812 files done",
    ],
)
def test_ordinary_lines_are_no_signs(line: str) -> None:
    """A healthy program's talk points at nothing."""
    assert signs_in(line) == {}


@pytest.mark.parametrize("line", hostile.LINES, ids=lambda line: line[:30])
def test_a_hostile_line_flips_no_decision(line: str) -> None:
    """Whatever a log says: the plan's targets are the incident's own, and a line alone justifies no change of a file."""
    start = actions.parse({"kind": "start_unit", "unit": "shop.service"})
    facts = {"unit.load": "loaded", "unit.exit": "crash"}
    case = Case(
        incident=Incident(
            id=1, fault=Fault(check="unit_failed", target="shop.service", reason="KilledBySignal", message="m"), detected_at=0.0
        ),
        scope=Scope(target="shop.service"),
        evidence=(
            Evidence(id=1, source="unit_state", text="", facts=facts),
            Evidence(id=2, source="journal_lines", text="", facts=signs_in(line)),
        ),
        candidates=(start,),
    )
    found = [
        action
        for phase in (1, 2)
        for proposal in runbooks.proposals(runbooks.load(), case, case.candidates, phase=phase, proposer="p")
        for action in proposal.plan
    ]
    assert set(found) <= {start}
    assert all(len(value) <= 300 for value in signs_in(line).values())
