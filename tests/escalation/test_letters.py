"""What a mail says: alone complete as plain text, the same as HTML, and harmless whatever a log, a name or an expert says."""

import html.parser
import os
import time

import pytest

from escalation import Delivered, Desk
from escalation.letters import IN_FULL
from orchestrator.config import Config
from orchestrator.model import Minute, Severity
from tests.escalation.conftest import MailServer, Postman
from tests.escalation.made import an_incident
from tests.store.made import a_proposal

NOW = time.time() + 86_400
HOSTILE = '</pre><script>alert(1)</script><img src="http://evil/x"><a href="javascript:x">{{ 7 * 7 }}{% raw %}'


def test_a_problem_is_told_in_one_mail(desk: Desk, postman: Postman) -> None:
    """State first, then why; the link, the plan, the commands to act with, the story, the votes."""
    desk.minutes(1, [Minute(expert="safety", stance="propose", reasoning="the disk is fine", confidence=0.8)])
    body = "WHAT WAS SEEN\nit is gone"
    desk.escalate(an_incident(), "high risk", body=body, kind="approval", proposal=a_proposal(), expires_at=NOW + 900)
    assert desk.deliver(NOW) == Delivered(sent=1)
    (message,) = postman.taken
    assert message["Subject"] == "[web1] OPEN #1 HIGH web.service failed"
    assert (message["From"], message["To"]) == ("heal@web1", "ops@example.org")
    assert message["References"] is None
    headers = {
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "List-Id": "autonomous-orchestrator <escalations.web1>",
        "X-Orchestrator-Host": "web1",
        "X-Orchestrator-Severity": "high",
        "X-Orchestrator-State": "OPEN",
        "X-Orchestrator-Incident": "1",
        "X-Orchestrator-Escalation": "1",
    }
    assert {name: message[name] for name in headers} == headers
    (text,) = postman.texts()
    assert text.startswith("OPEN: high risk\n")
    said = ["http://127.0.0.1:8888/escalations/1", "systemctl start web.service", "risk low; can be undone", a_proposal().hash,
            "show 1", "approve 1", "reject 1", "ack 1", "resolve 1", "it is gone", "safety", "the disk is fine"]  # fmt: skip
    places = [text.index(words) for words in said]
    assert places == sorted(places)
    assert desk.deliver(NOW) == Delivered()


def test_plans_to_choose_among_are_numbered_as_the_command_counts_them(desk: Desk, postman: Postman) -> None:
    """Who proposed which, what would run, and the line that chooses it."""
    plans = {"log-reader": a_proposal().plan, "host-reader": a_proposal(kind="restart_unit").plan}
    desk.minutes(1, [Minute(expert=name, stance="propose", reasoning="so", confidence=0.7, plan=plan) for name, plan in plans.items()])
    desk.escalate(an_incident(), "the experts do not agree", body="", kind="decision")
    desk.deliver(NOW)
    (text,), (page,) = postman.texts(), postman.pages()
    found = desk.pending(1)
    assert found is not None
    assert len(found.options) == 2
    for n, option in enumerate(found.options, 1):
        assert f"{n}. by {option.experts[0]}, 70 % sure" in text
        assert option.plan[0].command() in text
        assert option.plan[0].command() in page
        assert f"    orchestrator escalations choose 1 {n}\n" in text
    assert "approve 1" not in text


def test_the_page_says_what_the_text_says(desk: Desk, postman: Postman) -> None:
    """HTML is the last alternative; it needs no style sheet, no image and nothing from elsewhere, and tells the same."""
    desk.escalate(an_incident(), "high risk", body="the story", kind="approval", proposal=a_proposal(), expires_at=NOW + 900)
    desk.deliver(NOW)
    (message,), (page,) = postman.taken, postman.pages()
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    for said in ("OPEN", "high risk", "web.service failed", "systemctl start web.service", "the story", "escalations approve 1"):
        assert said in page
    assert not {"<script", "<style", "<img", "<link", "@import", "url("} & {words for words in page.lower().split() if "<" in words}
    assert 'href="http://127.0.0.1:8888/escalations/1"' in page


class Elements(html.parser.HTMLParser):
    """The elements and links of a page, as a mail program would find them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links |= {value or "" for name, value in attrs if name in ("href", "src")}


@pytest.mark.parametrize("number", [1, IN_FULL + 3])
def test_nothing_from_a_log_a_name_or_an_expert_becomes_an_element(desk: Desk, postman: Postman, number: int) -> None:
    """Hostile words stand in the page as words, in a mail of one and in one of many."""
    for task in range(1, number + 1):
        desk.minutes(task, [Minute(expert=HOSTILE, stance="person", reasoning=HOSTILE)])
        desk.escalate(an_incident(task, HOSTILE), HOSTILE, body=HOSTILE, kind="input", question=HOSTILE)
    desk.deliver(NOW)
    (page,) = postman.pages()
    found = Elements(page)
    assert not found.names & {"script", "img", "iframe", "style", "form"}
    assert {link.split("/escalations")[0].rstrip("/") for link in found.links} == {"http://127.0.0.1:8888"}
    assert "{{ 7 * 7 }}" in page


def test_hostile_names_never_make_a_header(desk: Desk, postman: Postman) -> None:
    """Line ends, escape codes and endless text in a fault's message end as one bounded subject line."""
    hostile = "x\r\nBcc: all@example.org\r\n\r\nbody\x1b[31m\u202e" + "y" * 5000
    desk.escalate(an_incident(message=hostile), "a\r\nSubject: b\x00\x07", body="\x1b]0;title\x07" + "z" * 200_000)
    assert desk.deliver(NOW) == Delivered(sent=1)
    (message,) = postman.taken
    assert message["Bcc"] is None
    assert len(message.get_all("Subject") or []) == 1
    assert message["Subject"].startswith("[web1] OPEN #1 HIGH x Bcc: all@example.org body")
    assert len(message["Subject"]) <= 200
    (text,), (page,) = postman.texts(), postman.pages()
    assert len(text) < 70_000
    assert not set(text + page) & {"\x1b", "\x00", "\x07", "\u202e"}


def test_a_long_host_name_does_not_break_the_thread(server: MailServer, postman: Postman, tmp_path: object) -> None:
    """A Message-ID is never so long that Python encodes the header that names it."""
    with Desk(tmp_path / "state", server.mail(), "a-very-long-name-of-a-host." * 4 + "example.org") as desk:  # type: ignore[operator]
        desk.escalate(an_incident(), "first", body="")
        desk.deliver(NOW)
        desk.escalate(an_incident(), "second", body="")
        desk.deliver(NOW)
    first, second = postman.taken
    assert second["References"] == second["In-Reply-To"] == first["Message-ID"]
    for line in (b"In-Reply-To:", b"References:"):
        assert str(first["Message-ID"]).encode() in postman.raw[1].partition(line)[2].partition(b">")[0] + b">"


def test_words_of_every_language_arrive(desk: Desk, postman: Postman) -> None:
    """Text beyond ASCII goes through header and body, over servers that take seven bits alone."""
    desk.escalate(an_incident(message="дисκ 磁盘 full ☠"), "Grüße", body="ünï\n" + "長い" * 3000)
    desk.deliver(NOW)
    assert "дисκ 磁盘 full ☠" in postman.taken[0]["Subject"]
    assert "長い" * 3000 in postman.texts()[0]
    assert {part["Content-Transfer-Encoding"] for part in postman.taken[0].iter_parts()} <= {"base64", "quoted-printable", "7bit"}


def test_prose_is_wrapped_and_a_command_or_a_log_line_never(desk: Desk, postman: Postman) -> None:
    """What is to be copied stays one line, however long it is."""
    log = "WHAT WAS SEEN\n    " + "error: " * 40
    desk.escalate(an_incident(), "it was tried, and " * 20, body=log, kind="input", question="which one? " * 30)
    desk.deliver(NOW)
    (text,) = postman.texts()
    assert [line for line in text.splitlines() if len(line) > 78] == [log.splitlines()[1].rstrip()]


def test_times_are_the_host_s_own_and_utc(desk: Desk, postman: Postman, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on the reader's wall stands beside what is in the tables."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        desk.escalate(an_incident(), "nothing left", body="")
        desk.ledger.run("UPDATE escalations SET created_at = '2026-11-21 08:00:00.000'")
        desk.deliver(NOW)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "since 2026-11-21 08:00:00 UTC (2026-11-21 13:30 +0530 here)" in " ".join(postman.texts()[0].split())


def test_links_lead_where_people_reach_the_dashboard(desk: Desk, server: MailServer, postman: Postman) -> None:
    """Behind a proxy that is another address."""
    desk.configure(Config.model_validate({"mail": server.mail(), "dashboard": {"url": "https://ops.example.org"}}))
    desk.escalate(an_incident(), "nothing left", body="")
    desk.deliver(NOW)
    assert "\nhttps://ops.example.org/escalations/1\n" in postman.texts()[0]


def test_a_mail_of_many_names_them_all(desk: Desk, postman: Postman) -> None:
    """The worst stand in full, each of the others has a line, and all are counted."""
    for number in range(1, 51):
        severity = Severity.CRITICAL if number == 50 else Severity.WARNING
        desk.escalate(an_incident(number, f"u{number}.service failed", severity), "nothing left", body="the story")
    desk.deliver(NOW)
    (message,), (text,), (page,) = postman.taken, postman.texts(), postman.pages()
    assert message["Subject"].startswith("[web1] 50 OPEN: u50.service failed; u1.service failed;")
    assert text.startswith("50 open on web1 (1 critical, 49 warning); 50 stand open in all.")
    assert text.count("nothing left") == page.count("nothing left") == IN_FULL
    assert f"AND {50 - IN_FULL} MORE" in text
    for number in range(1, 51):
        assert f"#{number} {'CRITICAL' if number == 50 else 'WARNING'} u{number}.service failed\n" in text
        assert f'/escalations/{number}"' in page
    assert message["X-Orchestrator-Severity"] == "critical"
    assert message["X-Orchestrator-Escalation"].split(", ") == [str(number) for number in (50, *range(1, 50))]


def test_what_else_stands_is_named_in_the_mail_of_one(desk: Desk, postman: Postman) -> None:
    """Who reads one mail knows of the others, and who has them."""
    desk.escalate(an_incident(1, "a.service failed"), "nothing left", body="")
    desk.deliver(NOW)
    desk.ack(1, "eve")
    desk.escalate(an_incident(2, "b.service failed"), "nothing left", body="")
    desk.deliver(NOW)
    assert "ALSO OPEN\n#1 HIGH a.service failed (with eve)\n" in postman.texts()[1]


def test_a_later_mail_tells_what_happened_since(desk: Desk, postman: Postman) -> None:
    """Notes of people and of the daemon, so that nobody has to look up what somebody else has done."""
    desk.escalate(an_incident(), "nothing left", body="the story")
    desk.deliver(NOW)
    desk.note(1, "I called the data centre", "eve")
    desk.went_away(1, "it went away by itself")
    desk.deliver(NOW)
    text = postman.texts()[1]
    assert "eve: I called the data centre" in text
    assert "the story" not in text, "as it was when it was told first; it is over"


def test_the_clock_of_the_test_is_left_as_it_was() -> None:
    """The test of times above has put the zone back."""
    assert os.environ.get("TZ") != "Asia/Kolkata"
