"""Another site in the same browser: what it may do to a dashboard that somebody is logged in to."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from escalation import Desk
from orchestrator.store import Store
from tests.browser.chromium import Browser
from tests.browser.site import Site
from tests.cli.scenes import escalated

PAGES = {
    "/link": '<a id="go" href="$SITE/incidents?status=escalated">see what happened</a>',
    "/form": '<form method="post" action="$SITE/escalations/1/ack"><input name="note" value="forged"><button id="go">win</button></form>',
    "/frame": '<iframe id="go" src="$SITE/escalations/1"></iframe>',
    "/fetch": '<p id="go">waiting</p><script>fetch("$SITE/api/v1/escalations", {credentials: "include"})'
    '.then(answer => answer.text()).then(text => go.textContent = "read: " + text, error => go.textContent = "refused")</script>',
    "/script": '<p id="go">waiting</p><script src="$SITE/static/house.js" onload="go.textContent = \'loaded\'"'
    " onerror=\"go.textContent = 'refused'\"></script>",
}


@pytest.fixture
def elsewhere(site: Site) -> Iterator[str]:
    """A site of another name; a browser takes `localhost` and 127.0.0.1 for two."""

    class Foreign(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGES.get(self.path, "").replace("$SITE", site.address).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Foreign) as server:
        worker = threading.Thread(target=server.serve_forever)
        worker.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        worker.join()


def test_a_link_from_elsewhere_finds_her_logged_in(browser: Browser, elsewhere: str, store: Store, desk: Desk) -> None:
    """From a web mail one gets to the page that was meant, though the cookie is a strict one."""
    escalated(store, desk)
    browser.open(f"{elsewhere}/link")
    browser.click("#go")
    browser.wait(lambda: browser.address.endswith("/incidents?status=escalated"), "the page that was meant")
    browser.wait_for("shop.service")


def test_a_form_from_elsewhere_does_nothing(browser: Browser, elsewhere: str, store: Store, desk: Desk) -> None:
    """One click on a stranger's page is no click on ours."""
    _, number = escalated(store, desk)
    browser.open(f"{elsewhere}/form")
    browser.click("#go")
    browser.wait_for("another site")
    found = desk.find(number)
    assert found
    assert found.status == "open"


def test_a_page_from_elsewhere_reads_nothing(browser: Browser, elsewhere: str, store: Store, desk: Desk) -> None:
    """Neither in a frame, nor by a script, nor by a request with her cookies."""
    escalated(store, desk)
    for page in ("/fetch", "/script"):
        browser.open(elsewhere + page)
        browser.wait_for("refused")
    browser.open(f"{elsewhere}/frame")
    browser.driver.switch_to.frame(browser.find("#go"))
    assert "shop.service" not in browser.driver.page_source
