"""Takes the pictures of the README: the dashboard of a lab host on which the gallery was played. Called by scripts/screenshots."""

import re
import sys
from pathlib import Path

from tests.browser import chromium
from tests.browser.chromium import Browser, in_network_of
from tests.browser.gallery import Gallery
from tests.lab.base import Base, unavailable
from tests.lab.host import CHECKOUT, Host

PICTURES = CHECKOUT / "dashboard" / "screenshots"
PORT = 8888
VIEWS = (
    ("light", 1280, 1000, "light"),
    ("dark", 1280, 1000, "dark"),
    ("phone", chromium.PHONE, 900, "light"),
)
"""Name, width and height in pixels, colour scheme."""


def main() -> None:
    if reason := unavailable() or chromium.unavailable():
        sys.exit(reason)
    with Base() as base, Host(base) as host:
        sys.stdout.write("Faults are made in a throwaway host; that takes about five minutes.\n")
        gallery = Gallery(host, PORT)
        gallery.play()
        gallery.person()
        host.start_dashboard()
        with in_network_of(host.pid), Browser() as browser:
            take(browser, host)


def take(browser: Browser, host: Host) -> None:
    """One picture of each page in each view."""
    found = re.search(r"http://\S+", host.orchestrator("dashboard", "url").out)
    assert found
    browser.open(found.group())
    browser.click("main button")
    (asked,) = host.sql(
        "SELECT MIN(escalation_id) AS id FROM interventions WHERE kind = 'approval' AND status = 'pending'", db="escalations"
    )
    pages = {"list": "/", "escalation": f"/escalations/{asked['id']}", "success": "/success?days=1"}
    PICTURES.mkdir(exist_ok=True)
    for page, path in pages.items():
        for view, width, height, scheme in VIEWS:
            browser.look_at(width, height, scheme)
            browser.open(f"http://127.0.0.1:{PORT}{path}")
            browser.find("main")
            file = PICTURES / f"{page}-{view}.png"
            file.write_bytes(browser.picture(height if width > chromium.PHONE else 2 * height))
            sys.stdout.write(f"{file.relative_to(Path.cwd())}\n")


if __name__ == "__main__":
    main()
