"""What no program should heal by itself: a person hears of it, and the host stays as it is."""

from dataclasses import replace

from tests.lab.watched import Watched, Web

VAULT = Web("vault")
LOOPING = """
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/opt/lab/broken
Restart=always
RestartSec=700ms
[Install]
WantedBy=multi-user.target
"""
BOOK = """
[Service]
ExecStart=/opt/lab/bookkeeper
[Install]
WantedBy=multi-user.target
"""
BOOKKEEPER = """#!/bin/sh
until grep -q garbage /var/lib/vault/book; do sleep 0.1; done
echo "vault: page 7 of the book: checksum mismatch" >&2
exit 3
"""

MUTE = """#!/bin/bash
test -e /run/mute || systemd-notify --ready
trap 'sleep 7; exit 0' TERM
while :; do sleep 0.1; done
"""
NEVER_READY = """
[Service]
Type=notify
NotifyAccess=all
TimeoutStartSec=2
ExecStart=/opt/lab/mute
[Install]
WantedBy=multi-user.target
"""


def test_signs_of_corruption_reach_a_person_untouched(watched: Watched) -> None:
    """The service says that its data is damaged and ends: nobody starts it over that data."""
    watched.host.write("/opt/lab/bookkeeper", BOOKKEEPER, 0o755)
    watched.host.write("/var/lib/vault/book", "sound\n")
    watched.host.unit("vault.service", BOOK)
    watched.host.ok("systemctl enable --now vault")
    watched.declare('[[service]]\nname = "vault"\nunit = "vault.service"\n')
    watched.begin()
    with watched.untouched("vault.service"):
        watched.host.ok("echo garbage >> /var/lib/vault/book")
        escalation = watched.escalated("vault.service")
    assert "damaged data" in escalation["reason"]
    assert watched.host.read("/var/lib/vault/book") == "sound\ngarbage\n"


def test_a_deleted_account_reaches_a_person(watched: Watched) -> None:
    """The user that the service runs as is gone: accounts are not made by a daemon."""
    watched.host.ok("useradd --system keeper")
    web = watched.web(replace(VAULT, service="User=keeper"))
    watched.begin()
    with watched.untouched(web.target):
        watched.host.ok("systemctl kill -s KILL vault && until userdel keeper; do sleep 0.1; done")
        escalation = watched.escalated(web.target)
    assert "account" in escalation["reason"]
    assert watched.host.sh("id keeper").status == 1


def test_a_masked_dependency_reaches_a_person(watched: Watched) -> None:
    """An administrator masked what the service needs: that is told once, and the mask stays."""
    needed = watched.web(Web("safe", port=7101, directory="/lib/systemd/system"))
    web = watched.web(replace(VAULT, unit="Requires=safe.service\nAfter=safe.service"))
    watched.begin()
    with watched.untouched(needed.target, web.target):
        watched.host.ok("systemctl mask safe && systemctl kill -s KILL safe vault")
        escalation = watched.escalated(needed.target)
    assert "mask" in escalation["reason"]
    assert watched.host.show("safe.service", "UnitFileState") == {"UnitFileState": "masked"}


def test_a_missing_program_reaches_a_person(watched: Watched) -> None:
    """What the unit starts is not there any more: no start can cure that."""
    web = watched.web(VAULT)
    watched.begin()
    with watched.untouched(web.target):
        watched.host.ok("mv /opt/lab/webapp.py /opt/lab/away.py && systemctl kill -s KILL vault")
        watched.escalated(web.target)


def test_a_foreign_process_on_the_port_is_asked_about(watched: Watched) -> None:
    """Somebody's program took the port: a person is shown the exact plan, and until he answers nobody is killed."""
    web = watched.web(replace(VAULT, declared="port = 7100"))
    watched.begin()
    with watched.untouched(web.target):
        watched.host.ok("systemctl kill -s KILL vault; runuser -u ops -- setsid nc -lk 127.0.0.1 7100 >/dev/null 2>&1 &")
        watched.escalated(web.target, status="waiting")
    [question] = watched.host.sql("SELECT * FROM interventions", db="escalations")
    assert (question["kind"], question["status"]) == ("approval", "pending")
    assert "stop_process" in question["plan"]
    assert watched.host.ok("pgrep -u ops nc")


def test_what_an_administrator_stopped_below_reaches_a_person(watched: Watched) -> None:
    """A service runs and fails since its declared dependency was stopped by hand: neither is touched, and somebody is told."""
    watched.web(Web("safe", port=7101))
    web = watched.web(replace(VAULT, settings="needs = 127.0.0.1:7101", declared='depends_on = ["safe"]'))
    watched.begin()
    with watched.untouched("safe.service"):
        watched.host.ok("systemctl stop safe")
        escalation = watched.escalated(web.target)
    assert "safe.service" in escalation["reason"]
    assert watched.answers(web) == "hello"


def test_a_crash_loop_without_a_cause_reaches_a_person(watched: Watched) -> None:
    """systemd restarts it again and again, and nothing that is known explains it: one more restart is no cure, and none is tried."""
    watched.host.write("/opt/lab/broken", "#!/bin/sh\ntest -e /run/vault-is-broken && kill -SEGV $$\nexec sleep infinity\n", 0o755)
    watched.host.unit("vault.service", LOOPING)
    watched.host.ok("systemctl enable --now vault")
    watched.declare('[[service]]\nname = "vault"\nunit = "vault.service"\n')
    watched.begin()
    with watched.untouched("vault.service"):
        watched.host.ok("touch /run/vault-is-broken; systemctl kill -s KILL vault")
        watched.escalated("vault.service")


def test_a_hang_over_a_broken_configuration_reaches_a_person(watched: Watched) -> None:
    """It hangs, and its file on disk would not let it start again: a restart would make the outage whole."""
    web = watched.web(replace(VAULT, declared=VAULT.config_test))
    watched.begin()
    watched.host.ok("echo nonsense >> /etc/vault.conf")
    with watched.untouched():
        watched.host.ok("systemctl kill -s STOP vault")
        escalation = watched.escalated(web.target)
    assert "configuration" in escalation["reason"]


def test_what_no_repair_helps_reaches_a_person_soon(watched: Watched) -> None:
    """Something that nobody declared is gone, and the service says 503 whatever one does: one restart, then a person."""
    watched.host.ok("touch /run/elsewhere")
    web = watched.web(replace(VAULT, settings="needs = /run/elsewhere"))
    watched.begin()
    with watched.untouched(web.target):
        watched.host.ok("rm /run/elsewhere")
        watched.escalated(web.target, "restart_unit vault.service", timeout=50)


def test_a_directory_with_data_is_not_made_anew_unasked(watched: Watched) -> None:
    """Its data directory is gone: an empty one in its place would hide the loss, so a person is asked."""
    watched.host.ok("install -d -o ops /var/lib/vault")
    web = watched.web(replace(VAULT, settings="data = /var/lib/vault", service="User=ops", declared='files = ["/var/lib/vault"]'))
    watched.declare("", "/var/lib/vault")
    watched.begin()
    with watched.untouched():
        watched.host.ok("rm -r /var/lib/vault")
        escalation = watched.escalated(web.target, status="waiting")
    assert (escalation["kind"], watched.host.sh("test -e /var/lib/vault").status) == ("approval", 1)


def test_a_start_that_never_ends_reaches_a_person(watched: Watched) -> None:
    """It never says that it is ready: the start is tried once, to systemd's own time-out and its stop, and then no more."""
    watched.host.write("/opt/lab/mute", MUTE, 0o755)
    watched.host.unit("vault.service", NEVER_READY)
    watched.host.ok("systemctl enable --now vault")
    watched.declare('[[service]]\nname = "vault"\nunit = "vault.service"\n')
    watched.begin()
    with watched.untouched("vault.service"):
        watched.host.ok("touch /run/mute; systemctl kill -s KILL vault")
        watched.escalated("vault.service", "start_unit vault.service")
