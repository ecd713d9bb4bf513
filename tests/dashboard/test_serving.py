"""The dashboard's own process: how it starts, what it costs, how it ends, and that it needs no daemon."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from escalation import Desk
from orchestrator.config import Mail
from orchestrator.store import Store
from tests.browser.site import Site, free_port
from tests.cli.conftest import ORCHESTRATOR
from tests.cli.scenes import escalated

BROWSER = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A process on a state that no daemon has made yet."""
    port, file = free_port(), tmp_path / "config.toml"
    file.write_text(f'[daemon]\nstate_dir = "{tmp_path / "state"}"\n[mail]\nenabled = false\n[dashboard]\nport = {port}\n')
    with Site(file, port) as running:
        yield running


def make_state(state_dir: Path) -> None:
    with Store(state_dir) as store, Desk(state_dir, Mail.model_validate({"enabled": False}), "web1") as desk:
        escalated(store, desk)


def enter(site: Site) -> requests.Session:
    browser = requests.Session()
    browser.headers.update(BROWSER)
    token = site.link().partition("token=")[2]
    assert browser.post(f"{site.address}/login", data={"token": token}, timeout=10).status_code == 200
    return browser


def test_it_may_be_there_before_the_daemon(site: Site, tmp_path: Path) -> None:
    """Started on nothing it tells what is missing; once the daemon made its files it lets in and shows, without a restart."""
    assert "the daemon makes it when it starts" in requests.get(f"{site.address}/login", timeout=10).text
    make_state(tmp_path / "state")
    assert "shop.service" in enter(site).get(site.address, timeout=10).text


def test_the_doctor_sees_that_it_answers(site: Site) -> None:
    """And it says how to get in."""
    words = [*ORCHESTRATOR, "doctor", "--config", str(site.config_file)]
    doctor = subprocess.run(words, check=False, capture_output=True, text=True)
    assert "ok   dashboard  127.0.0.1:" in doctor.stdout
    assert "answers; a way in: orchestrator dashboard url" in doctor.stdout


def test_a_session_outlives_the_process(site: Site, tmp_path: Path) -> None:
    """Killed and started again, whoever was in is in."""
    make_state(tmp_path / "state")
    browser = enter(site)
    site.kill(signal.SIGKILL)
    site.start()
    assert "shop.service" in browser.get(site.address, timeout=10).text


def test_a_state_that_was_made_anew_is_seen(site: Site, tmp_path: Path) -> None:
    """Moved away and made again by the daemon: the old session is nobody's, a new link lets in."""
    make_state(tmp_path / "state")
    browser = enter(site)
    shutil.rmtree(tmp_path / "state")
    make_state(tmp_path / "state")
    assert browser.get(site.address, timeout=10).url.endswith("/login")
    assert "shop.service" in enter(site).get(site.address, timeout=10).text


def test_it_ends_at_once_and_well(site: Site, tmp_path: Path) -> None:
    """SIGTERM, with a connection open: gone within two seconds, with status 0 and no complaint."""
    make_state(tmp_path / "state")
    browser = enter(site)
    browser.get(site.address, timeout=10)
    process = site._process
    assert process
    began = time.monotonic()
    site.kill(signal.SIGTERM)
    assert process.returncode == 0
    assert time.monotonic() - began < 2
    assert "Traceback" not in site._log.read_text()


def test_it_is_small(site: Site, tmp_path: Path) -> None:
    """After every kind of page it has less than 100 MB."""
    make_state(tmp_path / "state")
    browser = enter(site)
    paths = ("/", "/escalations/1", "/incidents", "/incidents/1", "/patterns", "/success", "/checks", "/metrics", "/api/v1/openapi.json")
    for _ in range(20):
        for path in paths:
            assert browser.get(site.address + path, timeout=10).status_code == 200
    assert site._process
    status = Path(f"/proc/{site._process.pid}/status").read_text(encoding="utf-8")
    assert int(status.partition("VmRSS:")[2].split()[0]) < 100_000


def test_a_port_that_is_taken_is_for_later(site: Site) -> None:
    """One line, and the status that says try later."""
    command = [*ORCHESTRATOR, "dashboard", "serve", "--config", str(site.config_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, len(done.stderr.splitlines())) == (75, 1)
    assert "cannot be taken: Address already in use" in done.stderr
