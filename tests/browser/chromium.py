"""A real Chromium, driven through its own driver, and the questions that a test asks it."""

import base64
import contextlib
import ctypes
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

BROWSER, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
AXE = Path(__file__).with_name("vendor") / "axe.min.js"
WAIT_SECONDS = 20.0
PHONE = 360
_NEW_NETWORK = 0x40000000
"""CLONE_NEWNET of setns(2)."""


def unavailable() -> str:
    """Why there can be no browser here; empty when there can."""
    missing = [program for program in (BROWSER, DRIVER) if not shutil.which(program)]
    return f"a browser test needs {' and '.join(missing)} (Debian's chromium and chromium-driver)" if missing else ""


class Browser:
    """One browser with nothing in it: no cookies, no history. `scheme`: light or dark."""

    def __init__(self, *, width: int = 1280, height: int = 900, scheme: str = "light", javascript: bool = True) -> None:
        options = Options()
        options.binary_location = BROWSER
        # Without its sandbox: it runs as root here, and reads nothing but our own pages.
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
            options.add_argument(argument)
        if not javascript:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        self.driver = webdriver.Chrome(options, Service(DRIVER))
        self.driver.set_page_load_timeout(60)
        self.look_at(width, height, scheme)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.quit()

    def look_at(self, width: int, height: int = 900, scheme: str = "light") -> None:
        """From now on through a window of this size, in this colour scheme."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    # ---- what a person sees -------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        return self.find("body").text

    @property
    def address(self) -> str:
        return str(self.driver.current_url)

    def find(self, css: str) -> WebElement:
        """The first element of this kind; waits until it is there."""
        found: list[WebElement] = self.wait(lambda: self.all(css), css)
        return found[0]

    def all(self, css: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def wait(self, condition: Any, what: str = "") -> Any:
        """Until `condition()` is true; returns it. Raises AssertionError with what the page says."""
        try:
            # A page that is just being replaced is neither the old nor the new one.
            patient = WebDriverWait(self.driver, WAIT_SECONDS, poll_frequency=0.05, ignored_exceptions=(StaleElementReferenceException,))
            return patient.until(lambda _: condition())
        except Exception as error:
            raise AssertionError(f"not within {WAIT_SECONDS:.0f} s: {what or condition}; the page says: {self.text[:2000]}") from error

    def wait_for(self, words: str) -> None:
        """Until the page says so."""
        self.wait(lambda: words.lower() in self.text.lower(), repr(words))

    def is_wider_than_its_window(self) -> bool:
        """Whether a person would have to scroll sideways."""
        script = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(self.driver.execute_script(script))

    def picture(self, height: int) -> bytes:
        """The page from its top on, at most so many pixels of it, as PNG."""
        script = "return [document.documentElement.clientWidth, document.documentElement.scrollHeight]"
        width, whole = self.driver.execute_script(script)
        clip = {"x": 0, "y": 0, "width": width, "height": min(whole, height), "scale": 1}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        return base64.b64decode(shot["data"])

    # ---- what a person does --------------------------------------------------------------------------------------------

    def open(self, address: str) -> None:
        self.driver.get(address)

    def press(self, *keys: str) -> None:
        """Keys, to whatever has the focus."""
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def tab_to(self, css: str, most: int = 200) -> WebElement:
        """Press Tab until this has the focus, as a person without a mouse does. Raises AssertionError."""
        for _ in range(most):
            self.press(Keys.TAB)
            focused = self.driver.switch_to.active_element
            if focused.id in {element.id for element in self.all(css)}:
                return focused
        raise AssertionError(f"{css} cannot be reached with Tab on {self.address}")

    def click(self, css: str) -> None:
        self.find(css).click()

    def fill(self, css: str, words: str) -> None:
        field = self.find(css)
        field.clear()
        field.send_keys(words)

    # ---- what a checker sees -------------------------------------------------------------------------------------------

    def violations(self) -> list[str]:
        """What axe finds on this page, one line each."""
        self.driver.execute_script(AXE.read_text(encoding="utf-8"))
        found = self.driver.execute_async_script("const done = arguments[0]; axe.run().then(done, error => done({error: String(error)}))")
        assert "violations" in found, found
        self.complaints()  # of axe's own styles, which the page's policy refuses
        return [f"{item['id']}: {node['target']} {node['failureSummary']}" for item in found["violations"] for node in item["nodes"]]

    def complaints(self) -> list[str]:
        """What the browser itself complained of (a refused script, a missing file) since the last time."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [str(entry["message"]) for entry in entries if entry["level"] in ("SEVERE", "WARNING")]


@contextlib.contextmanager
def in_network_of(pid: int) -> Iterator[None]:
    """What this thread opens and starts within, a browser too, is in the network of the host whose first process is `pid`."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(descriptor: int) -> None:
        if libc.setns(descriptor, _NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "setns")

    with Path("/proc/self/ns/net").open("rb") as ours, Path(f"/proc/{pid}/ns/net").open("rb") as theirs:
        enter(theirs.fileno())
        try:
            yield
        finally:
            enter(ours.fileno())
