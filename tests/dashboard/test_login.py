"""The door: nobody gets in without a link, a link lets in once, and nothing is done for other sites."""

import pytest

from dashboard.login import local
from escalation import Desk
from escalation.doors import Doors
from orchestrator.store import Store
from tests.cli.scenes import escalated
from tests.dashboard.conftest import SAME_ORIGIN, Browser

PAGES = (
    "/",
    "/escalations/1",
    "/incidents",
    "/incidents/1",
    "/patterns",
    "/success",
    "/checks",
    "/maintenance",
    "/decisions",
    "/nothing",
    "/static-not",
)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_shut(stranger: Browser, desk: Desk, path: str) -> None:
    """Who is not logged in is led to the door, whether there is such a page or not."""
    del desk
    answer = stranger.get(path)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login")


@pytest.mark.parametrize("path", ["/escalations/1/ack", "/escalations/bulk", "/host/pause", "/logout", "/nothing"])
def test_every_act_is_shut(stranger: Browser, desk: Desk, path: str) -> None:
    """Without a session nothing is done, even where the request comes from our own pages."""
    del desk
    assert stranger.post(path, {"seconds": "60", "reason": "x", "ids": "1", "verb": "ack"}).status_code == 403


def test_the_button_lets_in_and_the_link_alone_does_not(stranger: Browser, doors: Doors) -> None:
    """Opening the link shows whom it is for and sets no cookie; the button does, once."""
    link = doors.invite("anna")
    page = stranger.get(f"/login?token={link}&next=/checks")
    assert "anna" in page.text
    assert "Set-Cookie" not in page.headers
    answer = stranger.post("/login", {"token": link, "next": "/checks"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/checks")
    assert stranger.get("/").status_code == 200
    assert stranger.post("/login", {"token": link}).status_code == 403


def test_the_page_that_a_mail_led_to_comes_after_the_door(stranger: Browser, doors: Doors) -> None:
    """The printed link knows nothing of it, and finds it once; a page elsewhere is never gone to."""
    stranger.get("/escalations/7?all=1", {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"})
    entered = stranger.post("/login", {"token": doors.invite("anna")})
    assert entered.headers["Location"] == "/escalations/7?all=1"
    assert stranger.post("/login", {"token": doors.invite("anna")}).headers["Location"] == "/"
    stranger.client.set_cookie("orchestrator_8888_wanted", "//evil.example/", domain="127.0.0.1")
    assert stranger.post("/login", {"token": doors.invite("anna")}).headers["Location"] == "/"


def test_the_cookie_is_as_tight_as_can_be(stranger: Browser, doors: Doors) -> None:
    """No script reads it, no other site's request carries it, and it is not the link's secret."""
    link = doors.invite("anna")
    cookie = stranger.post("/login", {"token": link}).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert link not in cookie


def test_a_wrong_link_tells_how_to_get_a_right_one(stranger: Browser, doors: Doors) -> None:
    """The page names the command."""
    del doors
    assert "orchestrator dashboard url" in stranger.get("/login?token=wrong").text
    assert stranger.post("/login", {"token": "wrong"}).status_code == 403
    assert stranger.post("/login", {}).status_code == 403


def test_before_a_database_exists_the_door_says_what_is_missing(stranger: Browser) -> None:
    """No error, but the file and who makes it."""
    page = stranger.get("/login?token=x")
    assert page.status_code == 200
    assert "the daemon makes it when it starts" in page.text
    assert stranger.post("/login", {"token": "x"}).status_code == 503
    assert stranger.get("/").headers["Location"] == "/login"


def test_the_logout_ends_the_session(anna: Browser) -> None:
    """A copied cookie opens nothing afterwards."""
    cookie = anna.client.get_cookie("orchestrator_8888", "127.0.0.1")
    assert cookie is not None
    assert anna.act("/logout").status_code == 303
    anna.client.set_cookie("orchestrator_8888", cookie.value, domain="127.0.0.1")
    assert anna.get("/").status_code == 303


def test_a_form_needs_this_sessions_token(anna: Browser, store: Store, desk: Desk) -> None:
    """Without it, with a wrong one, or with that of another session, nothing is done."""
    _, number = escalated(store, desk)
    for form in ({}, {"csrf_token": ""}, {"csrf_token": "0" * 64}, {"csrf_token": "\u00e4"}):
        assert anna.post(f"/escalations/{number}/ack", form).status_code == 403
    found = desk.find(number)
    assert found is not None
    assert found.status == "open"


def test_another_site_cannot_act_in_her_name(anna: Browser, store: Store, desk: Desk) -> None:
    """Even with her cookie and her form's token: the browser says where it comes from."""
    _, number = escalated(store, desk)
    form = {"csrf_token": anna.csrf_token()}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}, {}):
        assert anna.post(f"/escalations/{number}/ack", form, headers=headers).status_code == 403
    assert anna.post(f"/escalations/{number}/ack", form, headers=SAME_ORIGIN).status_code == 303


def test_a_link_from_a_web_mail_finds_her_session(stranger: Browser, doors: Doors) -> None:
    """The strict cookie does not come along from another site; a page of our own asks again, and then it does."""
    del doors
    answer = stranger.get("/incidents?q=%22%3E%3Cb%3E", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh" content="0;url=/incidents?q=' in answer.text
    assert "<b>" not in answer.text
    assert stranger.get("/incidents", headers=SAME_ORIGIN).status_code == 303


def test_a_background_request_is_told_to_go_to_the_door(stranger: Browser, doors: Doors) -> None:
    """A page that refreshes itself after the session's end leads its reader to the door."""
    del doors
    answer = stranger.get("/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login")


ELSEWHERE = (
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "",
    "/a\nb",
    "/login?x",
    "x",
)


@pytest.mark.parametrize("path", ELSEWHERE)
def test_after_the_login_one_stays_here(path: str) -> None:
    """What leads elsewhere leads to the first page."""
    assert local(path) == "/"


def test_after_the_login_one_gets_where_one_wanted() -> None:
    """A page of ours, with its filter."""
    assert local("/incidents?status=open&q=a%20b") == "/incidents?status=open&q=a%20b"
