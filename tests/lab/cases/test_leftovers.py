"""What a crash leaves in the way of the next start."""

import pytest

from tests.lab.watched import Watched, Web

DIRECTORY = "RuntimeDirectory=press\nRuntimeDirectoryPreserve=yes"
PID_FILE = Web("press", settings="pid_file = /run/press/main.pid", service=DIRECTORY, declared='pid_file = "/run/press/main.pid"')
SOCKET = Web("press", settings="socket = /run/press/main.sock", service=DIRECTORY, declared='files = ["/run/press"]')
LOCK_FILE = Web("press", service=DIRECTORY + "\nExecStartPre=/bin/sh -c 'set -C; echo > /run/press/main.lock'\nExecStopPost=/opt/lab/tidy")
TIDY = '#!/bin/sh\ntest "$SERVICE_RESULT" = signal || rm -f /run/press/main.lock\n'


@pytest.mark.parametrize(
    ("web", "file"),
    [
        pytest.param(PID_FILE, "/run/press/main.pid", id="pid file"),
        pytest.param(SOCKET, "/run/press/main.sock", id="socket"),
        pytest.param(LOCK_FILE, "/run/press/main.lock", id="lock file"),
    ],
)
def test_a_stale_file_is_moved_aside(watched: Watched, web: Web, file: str) -> None:
    """The file that a killed service left, and that its next start would stumble over, goes to quarantine before that start."""
    watched.host.write("/opt/lab/tidy", TIDY, 0o755)
    watched.web(web)
    watched.begin()
    before = watched.host.ok(f"stat -c %i {file}")
    with watched.untouched(web.target):
        watched.host.ok("systemctl kill -s KILL press")
        watched.healed(web.target, f"quarantine_file {file}", "start_unit press.service")
    assert watched.answers(web) == "hello"
    assert watched.host.ok(f"stat -c %i {file}") != before


def test_a_child_that_holds_the_port_is_ended(watched: Watched) -> None:
    """A killed service's own child still holds the port: it is ended, and nobody else's process."""
    web = watched.web(Web("press", service="KillMode=process", declared="port = 7100"))
    watched.begin()
    watched.host.ok("curl -s 127.0.0.1:7100/child")
    with watched.untouched(web.target):
        watched.host.ok("systemctl kill -s KILL --kill-whom=main press")
        watched.healed(web.target, "stop_leftovers press.service", "start_unit press.service")
    assert watched.answers(web) == "hello"
