"""A person in a real browser, the daemon and its dashboard as their shipped units, and a host on which the clicks do something."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.browser import chromium
from tests.browser.chromium import Browser, in_network_of
from tests.lab.host import CONFIG, Host

pytestmark = pytest.mark.timeout(300)
"""What a person takes in hand is not called over at once, nor is an alert believed at once: a minute each."""

SETTINGS = """
[daemon]
poll_seconds = 2
settle_seconds = 1
relapse_seconds = 1
boot_grace_seconds = 0
[mail]
enabled = false
"""
DESK = """
[[service]]
name = "desk"
unit = "desk.service"
probes = [ { http = "http://127.0.0.1:9001/health", status = 200, timeout_seconds = 2 } ]
depends_on = ["hub.service"]
[[service]]
name = "hub"
unit = "hub.service"
"""
HUB = "[Service]\nExecStartPre=/usr/bin/touch /run/desk.token\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
WEB = "[Service]\nExecStart=/opt/lab/webapp.py --config /etc/{0}.conf\n[Install]\nWantedBy=multi-user.target\n"


@pytest.fixture
def person(lab: Host) -> Iterator[Browser]:
    """Somebody who sits at the host; the browser is in its network. The link is asked for when the daemon runs: `enter`."""
    if reason := chromium.unavailable():
        pytest.skip(reason)
    with in_network_of(lab.pid), Browser() as browser:
        yield browser


def enter(person: Browser, lab: Host) -> None:
    lab.start_dashboard()
    link = re.search(r"http://\S+", lab.orchestrator("dashboard", "url").out)
    assert link
    person.open(link.group())
    person.click("#log-in")
    person.wait(lambda: "/login" not in person.address)


def web(lab: Host, name: str, port: int, more: str = "") -> None:
    """A web service that runs, answers and is enabled."""
    lab.write(f"/etc/{name}.conf", f"port = {port}\n{more}\n")
    lab.unit(f"{name}.service", WEB.format(name))
    lab.ok(f"systemctl enable -q --now {name}; until curl -sf -m 2 http://127.0.0.1:{port}/health; do sleep 0.1; done")


def learn(lab: Host, config: str) -> None:
    """Start the daemon, and wait until it knows what runs here."""
    lab.start_daemon(SETTINGS + config)
    lab.wait_until(lambda: lab.sql("SELECT 1 FROM baseline"), 20, "a baseline")


def number_of_open(lab: Host) -> int:
    lab.wait_until(lambda: lab.sql("SELECT 1 FROM escalations WHERE status != 'resolved'", db="escalations"), 90, "an escalation")
    return int(lab.sql("SELECT id FROM escalations WHERE status != 'resolved'", db="escalations")[0]["id"])


def test_what_is_approved_in_the_browser_runs_and_is_proved(lab: Host, person: Browser) -> None:
    """A stranger's program holds the port: after one click exactly the plan of the page has run, and the service answers its users."""
    web(lab, "shop", 9000)
    learn(lab, '[[service]]\nname = "shop"\nunit = "shop.service"\nport = 9000\nprobes = [ { http = "http://127.0.0.1:9000/health" } ]\n')
    take = "setsid -f python3 -c 'import http.server as h; h.HTTPServer((\"127.0.0.1\", 9000), h.BaseHTTPRequestHandler).serve_forever()'"
    lab.ok(f"systemctl kill -s KILL shop; until {take} </dev/null >/dev/null 2>&1; do :; done")
    enter(person, lab)
    number = number_of_open(lab)
    person.open(f"http://127.0.0.1:8888/escalations/{number}")
    plan = person.find("#plan-hash").text
    person.click("#approve")
    incident = lab.incident("shop.service", "fixed")
    assert [row["hash"] for row in lab.sql("SELECT hash FROM attempts WHERE outcome = 'healed'")] == [plan]
    assert incident["fix_successful"] == 0, "a person's word healed it, and it counts so"
    lab.ok("curl -sf -m 2 http://127.0.0.1:9000/health")
    person.wait_for("HEALED by")


def test_what_a_person_taught_is_the_quick_fix_of_the_next_time(lab: Host, person: Browser) -> None:
    """Nobody knows what the desk lacks. A person resolves it with the plan that mends it; next time phase 1 does that alone."""
    lab.unit("hub.service", HUB)
    lab.ok("systemctl enable -q --now hub")
    web(lab, "desk", 9001, "needs = /run/desk.token")
    learn(lab, DESK)
    lab.ok("rm /run/desk.token")
    enter(person, lab)
    number = number_of_open(lab)
    first = lab.incident("desk.service", "escalated")
    lab.ok("systemctl restart hub; curl -sf -m 2 http://127.0.0.1:9001/health")
    person.open(f"http://127.0.0.1:8888/escalations/{number}/teach")
    person.fill("#plan", "restart_unit unit=hub.service")
    person.fill("#resolution", "the hub had lost the token of the desk")
    if person.all("#anyway"):
        person.click("#anyway")
    person.click("#teach-now")
    person.wait(lambda: lab.sql("SELECT 1 FROM patterns WHERE origin LIKE 'person:%'"), "a pattern of a person")
    lab.incident("desk.service", "cleared", "fixed", "dismissed")
    lab.ok("rm /run/desk.token")
    again = lab.incident("desk.service", "fixed")
    assert again["id"] > first["id"]
    (attempt,) = lab.sql(f"SELECT phase, origin, outcome FROM attempts WHERE task_id = {again['id']}")  # noqa: S608  # a number
    assert (attempt["phase"], attempt["origin"].partition(":")[0], attempt["outcome"]) == (1, "pattern", "healed")


def test_with_the_daemon_dead_the_page_keeps_the_click(lab: Host, person: Browser) -> None:
    """The daemon is killed: the page says that nobody watches, takes the approval all the same, and the next daemon carries it out once."""
    web(lab, "shop", 9000)
    learn(lab, '[[service]]\nname = "shop"\nunit = "shop.service"\nport = 9000\nprobes = [ { http = "http://127.0.0.1:9000/health" } ]\n')
    take = "setsid -f python3 -c 'import http.server as h; h.HTTPServer((\"127.0.0.1\", 9000), h.BaseHTTPRequestHandler).serve_forever()'"
    lab.ok(f"systemctl kill -s KILL shop; until {take} </dev/null >/dev/null 2>&1; do :; done")
    enter(person, lab)
    number = number_of_open(lab)
    lab.ok(f"systemctl stop autonomous-orchestrator; test -s {CONFIG}")
    person.open(f"http://127.0.0.1:8888/escalations/{number}")
    person.wait_for("NOT WATCHED")
    person.click("#approve")
    person.wait_for("left for the daemon")
    lab.ok("systemctl start autonomous-orchestrator")
    lab.incident("shop.service", "fixed")
    assert len(lab.sql("SELECT 1 FROM attempts WHERE executed = 1 AND outcome = 'healed'")) == 1


def test_an_alert_about_a_unit_that_nobody_declared_is_told_and_taken_back(lab: Host) -> None:
    """Its sender's token opens nothing else. The unit runs, so that a person is told and nothing is touched; taken back, it is over."""
    lab.unit("lamp.service", "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n")
    lab.ok("systemctl enable -q --now lamp")
    learn(lab, "")
    lab.start_dashboard()
    token = lab.orchestrator("dashboard", "token", "create", "alertmanager", "--alerts").out.split()[-1]
    run = lab.show("lamp.service", "InvocationID")

    def say(status: str, unit: str) -> str:
        alert = {
            "status": status,
            "labels": {"alertname": "LampFlickers", "name": unit},
            "startsAt": "2026-01-01T00:00:00Z",
            "fingerprint": unit,
        }
        given = json.dumps({"version": "4", "status": status, "alerts": [alert]})
        post = f"curl -sf -m 5 -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' --data-binary @-"
        return lab.ok(f"{post} http://127.0.0.1:8888/api/v1/alerts", given=given)

    say("firing", "nowhere.service")
    say("firing", "lamp.service")
    incident = lab.incident("lamp.service", "escalated", timeout=100)
    assert incident["check_name"] == "alert"
    assert lab.show("lamp.service", "InvocationID") == run, "it was not touched"
    say("resolved", "lamp.service")
    lab.incident("lamp.service", "cleared")
    assert [row["target"] for row in lab.incidents()] == ["lamp.service"], "what this host has not is no fault of it"
    assert (
        lab.sh(f"curl -s -o /dev/null -w '%{{http_code}}' -H 'Authorization: Bearer {token}' http://127.0.0.1:8888/api/v1/incidents").out
        == "403"
    )
