"""Foreign units, and the host's own: by any name, by any way round."""

import pytest

from orchestrator.model import Json
from tests.redteam.ground import Ground, is_refused

HALF_A_HOST = ("poweroff.target", "reboot.target", "halt.target", "kexec.target", "exit.target", "rescue.target", "emergency.target",
               "ctrl-alt-del.target", "soft-reboot.target", "suspend.target", "shutdown.target", "final.target")  # fmt: skip
DOORS = ("debug-shell.service", "rescue.service", "emergency.service", "console-getty.service", "serial-getty@ttyS0.service",
         "getty@tty9.service", "systemd-poweroff.service", "systemd-reboot.service")  # fmt: skip


def on(kind: str, *units: str) -> list[Json]:
    return [{"kind": kind, "unit": unit} for unit in units]


def test_the_host_is_not_turned_off(ground: Ground) -> None:
    """No target of the boot or of its end is started, restarted or stopped, not with a person's word either."""
    plan = [action for kind in ("start_unit", "restart_unit") for action in on(kind, *HALF_A_HOST)]
    with ground.unchanged("/var/lib/autonomous-orchestrator-hands/approvals"):
        ground.refused(*plan)
        ground.approve(*plan)
        ground.refused(*plan)
    assert ground.host.ok("systemctl is-system-running || true").strip() in ("running", "degraded")


@pytest.mark.parametrize("unit", DOORS)
def test_no_door_is_opened(ground: Ground, unit: str) -> None:
    """No shell of root's on a console."""
    with ground.unchanged():
        ground.refused(*on("start_unit", unit), *on("restart_unit", unit), *on("reset_failed", unit)[:0])


def test_the_stages_of_the_boot_stay(ground: Ground) -> None:
    """All that hangs on them would go down."""
    with ground.unchanged():
        ground.refused(*on("stop_unit", "basic.target", "sysinit.target", "multi-user.target", "local-fs.target", "sockets.target"))


def test_nobody_is_thrown_out(ground: Ground) -> None:
    """Sessions, slices and scopes are nobody's service."""
    ground.host.ok("systemd-run --quiet --scope --unit=session-77 sleep 300 >/dev/null 2>&1 &")
    ground.host.wait_until(lambda: ground.host.sh("systemctl is-active session-77.scope").status == 0, 5)
    with ground.unchanged():
        for kind in ("stop_unit", "restart_unit"):
            ground.refused(*on(kind, "session-77.scope", "user.slice", "system.slice", "user-1000.slice", "-.slice", "init.scope"))
    assert ground.host.sh("systemctl is-active session-77.scope").status == 0
    ground.host.ok("systemctl stop session-77.scope")


def test_file_systems_stay_mounted(ground: Ground) -> None:
    """Neither the root nor another one that no declared service stands on."""
    ground.host.write("/etc/systemd/system/srv-other.mount", "[Mount]\nWhat=tmpfs\nWhere=/srv/other\nType=tmpfs\n")
    ground.host.ok("systemctl daemon-reload && systemctl start srv-other.mount && echo 1 >/srv/other/one")
    with ground.unchanged():
        ground.refused(*on("stop_unit", "-.mount", "srv-other.mount", "tmp.mount"), *on("restart_unit", "-.mount"))
    assert ground.host.ok("cat /srv/other/one") == "1\n"
    ground.host.ok("systemctl stop srv-other.mount")


@pytest.mark.parametrize("kind", ["stop_unit", "restart_unit", "reload_unit", "start_unit"])
def test_what_is_protected_stays_as_it_is(ground: Ground, kind: str) -> None:
    """The built-in list, the operator's, and the hands themselves."""
    units = ("payments.service", "dbus.service", "dbus.socket", "systemd-journald.service", "ssh.service", "systemd-logind.service",
             "autonomous-orchestrator.service", "autonomous-orchestrator-hands.service", "autonomous-orchestrator-hands.socket",
             "escalation-dashboard.service", "user@0.service", "systemd-udevd.service")  # fmt: skip
    with ground.unchanged():
        ground.refused(*on(kind, *units))


def test_an_alias_of_what_is_protected_is_protected(ground: Ground) -> None:
    """`harmless.service` is payments.service under another name."""
    with ground.unchanged():
        ground.refused(*on("stop_unit", "harmless.service"), *on("restart_unit", "harmless.service"))


def test_what_is_protected_does_not_go_down_with_another(ground: Ground) -> None:
    """base.service is declared and may be restarted: not while payments.service, which needs it, would go down; not by a stop either."""
    with ground.unchanged():
        ground.refused(*on("restart_unit", "base.service"), *on("stop_unit", "base.service"))


def test_what_is_protected_is_not_pushed_out(ground: Ground) -> None:
    """A unit that conflicts with it is not started, with a person's word neither."""
    with ground.unchanged("/var/lib/autonomous-orchestrator-hands/approvals"):
        ground.approve(*on("start_unit", "rival.service"))
        ground.refused(*on("start_unit", "rival.service"))


def test_a_foreign_unit_is_not_stopped(ground: Ground) -> None:
    """Nor reloaded, nor ended in another way: nobody declared it."""
    with ground.unchanged():
        ground.refused(*on("stop_unit", "victim.service", "cron.service"), *on("reload_unit", "cron.service"))


def test_a_foreign_unit_is_brought_up_once_an_hour(ground: Ground) -> None:
    """Which may be a repair; twice would be a way to keep it down."""
    first, *more = ground.perform(*on("restart_unit", "victim.service", "victim.service"), *on("start_unit", "victim.service"))
    assert first["ok"], first
    assert all(map(is_refused, more)), more


def test_what_never_ran_stays_down(ground: Ground) -> None:
    """The hands have never seen it run."""
    with ground.unchanged():
        ground.refused(*on("start_unit", "never.service"), *on("restart_unit", "never.service"))


def test_what_an_administrator_stopped_stays_down(ground: Ground) -> None:
    """It ran, and is enabled; but somebody wanted it down."""
    with ground.unchanged():
        ground.refused(*on("start_unit", "stopped.service"), *on("restart_unit", "stopped.service"))


def test_no_instance_is_made_up(ground: Ground) -> None:
    """A template runs with whatever its instance is called."""
    names = ("write@-srv-disk-precious-x.service", "write@-etc-cron.d-x.service", "write@\\x2fsrv\\x2fx.service")
    with ground.unchanged():
        ground.refused(*on("start_unit", *names), *on("restart_unit", *names))
        ground.approve(*on("start_unit", *names), user="orchestrator")
        ground.refused(*on("start_unit", *names))


NAMES = ("--help.service", "-H.service", "--root=/srv.service", "--.service", "till.service --now", "till.service;reboot", "till.service\n",
         "$(reboot).service", "../till.service", "/etc/passwd", "till", "*.service", "t?ll.service", "[t]ill.service", "till.service.d",
         "till.SERVICE", "till.service\x00", "t\u0456ll.service", "till%2eservice", "@.service", ".service", "", " till.service",
         "a" * 300 + ".service")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_name_and_never_an_option(ground: Ground, name: str) -> None:
    """Dashes, patterns, paths, homoglyphs, controls, lengths."""
    with ground.unchanged():
        ground.refused(*on("start_unit", name), *on("stop_unit", name), {"kind": "daemon_reload", "units": [name]})


def test_a_service_that_is_only_watched_is_left_alone(ground: Ground) -> None:
    """Its mode is observe, whatever the host's is."""
    with ground.unchanged():
        ground.refused(*on("restart_unit", "watched.service"), *on("stop_unit", "watched.service"))


def test_a_door_of_another_is_no_way_round(ground: Ground) -> None:
    """What fields beside the unit name is protected too: holders, services, targets."""
    pid, base = ground.pid("payments.service"), ground.pid("base.service")
    stop: Json = {"kind": "stop_process", "unit": "till.service", "pid": pid, "started_at": 1.0, "exe": "/usr/bin/sleep", "has": "the port"}
    with ground.unchanged("/var/lib/autonomous-orchestrator-hands/approvals"):
        for action in (stop, {**stop, "holder": "payments.service", "whole_unit": True}, {**stop, "pid": base}, {**stop, "pid": 1}):
            ground.approve(action)
            ground.refused(action)


def test_a_budget_holds_over_a_death(ground: Ground) -> None:
    """Twelve restarts an hour, whoever kills the hands in between."""
    answers = ground.perform(*on("restart_unit", *["busy.service"] * 14))
    assert [answer["ok"] for answer in answers] == [True] * 12 + [False] * 2
    ground.host.ok("systemctl kill -s KILL autonomous-orchestrator-hands.service")
    with ground.unchanged():
        ground.refused(*on("restart_unit", "busy.service"))
