"""The API: tokens open what they say, acts are the same as everywhere, and errors are problems that a program can read."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from dashboard.api import CALLS
from dashboard.api.openapi import document
from dashboard.app import frame
from dashboard.settings import Settings
from escalation import Desk, Escalation
from escalation.acts import ACTS
from escalation.doors import Doors, Right
from orchestrator.config import Config
from orchestrator.store import Store
from tests.cli.scenes import asked, escalated, fault, healed
from tests.cli.test_people import answering
from tests.dashboard.conftest import SAME_ORIGIN, Browser


class Program:
    """A program with a token."""

    def __init__(self, browser: Browser, token: str) -> None:
        self._browser = browser
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> TestResponse:
        return self._browser.get(f"/api/v1{path}", headers=self._headers)

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if data and "Content-Type" not in said else {}
        return self._browser.client.post(
            f"/api/v1{path}", base_url="http://127.0.0.1:8888", data=data, headers={**self._headers, **kind, **said}
        )


@pytest.fixture
def program(stranger: Browser, doors: Doors) -> Program:
    return Program(stranger, doors.create_token("ci", "write", "anna"))


def now(desk: Desk, number: int) -> Escalation:
    found = desk.find(number)
    assert found is not None
    return found


def problem(answer: TestResponse) -> dict[str, Any]:
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert answer.json["status"] == answer.status_code
    return dict(answer.json)


READS = (
    "/escalations",
    "/incidents",
    "/patterns",
    "/checks",
    "/windows",
    "/decisions",
    "/audit",
    "/status",
    "/metrics",
    "/series",
    "/openapi.json",
)


@pytest.mark.parametrize("path", READS)
def test_looking_needs_a_token_that_may_look(stranger: Browser, doors: Doors, path: str) -> None:
    """None, a wrong one, a revoked one, and one for alerts alone get nothing."""
    assert Program(stranger, doors.create_token("r", "read", "anna")).get(path).status_code == 200
    assert Program(stranger, doors.create_token("w", "write", "anna")).get(path).status_code == 200
    assert problem(Program(stranger, doors.create_token("a", "alerts", "anna")).get(path))["status"] == 403
    gone = doors.create_token("gone", "read", "anna")
    doors.revoke(doors.tokens()[-1].id)
    for token in (gone, "orc_r_wrong", "", "ä", "orc_r_" + "x" * 5000):
        assert problem(Program(stranger, token.encode().decode("latin-1")).get(path))["status"] == 401
    answer = stranger.get(f"/api/v1{path}")
    assert problem(answer)["status"] == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("right", ["read", "alerts"])
def test_a_token_that_may_only_look_changes_nothing(stranger: Browser, doors: Doors, store: Store, desk: Desk, right: Right) -> None:
    """Every act of the API refuses it, before it reads what is asked."""
    escalated(store, desk)
    program = Program(stranger, doors.create_token("r", right, "anna"))
    program.get("/status")  # its first use is written down
    before = list(desk.ledger.db.conn.iterdump())
    for call in CALLS:
        if call.right == "write":
            assert program.post(re.sub(r"<[^>]+>", "1", call.path), {}).status_code == 403, call.path
    assert list(desk.ledger.db.conn.iterdump()) == before


def test_what_was_sent_is_not_sent_back_whole(stranger: Browser, doors: Doors) -> None:
    """A megabyte of a name that nobody knows is told as one that nobody knows."""
    program = Program(stranger, doors.create_token("w", "write", "anna"))
    answer = program.post("/escalations/1/ack", {"\x1b[31m" + "x" * 500_000: 1})
    assert problem(answer)["status"] == 422
    assert len(answer.data) < 2000
    assert "\\u001b" not in answer.text


def test_a_session_may_look_and_not_act(anna: Browser, store: Store, desk: Desk) -> None:
    """A page of our own reads with its session; an act by cookie alone is refused, wherever it comes from."""
    _, number = escalated(store, desk)
    assert anna.get("/api/v1/status", headers=SAME_ORIGIN).status_code == 200
    answer = anna.client.post(
        f"/api/v1/escalations/{number}/ack",
        base_url="http://127.0.0.1:8888",
        json={},
        headers={**SAME_ORIGIN, "X-CSRF-Token": anna.csrf_token()},
    )
    assert problem(answer)["status"] == 401
    assert now(desk, number).status == "open"


def test_an_act_is_done_in_the_tokens_name(program: Program, store: Store, desk: Desk) -> None:
    """Acknowledged, with the new state in the answer and what takes it back."""
    _, number = escalated(store, desk)
    answer = program.post(f"/escalations/{number}/ack", {"note": "on it"})
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["escalation"]["owner"] == "token ci"
    assert answer.json["undo"] == {"of": "escalation", "verb": "unack", "number": number, "fields": {}}
    assert program.post(f"/escalations/{number}/unack").status_code == 200
    assert now(desk, number).status == "open"


def test_what_was_seen_is_what_is_acted_on(program: Program, store: Store, desk: Desk) -> None:
    """With the ETag as If-Match an act on something that moved on is a 409 with the newer state, and does nothing."""
    _, number = escalated(store, desk)
    seen = program.get(f"/escalations/{number}").headers["ETag"]
    desk.ack(number, "bert")
    word = {"resolution": "x", "anyway": True}
    resolve = f"/escalations/{number}/resolve"
    for sent in (program.post(resolve, word, If_Match=seen), program.post(resolve, {**word, "version": int(seen.strip('"'))})):
        assert problem(sent)["status"] == 409
        assert problem(sent)["newer"]["owner"] == "bert"
    assert now(desk, number).status == "acknowledged"
    assert problem(program.post(f"/escalations/{number}/unack", {}, If_Match="*"))["status"] == 400


def test_the_same_key_is_the_same_act(program: Program, store: Store, desk: Desk) -> None:
    """Sent again after a lost answer: the answer is the same, and it was done once."""
    _, number = escalated(store, desk)
    first = program.post(f"/escalations/{number}/note", {"text": "the disk is loose"}, Idempotency_Key="7c1f")
    again = program.post(f"/escalations/{number}/note", {"text": "the disk is loose"}, Idempotency_Key="7c1f")
    assert (first.status_code, first.json) == (again.status_code, again.json)
    assert [note["text"] for note in desk.ledger.rows("SELECT text FROM notes WHERE text LIKE 'the disk%'")] == ["the disk is loose"]
    for _ in range(2):
        assert program.post("/windows", {"seconds": 60, "reason": "work"}, Idempotency_Key="pause-1").status_code == 202
    assert store.ledger.rows("SELECT COUNT(*) AS n FROM inbox") == [{"n": 1}]
    assert problem(program.post("/windows", {"seconds": 60, "reason": "work"}, Idempotency_Key="a b"))["status"] == 400


def test_another_act_under_the_same_key_is_done(program: Program, store: Store, desk: Desk) -> None:
    """A caller that uses a key twice is not told of hands off that nobody took."""
    del desk
    for reason in ("deploy 7", "deploy 8"):
        assert program.post("/windows", {"seconds": 60, "reason": reason}, Idempotency_Key="deploy").status_code == 202
    assert [json.loads(row["args"])["reason"] for row in store.ledger.rows("SELECT args FROM inbox")] == ["deploy 7", "deploy 8"]


def test_a_fault_that_stands_needs_anyway(program: Program, store: Store, desk: Desk) -> None:
    """409 with since when; with the second word it is done."""
    _, number = escalated(store, desk)
    assert "still stands" in problem(program.post(f"/escalations/{number}/resolve", {"resolution": "done"}))["detail"]
    assert program.post(f"/escalations/{number}/resolve", {"resolution": "done", "anyway": True}).status_code == 200


def test_a_decision_waits_for_a_stopped_daemon(program: Program, store: Store, desk: Desk) -> None:
    """202, with why it waits and the decision's number, under which it can be asked for."""
    _, number, proposal = asked(store, desk)
    answer = program.post(f"/escalations/{number}/approve", {"hash": proposal.hash})
    assert answer.status_code == 202
    assert answer.json is not None
    assert "has not run" in answer.json["waits"]
    decision = program.get(f"/decisions/{answer.json['decision']}").json
    assert decision is not None
    assert (decision["verb"], decision["result"]) == ("approve", None)


def test_a_living_daemon_answers(program: Program, store: Store, desk: Desk) -> None:
    """200 with what it made of it; its refusal is a 409."""
    _, number, proposal = asked(store, desk)
    with answering(store, desk):
        assert problem(program.post(f"/escalations/{number}/approve", {"hash": "0" * 16}))["detail"].startswith("refused")
        answer = program.post(f"/escalations/{number}/approve", {"hash": proposal.hash})
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["text"].startswith("approved")


def test_many_are_answered_each_for_itself(program: Program, store: Store, desk: Desk) -> None:
    """Done, moved on, or unknown: each has its own answer, and a repeated number is one."""
    numbers = [escalated(store, desk, fault(f"shop@{n}.service"))[1] for n in range(2)]
    desk.resolve(numbers[1], "done", "bert")
    answer = program.post("/escalations/bulk", {"ids": [*numbers, 99, numbers[0]], "act": "ack", "body": {"note": "mine"}})
    assert answer.status_code == 200
    assert answer.json is not None
    told = [(item["id"], (item["done"] or {}).get("text", ""), (item["problem"] or {}).get("status")) for item in answer.json["results"]]
    assert [(number, status) for number, _, status in told] == [(numbers[0], None), (numbers[1], 409), (99, 404)]
    assert now(desk, numbers[0]).status == "acknowledged"


def test_lists_are_filtered_and_paged(program: Program, store: Store, desk: Desk) -> None:
    """As the pages' addresses do; an unknown filter is named."""
    numbers = [escalated(store, desk, fault(f"shop@{n}.service"))[1] for n in range(3)]
    first = program.get("/escalations?limit=2&sort=oldest").json
    assert first is not None
    assert [row["id"] for row in first["rows"]] == numbers[:2]
    second = program.get(f"/escalations?limit=2&sort=oldest&after={first['next']}").json
    assert second is not None
    assert [row["id"] for row in second["rows"]] == numbers[2:]
    assert "colour" in problem(program.get("/escalations?colour=red"))["detail"]
    assert problem(program.get("/incidents?status=snoozed"))["status"] == 422
    assert problem(program.get("/windows?limit=9999"))["errors"][0]["field"] == "limit"


def test_one_thing_is_told_whole(program: Program, store: Store, desk: Desk) -> None:
    """An escalation, an incident with similar ones, a pattern with what it would have met."""
    healed(store, fault("shop@1.service"))
    incident, number = escalated(store, desk, fault("shop@2.service"))
    story = program.get(f"/incidents/{incident}").json
    assert story is not None
    assert len(story["minutes"]) == 3
    assert [row["id"] for row in story["similar"]] == [1]
    found = program.get(f"/escalations/{number}").json
    assert found is not None
    assert found["task"]["id"] == incident
    pattern = program.get("/patterns/1").json
    assert pattern is not None
    assert pattern["preview"]["total"] >= 1


WRONG: tuple[tuple[str, Any, dict[str, str], int], ...] = (
    ("/escalations/1/ack", {"colour": "red"}, {}, 422),
    ("/escalations/1/ack", {"version": "1"}, {}, 422),
    ("/escalations/1/ack", {"version": 1.5}, {}, 422),
    ("/escalations/1/ack", {"note": 1}, {}, 422),
    ("/escalations/1/ack", [], {}, 422),
    ("/escalations/1/ack", None, {"Content-Type": "text/plain"}, 200),
    ("/escalations/1/note", {}, {}, 422),
    ("/escalations/1/note", {"text": "x" * 4001}, {}, 422),
    ("/escalations/1/note", b"{", {}, 400),
    ("/escalations/1/note", b'{"text": "\xff"}', {}, 400),
    ("/escalations/1/note", b'{"text": "\\ud800"}', {}, 400),
    ("/escalations/1/note", b"[" * 100_000, {}, 400),
    ("/escalations/1/note", {"text": "x"}, {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ("/escalations/1/note", b'{"text": "' + b"x" * 1_100_000 + b'"}', {}, 413),
    ("/escalations/1/snooze", b'{"seconds": NaN}', {}, 422),
    ("/escalations/1/snooze", b'{"seconds": 1e999}', {}, 422),
    ("/escalations/1/edit", {"hash": "0" * 16, "plan": [1]}, {}, 422),
    ("/escalations/1/edit", {"hash": "0" * 16, "plan": [{"kind": "rm", "argv": ["-rf", "/"]}]}, {}, 422),
    ("/escalations/1/edit", {"hash": "0" * 16, "plan": {"kind": "restart_unit"}}, {}, 422),
    ("/escalations/1/explode", {}, {}, 404),
    ("/escalations/999/ack", {}, {}, 404),
    (f"/escalations/{2**63}/ack", {}, {}, 404),
    ("/patterns", {"task_id": 10**30, "plan": []}, {}, 422),
    ("/patterns/1/trust", {}, {}, 404),
    ("/windows/1/end", {}, {}, 404),
    ("/windows", {"service": "nothing", "seconds": 5, "reason": "x"}, {}, 404),
    ("/escalations/bulk", {"ids": [], "act": "ack"}, {}, 422),
    ("/escalations/bulk", {"ids": [1] * 201, "act": "ack"}, {}, 422),
    ("/escalations/bulk", {"ids": [1], "act": "__class__"}, {}, 422),
    ("/escalations/bulk", {"ids": [1], "act": "explode"}, {}, 404),
    ("/escalations/bulk", {"ids": [1], "act": "note", "body": {"text": 1}}, {}, 422),
    ("/status", {}, {}, 405),
    ("/nothing", {}, {}, 404),
)


@pytest.mark.parametrize(("path", "body", "headers", "status"), WRONG)
def test_what_makes_no_sense_is_a_problem(
    program: Program, store: Store, desk: Desk, path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    """Never a 500: each wrong word is told with its place."""
    escalated(store, desk)
    answer = program.post(path, body, **headers)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert problem(answer)["detail"]


def test_a_wrong_method_is_told_the_right_one(program: Program) -> None:
    """405 names what the address understands."""
    assert program.post("/status", {}).headers["Allow"] == "GET, HEAD"


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1"):
            for method in (rule.methods or set()) - {"HEAD"}:
                yield method.lower(), re.sub(r"<(?:[^:>]+:)?(\w+)>", r"{\1}", rule.rule.removeprefix("/api/v1"))


def test_the_document_says_what_the_routes_do(config: Config) -> None:
    """Every route but its own is in it, and nothing else; every act of a person is there; every name it refers to exists."""
    told = document(CALLS)
    written = {(method, path) for path, item in told["paths"].items() for method in item}
    assert written == set(routes(frame(Settings(config)))) - {("get", "/openapi.json")}
    assert {call.body for call in CALLS} >= set(ACTS.values())
    names = set(re.findall(r'"#/components/(\w+/[^"]+)"', json.dumps(told)))
    assert names == {f"{kind}/{name}" for kind in ("schemas", "responses") for name in told["components"][kind]} & names
    assert all(item.split("/")[1] in told["components"][item.split("/")[0]] for item in names)


def test_without_a_database_it_says_what_is_missing(stranger: Browser) -> None:
    """503 as a problem, to whoever asks with whatever."""
    answer = stranger.get("/api/v1/status", headers={"Authorization": "Bearer orc_r_x"})
    assert "the daemon makes it when it starts" in problem(answer)["detail"]
    assert answer.status_code == 503
