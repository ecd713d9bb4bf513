"""The pages on real rows: each renders, is safe whatever the rows say, and leads nowhere that is not there."""

import json
import re
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from dashboard.app import frame
from dashboard.settings import Settings
from escalation import Desk
from orchestrator.checks import all_checks
from orchestrator.config import Config
from orchestrator.model import Blind, Evidence, Minute, Severity, utc
from orchestrator.store import Inbox, Lesson, Store
from tests.cli.scenes import asked, escalated, fault, healed, opened, plan, store_case
from tests.dashboard.conftest import Browser
from tests.dashboard.markup import Markup

LISTS = ("/", "/incidents", "/patterns", "/experts", "/success", "/checks", "/maintenance", "/decisions")
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> {{ 7 * 7 }} {% raw %} \"'> javascript:alert(3) \x1b[2J"
VENDOR = Path("dashboard/static/vendor")
WORDS = re.compile(r"^on|^style$|^srcdoc$|^formaction$")
"""Attributes that run or look like what nobody reviewed; a form's own action is the only one."""
FOCUSABLE = ("a", "button", "input", "select", "textarea", "summary")


@pytest.fixture
def lived_in(store: Store, desk: Desk, state_dir: Path) -> dict[str, int]:
    """A host with something on every page; hostile wherever words come from elsewhere."""
    hurt = healed(store, fault("web.service", f"web.service {HOSTILE}"))
    task, escalation = escalated(store, desk, fault("api.service", f"api.service {HOSTILE}"))
    store.add_evidence(task, (Evidence(source=f"journal {HOSTILE}"[:60], text=HOSTILE),))
    desk.minutes(task, (Minute(expert="log-reader", stance="person", reasoning=HOSTILE, backend=HOSTILE[:30], evidence_ids=(1,)),))
    desk.note(escalation, HOSTILE, "bert <b>")
    _, question, proposal = asked(store, desk)
    store.pause("shop", until=4e9, reason=HOSTILE, actor="<i>anna")
    store.observe("disk_full", Blind(reason=HOSTILE), 1e9)
    lesson = Lesson(expert="log-reader", stance="propose", kinds=("restart_unit",), fact=HOSTILE, proved="healed")
    store.remember(store_case(store, task), (lesson, lesson.model_copy(update={"expert": "dns", "kinds": ()})))
    store.ledger.run("UPDATE expert_memory SET fact = ?, target = ?, service = ?, said_by = ?, proved = ?", (HOSTILE * 50,) * 5)
    desk.minutes(task, (Minute(expert=HOSTILE[:30], stance="nothing", reasoning=HOSTILE),))
    with closing(Inbox(state_dir)) as inbox:
        inbox.put("approve", {"escalation_id": question, "hash": proposal.hash}, "anna")
        inbox.put(HOSTILE, {"escalation_id": HOSTILE, "task_id": [1], "service": HOSTILE}, HOSTILE)
    return {"incident": hurt, "escalated": task, "escalation": escalation, "question": question, "pattern": 1}


@pytest.fixture
def addresses(lived_in: dict[str, int]) -> tuple[str, ...]:
    numbers = lived_in
    return (
        *LISTS,
        f"/escalations/{numbers['escalation']}",
        f"/escalations/{numbers['question']}",
        f"/escalations/{numbers['escalation']}/teach",
        f"/incidents/{numbers['incident']}",
        f"/incidents/{numbers['escalated']}?seen=all",
        f"/patterns/{numbers['pattern']}",
        *(f"/patterns/{numbers['pattern']}/{verb}" for verb in ("trust", "demote", "forget")),
        f"/patterns/teach?incident={numbers['incident']}",
        "/experts/log-reader",
        "/experts/researcher",
        *(f"/experts/{quote(member, safe='')}" for member in ("dns", HOSTILE[:30])),
        "/memories/1/forget",
        "/memories/1/correct",
        "/?status=resolved",
        "/?tray=true",
        "/success?days=90",
    )


@pytest.fixture
def read(anna: Browser) -> Callable[[str], Markup]:
    """A page that anna sees."""

    def page(address: str) -> Markup:
        answer = anna.get(address)
        assert answer.status_code == 200, f"{address}: {answer.text[-2000:]}"
        return Markup(answer.text)

    return page


@pytest.fixture
def app(config: Config) -> Flask:
    return frame(Settings(config))


def is_route(app: Flask, method: str, path: str) -> bool:
    try:
        app.url_map.bind("x").match(path, method=method)
    except HTTPException:
        return False
    return True


def test_no_page_holds_anything_that_runs(addresses: tuple[str, ...], read: Callable[[str], Markup]) -> None:
    """Neither script nor style nor handler stands in a page, whatever the rows say; links lead to our own pages only."""
    for address in addresses:
        page = read(address)
        assert not "".join(page.loose).strip(), address
        assert not page.all("style", "iframe", "object", "embed"), address
        assert all(script["src"].startswith("/static/") for script in page.all("script")), address
        assert all(image["src"].startswith("/static/") for image in page.all("img")), address
        assert not [name for _, attributes in page.tags for name in attributes if WORDS.match(name)], address
        assert all(urlsplit(link).scheme == "" and link.startswith(("/", "#")) for link in page.links), address


def test_what_others_wrote_is_read_as_it_is(lived_in: dict[str, int], read: Callable[[str], Markup]) -> None:
    """Marks of HTML and of templates are letters; what a terminal would obey is gone."""
    page = read(f"/escalations/{lived_in['escalation']}")
    for words in ("<script>alert(1)</script>", "{{ 7 * 7 }}", "{% raw %}", "bert <b>"):
        assert words in page.text
    assert "\x1b" not in page.text


def test_every_link_and_every_form_leads_somewhere(
    addresses: tuple[str, ...], read: Callable[[str], Markup], anna: Browser, app: Flask
) -> None:
    """Each address that a page offers answers; each form is taken by a route; each place on the page is there."""
    seen: set[str] = set()
    for address in addresses:
        page = read(address)
        for link in page.links:
            path, _, place = link.partition("#")
            if not path:
                assert place in page.ids, f"{address}: #{place}"
            elif link not in seen:
                seen.add(link)
                assert anna.get(path).status_code == 200, f"{address}: {link}"
        for method, action in page.forms:
            assert is_route(app, method.upper(), action), f"{address}: {method} {action}"


def test_what_can_have_the_focus_keeps_it(addresses: tuple[str, ...], read: Callable[[str], Markup]) -> None:
    """A refresh finds by its id what has the focus: each has one, and no id is there twice; each label names its field."""
    for address in addresses:
        page = read(address)
        assert len(page.ids) == len(set(page.ids)), f"{address}: {[it for it in page.ids if page.ids.count(it) > 1]}"
        for tag, attributes in page.tags:
            if tag in FOCUSABLE and attributes.get("type") != "hidden" and "ref" not in attributes.get("class", ""):
                assert "id" in attributes, f"{address}: {tag} {attributes}"
        for label in page.all("label"):
            assert label["for"] in page.ids, address


def test_every_form_that_changes_something_carries_the_session_s_token(addresses: tuple[str, ...], anna: Browser) -> None:
    """And the way back to the page that it stands on."""
    for address in addresses:
        page = anna.get(address).text
        for form in re.findall(r'<form[^>]*method="post".*?</form>', page, re.DOTALL):
            assert 'name="csrf_token" value="' in form, f"{address}: {form[:200]}"
            assert 'name="next" value="/' in form, f"{address}: {form[:200]}"


@pytest.mark.parametrize("address", LISTS)
def test_before_anything_happened_each_page_says_what_to_do(address: str, anna: Browser) -> None:
    """No daemon has run, no row is there: a page all the same, which says that nobody watches."""
    answer = anna.get(address)
    assert answer.status_code == 200
    assert "NOT WATCHED: it has not run on this state directory yet" in answer.text


def test_a_watched_host_is_called_that(read: Callable[[str], Markup], store: Store) -> None:
    """The strip on every page says who watches, how far it may go, and what is kept off."""
    store.remember_tick(time.time(), {})
    store.pause("shop", until=4e9, reason="kernel upgrade", actor="anna")
    page = read("/checks")
    for words in ("Watched, last look", "mode auto", "hands off shop"):
        assert words in page.text


def test_a_host_that_nobody_heals_is_called_that(read: Callable[[str], Markup], store: Store) -> None:
    """It is watched; but what could change anything does not answer the daemon."""
    store.remember_tick(time.time(), {"hands_away": "the hands cannot be reached"})
    assert "NOTHING IS HEALED: the hands cannot be reached" in read("/checks").text


def test_how_far_the_daemon_may_go_is_its_own_word(read: Callable[[str], Markup], store: Store) -> None:
    """It was told another mode while this process goes on with the configuration that it began with."""
    store.remember_tick(time.time(), {"mode": "suggest"})
    assert "mode suggest" in read("/checks").text


def test_the_title_begins_with_how_many_wait(read: Callable[[str], Markup], store: Store, desk: Desk) -> None:
    """Among other tabs one sees whether to look; what is snoozed does not count."""
    _, number = escalated(store, desk)
    assert read("/checks").text.strip().startswith("(1) Checks")
    desk.snooze(number, 4e9, "anna")
    assert read("/checks").text.strip().startswith("Checks")


def test_a_story_without_end_makes_no_page_without_end(store: Store, desk: Desk, anna: Browser) -> None:
    """Of many long observations the cited and the newest are shown, the end of each; the rest is one click away."""
    task, number = escalated(store, desk)
    store.add_evidence(task, tuple(Evidence(source="log", text=f"{n} " + "x" * 19_000) for n in range(120)))
    page = anna.get(f"/escalations/{number}").text
    assert len(page) < 400_000
    assert "seen=all#seen" in page
    assert "characters are left out" in page
    assert 'id="seen-1"' in page, "cited by an expert"
    assert anna.get(f"/escalations/{number}?seen=all").text.count('<li class="seen') == 121


def test_all_checks_are_told_the_blind_first(read: Callable[[str], Markup], store: Store) -> None:
    """Also those that have not looked yet."""
    store.observe("disk_full", Blind(reason="df hangs"), 1e9)
    page = read("/checks")
    rows = [name.removeprefix("check-") for name in page.ids if name.startswith("check-")]
    assert rows[0] == "disk_full"
    assert set(rows) == set(all_checks())
    assert "df hangs" in page.text


def test_what_is_vendored_has_its_licence_beside_it() -> None:
    """Each file of somebody else, by its name's first word."""
    files = [file for file in VENDOR.iterdir() if file.suffix != ".LICENSE"]
    assert files
    for file in files:
        name = re.split(r"[-.]", file.name)[0]
        assert (VENDOR / f"{name}.LICENSE").read_text(encoding="utf-8").strip()


def test_only_a_plan_that_is_shown_can_be_approved(read: Callable[[str], Markup], store: Store, desk: Desk) -> None:
    """The button carries the hash of exactly what stands there; a row that was changed since has no button, and a word why."""
    _, number, proposal = asked(store, desk)
    page = read(f"/escalations/{number}")
    assert "approve" in page.ids
    assert proposal.hash in [field.get("value") for field in page.all("input") if field.get("name") == "hash"]
    assert "systemctl stop other.service" in page.text
    other = json.dumps([plan("stop_unit", "ssh.service").plan[0].model_dump(mode="json")])
    desk.ledger.run("UPDATE interventions SET plan = ?", (other,))
    page = read(f"/escalations/{number}")
    assert "approve" not in page.ids
    assert "cannot be approved" in page.text


def test_a_click_that_waits_is_told_in_place_of_its_button(lived_in: dict[str, int], read: Callable[[str], Markup]) -> None:
    """The daemon is not there: what was decided stands on the page, and nobody decides twice by mistake."""
    page = read(f"/escalations/{lived_in['question']}")
    assert "the daemon has not taken it up yet" in page.text
    assert "approve" not in page.ids


def test_an_escalation_outlives_its_incident(read: Callable[[str], Markup], store: Store, desk: Desk) -> None:
    """Its incident is no longer kept: what was told then, the votes and the timeline are, and nothing leads nowhere."""
    task, number = escalated(store, desk)
    store.ledger.run("DELETE FROM tasks WHERE id = ?", (task,))
    page = read(f"/escalations/{number}")
    for words in ("Its incident is no longer kept", "the story", "change-reader", "escalated"):
        assert words in page.text
    assert not [link for link in page.links if link.startswith("/incidents/")]


@pytest.mark.parametrize("asked", ["", "x", "-1", "9" * 20, "9" * 5000, "\u0663"])
def test_a_number_that_no_row_has_is_not_there(anna: Browser, store: Store, asked: str) -> None:
    """Also where it stands in the query, and is longer than a table knows."""
    opened(store)
    assert anna.get("/patterns/teach", query_string={"incident": asked}).status_code == 404


def test_a_page_says_one_thing_of_one_escalation(anna: Browser, store: Store, desk: Desk) -> None:
    """Snoozed above is snoozed beside it, and what a person says of its severity stands with the fault's own."""
    _, number = escalated(store, desk)
    desk.snooze(number, time.time() + 3600, "bert")
    desk.severity(number, Severity.CRITICAL, "bert")
    facts = anna.get(f"/escalations/{number}").text.partition('aria-label="The fault"')[2].partition("</section>")[0]
    assert "snoozed" in facts
    assert "critical by bert&#39;s word" in facts or "critical by bert's word" in facts


def test_a_spent_budget_of_the_models_stands_on_every_page(anna: Browser, store: Store) -> None:
    """Until a call fits into it again."""
    now = utc()
    row = {"day": now[:10], "since": now, "last_at": now, "refused": 1, "reason": "5.00 of 5.00 dollars are gone<b>"}
    store.ledger.insert("spent_days", row)
    for path in ("/", "/incidents", "/success"):
        page = anna.get(path).text
        assert f"no model is asked since {now[11:16]} UTC" in page
        assert "gone&lt;b&gt;" in page
    store.ledger.run("UPDATE spent_days SET last_at = '2000'")
    store.ledger.insert("model_calls", {"phase": 2, "expert": "e", "backend": "b", "model": "m", "began_at": now, "tokens_in": 1,
                                        "tokens_out": 1, "dollars": 0, "run": "1-a"})  # fmt: skip
    assert "no model is asked" not in anna.get("/").text
