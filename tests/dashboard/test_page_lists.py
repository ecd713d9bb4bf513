"""Lists, the score and what one teaches: every filter is an address, every number is the tables'."""

import re

import pytest

from escalation import Desk
from orchestrator.model import Fault, Status
from orchestrator.store import Store
from tests.cli.scenes import escalated, healed, opened, plan
from tests.dashboard.conftest import Browser
from tests.dashboard.markup import Markup
from tests.store.thought import a_thoughtful_day


def a_fault(n: int, severity: str = "high") -> Fault:
    given = {
        "check": f"check_{n}",
        "target": f"u{n}.service",
        "reason": "ExitCode",
        "message": f"u{n}.service failed",
        "severity": severity,
    }
    return Fault.model_validate(given)


@pytest.fixture
def five(store: Store, desk: Desk) -> list[int]:
    """Escalations: two open, one taken, one snoozed, one resolved."""
    numbers = [escalated(store, desk, a_fault(n, "critical" if n == 1 else "high"))[1] for n in range(1, 6)]
    desk.ack(numbers[2], "bert")
    desk.snooze(numbers[3], 4e9, "bert")
    desk.resolve(numbers[4], "mended by hand", "bert")
    return numbers


def rows(page: str) -> list[int]:
    return [int(name.removeprefix("row-")) for name in Markup(page).ids if name.startswith("row-")]


def test_a_list_is_what_its_address_says(anna: Browser, five: list[int]) -> None:
    """Without a word all that is not resolved, the worst first, then the newest; each tab, word and field narrows it."""
    first, second, taken, snoozed, resolved = five
    assert rows(anna.get("/").text) == [first, snoozed, taken, second]
    assert rows(anna.get("/?sort=newest").text) == [snoozed, taken, second, first]
    assert rows(anna.get("/?status=open").text) == [first, second]
    assert rows(anna.get("/?status=acknowledged,snoozed&sort=oldest").text) == [taken, snoozed]
    assert rows(anna.get("/?status=resolved").text) == [resolved]
    assert rows(anna.get("/?severity=critical").text) == [first]
    assert rows(anna.get("/?owner=bert&sort=oldest").text) == [taken]
    assert rows(anna.get("/?q=u2").text) == [second]


def test_tabs_say_how_many_there_are(anna: Browser, five: list[int]) -> None:
    """And keep what else was asked for; the one that is shown says so."""
    page = anna.get("/?status=open&q=service").text
    told = dict(re.findall(r'id="tab-(\w+)".*?<span class="n[^"]*">(\d+)', page))
    assert told == {"standing": "4", "open": "2", "acknowledged": "1", "snoozed": "1", "resolved": "1", "all": "5"}
    tabs = {link["id"]: link for link in Markup(page).all("a") if link.get("id", "").startswith("tab-")}
    assert [name for name, link in tabs.items() if "aria-current" in link] == ["tab-open"]
    assert tabs["tab-resolved"]["href"] == "/?status=resolved&q=service"
    assert len(five) == 5


def test_pages_are_turned_by_a_place_in_the_list(anna: Browser, five: list[int]) -> None:
    """What comes or goes meanwhile shifts nothing."""
    seen: list[int] = []
    address = "/?limit=2&sort=newest"
    while address:
        page = anna.get(address).text
        seen += rows(page)
        address = next((link["href"] for link in Markup(page).all("a") if link.get("id") == "next-page"), "")
    assert seen == list(reversed(five[:4]))


@pytest.mark.parametrize(
    "asked", ["status=lost", "colour=red", "limit=100000", "after=~", "sort=loud&sort=quiet", "after=9999999999999999999~1"]
)
def test_an_address_that_makes_no_sense_is_told_as_that(anna: Browser, asked: str) -> None:
    """400 and what would be right, never a fault of ours."""
    answer = anna.get(f"/?{asked}")
    assert answer.status_code == 400
    assert asked.partition("=")[0] in answer.text


def test_incidents_are_filtered_alike(anna: Browser, store: Store) -> None:
    """By state and by target, with how long each took."""
    one, other = healed(store, a_fault(1)), opened(store, a_fault(2))
    assert rows(anna.get("/incidents").text) == [other, one]
    assert rows(anna.get("/incidents?status=fixed").text) == [one]
    assert rows(anna.get("/incidents?target=u2.service").text) == [other]
    assert "u2.service" in Markup(anna.get("/incidents?target=u2.service").text).text


def test_the_score_has_both_denominators(anna: Browser, store: Store, desk: Desk) -> None:
    """Of what needed something and ended, and of all that was seen; what went wrong on the way is counted."""
    for n in range(3):
        healed(store, a_fault(n))
    escalated(store, desk, a_fault(7))
    gone = opened(store, a_fault(8))
    store.close(gone, Status.CLEARED, phase=1, fix_successful=None, resolution="it went away by itself")
    page = Markup(anna.get("/success?days=7").text)
    assert "75 % healed without a person" in page.text
    assert "3 of 4 incidents that ended one way or the other" in page.text
    assert "3 of 5; 1 went away by themselves" in page.text
    assert re.search(r"rolled back\s*1", page.text)
    bars = [mark["aria-label"] for mark in page.all("svg") if "aria-label" in mark]
    assert "3 of 4" in bars


def test_never_rounded_up_to_perfection(anna: Browser, store: Store, desk: Desk) -> None:
    """999 of 1000 are 99.9 %, and 1999 of 2000 are not 100 %."""
    for n in range(2):
        healed(store, a_fault(n))
    escalated(store, desk, a_fault(7))
    assert "66.6 %" in anna.get("/success").text


def test_what_thinking_cost_stands_beside_what_it_healed(anna: Browser, store: Store, desk: Desk) -> None:
    """Money against the day's limit, votes, experts and models with what each number is out of; nothing of it before the first call."""
    quiet = anna.get("/success").text
    assert "What language models cost" not in quiet
    a_thoughtful_day(store, desk)
    store.ledger.run("UPDATE model_calls SET model = '<b>turned</b>' WHERE outcome = 'late'")
    for days in (1, 7, 30, 90):
        page = anna.get(f"/success?days={days}").text
        assert "<b>turned" not in page
        assert cells(page, "votes") == [["2/3", "2", "1", "50 %", "1", "0"]]
        assert ["network", "2", "2", "1", "1", "0", "0", "2", "17000", "$0.1400", "8"] in cells(page, "voices")
        assert ["anthropic &lt;b&gt;turned&lt;/b&gt;", "2", "0", "2 late"] in [row[:4] for row in cells(page, "models")]
        assert cells(page, "occurrences")[1][:6] == ["second", "2", "2", "0.0", "0", "$0.00"]
        assert ["research → consultation", "2", "1", "50 %"] in [row[:4] for row in cells(page, "handoffs")]
        assert "$0.3000" in page
        assert "of $5.00 a day (UTC)" in page


def cells(page: str, table: str) -> list[list[str]]:
    """The cells of each row of a table's body, as they stand in the page."""
    body = re.search(rf'<table id="{table}">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    assert body is not None, table
    return [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in body[1].split("</tr>") if "<td" in row]


def test_what_is_taught_is_shown_before_it_is_sent(anna: Browser, store: Store) -> None:
    """The plan of the address as what would run, the past incidents that it would have met; a wrong one says what is wrong."""
    number = healed(store, a_fault(1))
    page = Markup(anna.get(f"/patterns/teach?incident={number}&plan=restart_unit+unit%3Du1.service").text)
    assert "systemctl restart u1.service" in page.text
    assert f"met-{number}" in page.ids
    wrong = Markup(anna.get(f"/patterns/teach?incident={number}&plan=explode+unit%3Du1.service").text)
    assert "explode" in wrong.text
    assert "critical" in str(wrong.all("use"))


def test_a_pattern_is_forgotten_only_after_a_second_look(anna: Browser, store: Store) -> None:
    """The list leads to a page that says what it means; only its form does it."""
    healed(store, a_fault(1))
    assert "/patterns/1/demote" in Markup(anna.get("/patterns").text).links
    page = Markup(anna.get("/patterns/1/forget").text)
    assert ("post", "/patterns/1/forget") in page.forms
    assert plan().plan[0].about() in page.text
    assert anna.get("/patterns/99/forget").status_code == 404
