"""What a person does in front of the dashboard, with nothing but the daemon's rows behind it."""

import time
from collections.abc import Callable

import pytest
from selenium.webdriver.common.keys import Keys

from escalation import Desk
from orchestrator.model import Outcome
from orchestrator.store import Lesson, Store
from tests.browser import chromium
from tests.browser.chromium import PHONE, Browser
from tests.browser.conftest import log_in
from tests.browser.site import Site
from tests.cli.scenes import asked, attempted, escalated, fault, healed, opened, store_case

PAGES = ("/", "/incidents", "/patterns", "/experts", "/success", "/checks", "/maintenance", "/decisions")


@pytest.fixture
def three(store: Store, desk: Desk) -> tuple[int, ...]:
    """Three escalations, the first one's number first."""
    return tuple(escalated(store, desk, fault(f"{name}.service", f"{name}.service failed"))[1] for name in ("shop", "till", "press"))


def status_of(desk: Desk, number: int) -> tuple[str, str]:
    found = desk.find(number)
    assert found
    return found.status, found.owner


def notes_of(desk: Desk, number: int) -> str:
    return "\n".join(row["text"] for row in desk.ledger.rows("SELECT text FROM notes WHERE escalation_id = ? ORDER BY id", (number,)))


def test_a_link_lets_in_once(site: Site) -> None:
    """Without a login there is nothing to see; a link is good for one button, used up after it, and leads to what was asked for."""
    if reason := chromium.unavailable():
        pytest.skip(reason)
    link = site.link()
    with Browser() as first, Browser() as second:
        first.open(f"{site.address}/incidents")
        assert "/login" in first.address
        first.open(link)
        first.wait_for("Log in as")
        first.click("#log-in")
        first.wait(lambda: first.address == f"{site.address}/incidents", "the page that was asked for before")
        second.open(link)
        second.wait_for("was used before")
        second.open(f"{site.address}/")
        assert "/login" in second.address
        first.click("#log-out")
        first.open(f"{site.address}/")
        assert "/login" in first.address


def test_the_list_and_its_filters_stand_in_the_address(browser: Browser, site: Site, three: tuple[int, ...]) -> None:
    """What one sees can be sent to somebody as an address."""
    browser.open(f"{site.address}/")
    browser.wait_for("3 wait for you")
    assert [browser.find(f"#open-{number}").text for number in three] == [
        "shop.service failed",
        "till.service failed",
        "press.service failed",
    ]
    browser.fill("#q", "till")
    browser.click("#show")
    browser.wait(lambda: "q=till" in browser.address)
    assert browser.all(f"#open-{three[1]}")
    assert not browser.all(f"#open-{three[0]}")
    browser.open(f"{site.address}/?severity=critical")
    browser.wait_for("Nothing like that")


def test_several_are_taken_with_one_note(browser: Browser, site: Site, desk: Desk, three: tuple[int, ...]) -> None:
    """Two ticks, a note, one button; the third is left alone, and one more button takes it back."""
    browser.open(f"{site.address}/")
    for number in three[:2]:
        browser.click(f"#pick-{number}")
    browser.fill("#bulk-text", "on it, the rack has no power")
    browser.click("#bulk-ack")
    browser.wait(lambda: [status_of(desk, number)[0] for number in three] == ["acknowledged", "acknowledged", "open"])
    assert all("no power" in notes_of(desk, number) for number in three[:2])
    browser.click(".flash button")
    browser.wait(lambda: [status_of(desk, number)[0] for number in three] == ["open"] * 3, "undone")


def test_a_click_on_what_moved_on_changes_nothing(browser: Browser, site: Site, desk: Desk, three: tuple[int, ...]) -> None:
    """Somebody resolved it while the page stood open: the button says so, shows what it is now, and reopens nothing."""
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})  # so that the page does not refresh itself
    browser.open(f"{site.address}/escalations/{three[0]}")
    desk.resolve(three[0], "a fuse", "anna")
    browser.click("#ack")
    browser.wait_for("Somebody was faster")
    browser.wait_for("a fuse")
    assert status_of(desk, three[0])[0] == "resolved"


def test_a_decision_waits_for_a_stopped_daemon(
    browser: Browser, site: Site, store: Store, desk: Desk, daemon_takes_clicks: Callable[[], None]
) -> None:
    """With the daemon stopped a plan can be rejected: the page says that it is kept, and the next daemon takes it, once."""
    number, escalation, _ = asked(store, desk)
    browser.open(f"{site.address}/escalations/{escalation}")
    assert "systemctl stop other.service" in browser.find("#ask").text
    browser.click("#reject-opens")
    browser.fill("#reject-reason", "other.service is the shop's bank")
    browser.click("#reject-now")
    browser.wait_for("left for the daemon")
    daemon_takes_clicks()
    case = store.case(number)
    assert case
    assert case.incident.status == "escalated"
    assert desk.was_refused(number)
    browser.open(f"{site.address}/decisions")
    browser.wait_for(f"rejected: incident {number} stays with you")


def test_without_javascript_everything_still_works(site: Site, desk: Desk, three: tuple[int, ...]) -> None:
    """Take it, write a note, resolve it: with plain forms."""
    if reason := chromium.unavailable():
        pytest.skip(reason)
    with Browser(javascript=False) as browser:
        log_in(browser, site)
        browser.open(f"{site.address}/escalations/{three[0]}")
        browser.click("#ack")
        browser.wait(lambda: status_of(desk, three[0])[0] == "acknowledged")
        browser.fill("#note-text", "the fuse is blown")
        browser.click("#note-now")
        browser.wait(lambda: "the fuse is blown" in notes_of(desk, three[0]))
        browser.click("#resolve-opens")
        browser.fill("#resolve-text", "a new fuse")
        browser.click("#resolve-anyway")
        browser.click("#resolve-now")
        browser.wait(lambda: status_of(desk, three[0])[0] == "resolved")


def test_with_the_keyboard_alone(browser: Browser, site: Site, desk: Desk, three: tuple[int, ...]) -> None:
    """List, open, take, resolve: no mouse."""
    browser.open(f"{site.address}/")
    browser.tab_to(f"#open-{three[2]}").send_keys(Keys.ENTER)
    browser.wait(lambda: browser.address.endswith(f"/escalations/{three[2]}"))
    browser.tab_to("#ack").send_keys(Keys.ENTER)
    browser.wait(lambda: status_of(desk, three[2])[0] == "acknowledged")
    browser.find("#unack")
    browser.tab_to("#resolve-opens").send_keys(Keys.ENTER)
    browser.tab_to("#resolve-text").send_keys("the press was unplugged")
    browser.tab_to("#resolve-anyway").send_keys(Keys.SPACE)
    browser.tab_to("#resolve-now").send_keys(Keys.ENTER)
    browser.wait(lambda: status_of(desk, three[2])[0] == "resolved")


def test_a_page_keeps_itself_fresh_and_what_is_in_hand(
    browser: Browser, site: Site, store: Store, desk: Desk, three: tuple[int, ...]
) -> None:
    """A new escalation appears by itself; the focus, the ticks and what was typed stay."""
    browser.open(f"{site.address}/")
    browser.click(f"#pick-{three[0]}")
    browser.driver.execute_script(f"document.getElementById('open-{three[1]}').focus()")
    _, newest = escalated(store, desk, fault("oven.service", "oven.service failed"))
    browser.find(f"#open-{newest}")
    assert browser.driver.switch_to.active_element.get_attribute("id") == f"open-{three[1]}"
    assert browser.find(f"#pick-{three[0]}").is_selected()
    assert browser.driver.title.startswith("(4)")


def whole_world(store: Store, desk: Desk) -> list[str]:
    """Something on every page; returns their addresses."""
    healed(store, fault("bench.service", "bench.service failed"))
    number, escalation = escalated(store, desk, fault("till.service", "till.service failed"))
    _, question, _ = asked(store, desk)
    symptom = opened(store, fault("press.service", "press.service failed"))
    attempted(store, symptom, Outcome.NO_EFFECT, "the probe still fails")
    desk.resolve(escalated(store, desk, fault("oven.service", "oven.service failed"))[1], "a fuse", "anna")
    store.pause("shop", until=time.time() + 3600, reason="moving house", actor="anna")
    lesson = Lesson(expert="log-reader", stance="propose", kinds=("restart_unit",), fact="it had lost its database", proved="healed")
    for proved in ("healed", "relapsed", "missed"):
        store.remember(store_case(store, number), (lesson.model_copy(update={"proved": proved, "kinds": (proved,)}),))
    pages = [
        *PAGES,
        "/?tray=1",
        "/?status=resolved",
        "/patterns/1",
        "/experts/log-reader",
        "/memories/1/forget",
        "/memories/1/correct",
        f"/incidents/{number}",
        f"/escalations/{escalation}",
        f"/escalations/{question}",
    ]
    return [*pages, "/patterns/teach", f"/escalations/{escalation}/teach", "/nowhere"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_either_scheme(browser: Browser, site: Site, store: Store, desk: Desk, scheme: str) -> None:
    """Contrast, names, roles, order: no violation on any page, and the browser complains of nothing."""
    addresses = whole_world(store, desk)
    wrong = {}
    for address in addresses:
        browser.look_at(1280, scheme=scheme)
        browser.open(f"{site.address}{address}")
        complaints = [line for line in browser.complaints() if "404" not in line]
        violations = browser.violations()
        if complaints or violations:
            wrong[address] = complaints + violations
    assert not wrong, "\n".join(f"{address}: {line}" for address, lines in wrong.items() for line in lines)
    script = "return getComputedStyle(document.querySelector('h1')).color.match(/\\d+/g).slice(0, 3).every(part => part > 128)"
    assert browser.driver.execute_script(script) is (scheme == "dark"), "light words on a dark page, or dark ones on a light page"


def test_on_a_phone_nothing_is_wider_than_the_phone(browser: Browser, site: Site, store: Store, desk: Desk) -> None:
    """360 pixels are enough for every page, and for axe on them."""
    addresses = whole_world(store, desk)
    browser.look_at(PHONE, 740)
    wide: list[str] = []
    wrong: dict[str, list[str]] = {}
    for address in addresses:
        browser.open(f"{site.address}{address}")
        wide += [address] if browser.is_wider_than_its_window() else []
        wrong |= {address: found} if (found := browser.violations()) else {}
    assert not wide
    assert not wrong, wrong
