"""The reading door against a real systemd: units, why they stopped, signals, the journal, groups, mounts that hang."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.base import Base
from tests.lab.host import Host

PRELUDE = """
import dataclasses, json, os, pathlib, signal, subprocess, sys, time
from orchestrator.host import *
view = View(pathlib.Path("/var/lib/view"))
units, journal = view.units, view.journal
def sh(script): return subprocess.run(["sh", "-c", script], check=False, capture_output=True, text=True).stdout.strip()
def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < deadline: time.sleep(0.02)
    return found
def tell(value):
    plain = lambda item: dataclasses.asdict(item) if dataclasses.is_dataclass(item) else sorted(item)
    print(json.dumps(value, default=plain), flush=True)
def tried(ask):
    try: return ask()
    except Unavailable as error: return f"Unavailable: {error}"
"""

SLEEP = "[Service]\nExecStart=/bin/sleep infinity\n"
UNITS = {
    "plain.service": SLEEP + "[Install]\nWantedBy=multi-user.target\n",
    "stubborn.service": '[Service]\nExecStart=/bin/sh -c "trap \\"exit 3\\" TERM; sleep infinity & wait"\n',
    "under.service": SLEEP,
    "needs.service": "[Unit]\nRequires=under.service\nAfter=under.service\n" + SLEEP,
    "bound.service": "[Unit]\nBindsTo=under.service\nAfter=under.service\n" + SLEEP,
    "part.service": "[Unit]\nPartOf=under.service\n" + SLEEP,
    "over.service": "[Unit]\nRequires=needs.service\nAfter=needs.service\n" + SLEEP,
    "brief.service": "[Service]\nExecStart=/bin/sleep 0.1\n",
    "again.service": "[Unit]\nStartLimitBurst=50\n[Service]\nRestart=always\nRestartSec=20ms\nExecStart=/bin/sleep infinity\n",
    "waits.service": "[Service]\nRestart=on-failure\nRestartSec=60\nExecStart=/bin/false\n",
    "loops.service": "[Unit]\nStartLimitBurst=3\n[Service]\nRestart=on-failure\nRestartSec=10ms\nExecStart=/bin/false\n",
    "once.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c '[ ! -e /run/broken ]'\n",
    "onto.service": "[Unit]\nRequires=once.service\nAfter=once.service\n" + SLEEP,
    "slow.service": "[Service]\nExecStartPre=/bin/sleep 60\nExecStart=/bin/sleep infinity\n",
    "never.service": SLEEP,
    "quiet.service": "[Service]\nLogLevelMax=err\nExecStart=/bin/sleep infinity\n",
    "rival.service": "[Unit]\nConflicts=plain.service\n" + SLEEP,
    "sleepy.socket": "[Socket]\nListenStream=/run/sleepy.sock\n",
    "sleepy.service": SLEEP,
    "srv-x.mount": "[Mount]\nWhat=tmpfs\nWhere=/srv/x\nType=tmpfs\n",
    "onmount.service": "[Unit]\nRequiresMountsFor=/srv/x/data\nBindsTo=srv-x.mount\n" + SLEEP,
    "noexec.service": "[Service]\nExecStart=/no/such/program\n",
}


@pytest.fixture(scope="module")
def shared(base: Base) -> Iterator[Host]:
    """One host with all the units, for tests that leave it as they found it."""
    with Host(base) as host:
        for name, text in UNITS.items():
            host.write(f"/etc/systemd/system/{name}", text)
        host.ok("systemctl daemon-reload")
        yield host


@pytest.fixture
def host(shared: Host) -> Iterator[Host]:
    yield shared
    names = " ".join(UNITS)
    shared.ok(f"rm -f /run/broken; systemctl unmask {names} 2>/dev/null; systemctl stop {names}; systemctl reset-failed; true")


def _asked(host: Host, program: str) -> Any:
    """What the program tells, run inside with the door open."""
    result = host.python("-c", PRELUDE + program)
    assert result.status == 0, result.out
    return json.loads(result.out.splitlines()[-1])


# Why a unit stopped: (what happens, the unit that is asked about, (asked for, with which dependency))

BY_HAND, BY_ITSELF = (True, ""), (False, "")
ENDINGS = {
    "stop": ("systemctl start plain; systemctl stop plain", "plain", BY_HAND),
    "stop, and it exits 3": ("systemctl start stubborn; sleep .2; systemctl stop stubborn", "stubborn", BY_HAND),
    "disable --now": ("systemctl enable -q --now plain; systemctl disable -q --now plain", "plain", BY_HAND),
    "stop without waiting": ("systemctl start plain; systemctl stop --no-block plain", "plain", BY_HAND),
    "stop of a oneshot": ("systemctl start once; systemctl stop once", "once", BY_HAND),
    "stop of a socket": ("systemctl start sleepy.socket; systemctl stop sleepy.socket", "sleepy.socket", BY_HAND),
    "stop while it starts": ("systemctl start --no-block slow; sleep .3; systemctl stop slow", "slow", BY_HAND),
    "stop while it waits to restart": ("systemctl start waits; sleep .3; systemctl stop waits", "waits", BY_HAND),
    "stop after a crash and its restart": (
        "systemctl start again; systemctl kill -s KILL again; sleep .5; systemctl stop again", "again", BY_HAND,
    ),
    "stop by a rival's start": ("systemctl start plain; systemctl start rival; sleep .2", "plain", BY_HAND),
    "the dependency was stopped": ("systemctl start needs; systemctl stop under", "needs", (True, "under.service")),
    "what it is part of was stopped": ("systemctl start under part; systemctl stop under", "part", (True, "under.service")),
    "what it is bound to was stopped": ("systemctl start bound; systemctl stop under", "bound", (True, "under.service")),
    "what it is bound to died": (
        "systemctl start bound; systemctl kill -s KILL under; sleep .3", "bound", (True, "under.service"),
    ),
    "the nearest dependency is named": ("systemctl start over; systemctl stop under", "over", (True, "needs.service")),
    "first itself, then the dependency": ("systemctl start needs; systemctl stop needs; systemctl stop under", "needs", BY_HAND),
    "both by name": ("systemctl start needs; systemctl stop needs under", "needs", BY_HAND),
    "the dependency itself": ("systemctl start needs; systemctl stop under", "under", BY_HAND),
    "its mount was stopped": ("systemctl start onmount; systemctl stop srv-x.mount", "onmount", (True, "srv-x.mount")),
    "its mount was taken away": ("systemctl start onmount; umount /srv/x; sleep .3", "onmount", (True, "srv-x.mount")),
    "the mount that was taken away": ("systemctl start srv-x.mount; umount /srv/x; sleep .3", "srv-x.mount", BY_ITSELF),
    "clean exit": ("systemctl start brief; sleep .4", "brief", BY_ITSELF),
    "kill -9": ("systemctl start plain; systemctl kill -s KILL plain; sleep .2", "plain", BY_ITSELF),
    "kill": ("systemctl start plain; systemctl kill plain; sleep .2", "plain", BY_ITSELF),
    "start limit": ("systemctl start loops; sleep .6", "loops", BY_ITSELF),
    "restart that fails": ("systemctl start once; touch /run/broken; systemctl restart once", "once", BY_ITSELF),
    "restart of the dependency fails": ("systemctl start onto; touch /run/broken; systemctl restart once; sleep .2", "onto", BY_ITSELF),
    "stopped, then a start failed": (
        "systemctl start onto; systemctl stop onto once; touch /run/broken; systemctl start onto", "onto", BY_ITSELF,
    ),
    "never started": ("true", "never", BY_ITSELF),
}  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
def test_who_ended_a_unit(host: Host, ending: str) -> None:
    """A stop that somebody asked for is told from every other end, and a dependency's stop from an administrator's."""
    script, name, (asked_for, dependency) = ENDINGS[ending]
    host.sh(script)
    name = name if "." in name else f"{name}.service"
    state, stop = _asked(host, f"unit = units.get({name!r}); tell([unit.active_state, units.stopped_by_hand(unit)])")
    assert state in ("inactive", "failed")
    assert (stop is not None, stop["with_dependency"] if stop else "") == (asked_for, dependency)


def test_a_stop_is_known_at_once(host: Host) -> None:
    """Asked in the very moment in which the state changes, PID 1's line is waited for: 10 of 10, in less than a second."""
    program = """
told, longest = [], 0.0
for _ in range(10):
    sh("systemctl start plain.service; systemctl stop --no-block plain.service")
    while not (unit := units.get("plain.service")).down: pass
    began = time.monotonic()
    told.append(units.stopped_by_hand(unit) is not None)
    longest = max(longest, time.monotonic() - began)
tell([told, longest])
"""
    told, longest = _asked(host, program)
    assert told == [True] * 10
    assert longest < 1


@pytest.mark.parametrize("loaded", [True, False], ids=["enabled", "unloaded when it stops"])
def test_a_journal_that_lags_is_no_answer(host: Host, *, loaded: bool) -> None:
    """While journald stands still nobody can tell who ended the unit; then its lines come, and the answer."""
    program = """
journald = units.get("systemd-journald.service").main_pid
sh("systemctl start plain.service; journalctl --sync"); os.kill(journald, signal.SIGSTOP)
sh("systemctl stop plain.service"); unit = until(lambda: (found := units.get("plain.service")).down and found)
first = tried(lambda: units.stopped_by_hand(unit)); os.kill(journald, signal.SIGCONT); sh("journalctl --sync")
tell([unit.inactive_enter_at > 0, first, units.stopped_by_hand(unit)])
"""
    host.ok(f"systemctl {'enable' if loaded else 'disable'} -q plain.service")
    timed, first, then = _asked(host, program)
    host.ok("systemctl disable -q plain.service")
    assert timed is loaded
    assert first == "Unavailable: PID 1 wrote nothing about the end of plain.service"
    assert then["with_dependency"] == ""


def test_a_crash_is_no_stop_at_once(host: Host) -> None:
    """So does the other answer: a crash is not held up by a line that never comes."""
    program = """
sh("systemctl start plain.service")
os.kill(units.get("plain.service").main_pid, signal.SIGKILL)
while not (unit := units.get("plain.service")).down: pass
began = time.monotonic()
tell([units.stopped_by_hand(unit), time.monotonic() - began, unit.dead_reason])
"""
    stop, took, reason = _asked(host, program)
    assert stop is None
    assert took < 0.5
    assert reason == "main process was killed by SIGKILL"


def test_a_silent_pid_1_is_unknown(host: Host) -> None:
    """Where a unit's LogLevelMax= hides PID 1's lines, nobody can tell: neither a stop nor none."""
    host.ok("systemctl start quiet && systemctl enable -q --runtime quiet.service 2>/dev/null; systemctl stop quiet")
    program = """
sh("systemctl add-wants multi-user.target quiet.service; systemctl daemon-reload; systemctl start quiet; systemctl stop quiet")
tell(tried(lambda: units.stopped_by_hand(units.get("quiet.service"))))
"""
    assert "PID 1 wrote nothing about the end of quiet.service" in _asked(host, program)


def test_who_stopped_it_is_known_whatever_the_clock_was(host: Host) -> None:
    """The clock was three hours ahead when this program began, and was set right since."""
    host.ok("systemctl start plain && systemctl stop plain")
    stop = _asked(
        host,
        "real = time.time; time.time = lambda: real() + 10800; journal.tail(None, lines=1); time.time = real;"
        "tell(units.stopped_by_hand(units.get('plain.service')))",
    )
    assert stop


def test_a_forged_stop_is_not_believed(host: Host) -> None:
    """A line that says "Stopped", written by a stranger with all the right fields, is not even among the unit's."""
    forged = r"MESSAGE=Stopped by nobody.\nMESSAGE_ID=9d1aaa27d60140bd96365438aad20286\nJOB_TYPE=stop\nJOB_ID=9999\nUNIT=plain.service\n"
    host.ok("systemctl start plain && systemctl kill -s KILL plain; sleep .2")
    host.ok(f"printf '{forged}' | logger --journald; journalctl --sync")
    told = _asked(host, "tell([units.stopped_by_hand(units.get('plain.service')), journal.tail('plain.service')])")
    assert told[0] is None
    lines = {line["message"]: line["trusted"] for line in told[1]}
    assert "Stopped by nobody." not in lines
    assert lines["Started plain.service."] is True


def test_the_start_limit_is_seen(host: Host) -> None:
    """A crash loop that the limit ended keeps Result=exit-code: PID 1's line tells; a reset clears it."""
    program = """
refused = lambda name: (unit := units.get(name)) and [unit.active_state, unit.result, units.starts_refused(unit)]
sh("systemctl start loops.service noexec.service"); until(lambda: units.get("loops.service").down)
seen = [refused("loops.service"), refused("noexec.service")]
sh("systemctl reset-failed"); tell([*seen, refused("loops.service")])
"""
    loops, crashed, reset = _asked(host, program)
    assert loops == ["failed", "exit-code", True]
    assert crashed == ["failed", "exit-code", False]
    assert reset == ["inactive", "success", False]


# Units


def test_units_are_read(host: Host) -> None:
    """States, causes, what does not exist, what cannot be loaded, and jobs."""
    host.write("/etc/systemd/system/bad.service", "[Service]\nType=oneshot\n")
    host.ok("ln -sf /dev/null /etc/systemd/system/masked.service")
    program = """
sh("systemctl daemon-reload; systemctl start plain noexec; systemctl start --no-block slow")
told = {name: dataclasses.asdict(units.get(name + ".service")) for name in ("plain", "noexec", "nothing", "masked", "bad", "slow")}
told["lines"] = {line.name: line.active_state for line in units.list()}
told["failed"] = [line.name for line in units.failed()]
told["jobs"] = [(job.unit, job.type, job.state) for job in units.jobs()]
told["state"] = [units.system_state(), units.booted_at() <= time.time(), units.booted_at() > 0]
told["invalid"] = units.get("a b").load_state
tell(told)
"""
    told = _asked(host, program)
    host.ok("rm /etc/systemd/system/bad.service /etc/systemd/system/masked.service; systemctl daemon-reload")
    plain = told["plain"]
    assert (plain["active_state"], plain["sub_state"], plain["result"], plain["type"]) == ("active", "running", "success", "simple")
    assert plain["main_pid"] > 1
    assert plain["fragment_path"] == "/etc/systemd/system/plain.service"
    assert plain["exec_start"] == [["/bin/sleep", "infinity"]]
    assert len(plain["invocation_id"]) == 32
    assert told["noexec"]["exec_main_status"] == 203
    assert [told[name]["load_state"] for name in ("nothing", "masked")] == ["not-found", "masked"]
    assert told["bad"]["load_state"] in ("bad-setting", "error")
    assert told["bad"]["load_error"]
    assert (told["slow"]["job_type"], told["slow"]["control_pid"] > 0) == ("start", True)
    assert ["slow.service", "start", "running"] in told["jobs"]
    assert told["lines"]["plain.service"] == "active"
    assert told["failed"] == ["noexec.service"]
    assert told["state"][1:] == [True, True]
    assert told["invalid"] == "not-found"


def test_the_graph_is_walked(host: Host) -> None:
    """Down to what it needs, its mount and the socket in use included; up to who falls with it; declared needs count."""
    program = """
sh("systemctl start srv-x.mount over bound part")
unused = units.needs("sleepy.service"); sh("systemctl start sleepy.socket"); used = units.needs("sleepy.service")
tell([units.needs("onmount.service"), unused, used, units.below("over.service"),
      units.above("under.service"), units.below("plain.service", {"plain.service": ("over.service",)})])
"""
    mount, unused, used, below, above, declared = _asked(host, program)
    assert "srv-x.mount" in mount
    assert "sleepy.socket" not in unused
    assert "sleepy.socket" in used
    assert below == ["needs.service", "under.service"]
    assert set(above) == {"needs.service", "bound.service", "part.service", "over.service"}
    assert declared == ["over.service", "needs.service", "under.service"]


def test_a_shutdown_is_seen_coming(host: Host) -> None:
    """A scheduled one that is near, until it is called off; tonight's is not."""
    told = _asked(
        host,
        """
before = units.shutdown_scheduled(); sh("shutdown +5"); during = until(units.shutdown_scheduled); sh("shutdown +600")
tell([before, during, until(lambda: not units.shutdown_scheduled())]); sh("shutdown -c")
""",
    )
    assert told == [False, True, True]


def test_the_baseline_is_read(host: Host) -> None:
    """Active and enabled units, mounts, timers; and back from JSON."""
    program = """
sh("systemctl enable -q --now plain.service; systemctl start srv-x.mount sleepy.socket")
baseline = Baseline.read(view); sh("systemctl disable -q plain.service")
tell([baseline.to_json(), Baseline.from_json(json.loads(json.dumps(baseline.to_json()))) == baseline])
"""
    baseline, same = _asked(host, program)
    assert same
    assert {"plain.service", "srv-x.mount", "sleepy.socket"} <= set(baseline["active"])
    assert "plain.service" in baseline["enabled"]
    assert "/srv/x" in baseline["mounts"]
    assert "unix:/run/sleepy.sock" in baseline["listeners"]


def test_a_group_has_its_processes(host: Host) -> None:
    """All processes of a unit, with the unit's name on each, and who holds its socket: not PID 1."""
    program = """
sh("systemctl start stubborn sleepy.socket sleepy.service")
unit = until(lambda: len(view.processes.in_cgroup(units.get("stubborn.service").control_group)) == 2 and units.get("stubborn.service"))
members = view.processes.in_cgroup(unit.control_group)
main = view.processes.get(unit.main_pid)
tell([[(process.comm, process.unit) for process in members], abs(main.started_at - unit.main_started_at) < 1,
      view.sockets.holder_of_socket("/run/sleepy.sock").comm])
"""
    members, on_time, holder = _asked(host, program)
    assert sorted(members) == [["sh", "stubborn.service"], ["sleep", "stubborn.service"]]
    assert on_time
    assert holder == "sleep"


def test_groups_of_version_1_too(lab_v1: Host) -> None:
    """The same where systemd keeps its groups in a hierarchy of its own."""
    lab_v1.unit("plain.service", SLEEP)
    lab_v1.ok("systemctl start plain")
    program = """
members = view.processes.in_cgroup(units.get("plain.service").control_group)
tell([(process.comm, process.unit) for process in members])
"""
    assert _asked(lab_v1, program) == [["sleep", "plain.service"]]


# The journal


def test_the_journal_explains(host: Host) -> None:
    """The program's own lines and PID 1's, also "Failed at step EXEC" of a child; the last ones, in order."""
    host.unit("talks.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'for i in 1 2 3; do echo line $i; done; exit 5'\n")
    program = """
sh("systemctl start talks.service noexec.service; journalctl --sync")
unit = units.get("talks.service")
texts = lambda lines: [line.message for line in lines]
tell([texts(journal.tail("talks.service")), texts(journal.tail("talks.service", lines=2)),
      texts(journal.tail("talks.service", invocation=unit.invocation_id)), texts(journal.tail("talks.service", since=time.time() + 5)),
      texts(journal.manager_lines("talks.service", 0.0)), texts(journal.tail("noexec.service")), len(journal.tail(None, lines=30)),
      journal.tail("nothing.service")])
"""
    everything, last, run, later, manager, failed, whole, nothing = _asked(host, program)
    assert [text for text in everything if text.startswith("line")] == ["line 1", "line 2", "line 3"]
    assert everything[-2:] == last
    assert set(run) <= set(everything)
    assert "talks.service: Failed with result 'exit-code'." in run
    assert later == nothing == []
    assert "talks.service: Main process exited, code=exited, status=5/NOTINSTALLED" in manager
    assert "line 1" not in manager
    assert any("Failed at step EXEC" in text for text in failed)
    assert whole == 30


def test_without_permission_it_is_blind(host: Host) -> None:
    """An ordinary user may ask systemd, but not why units stopped."""
    host.ok("systemctl start plain; systemctl stop plain; systemctl start brief; sleep .3")
    program = """
os.setgroups([]); os.setgid(65534); os.setuid(65534)
tell([len(units.list()) > 10, tried(lambda: journal.tail("plain.service"))])
"""
    told = _asked(host, program)
    assert told[0] is True
    assert told[1].startswith("Unavailable")


# Signals

LISTEN = """
heard = []
signals = Signals(units, lambda names: heard.append((time.monotonic(), names)))
signals.start(); until(lambda: signals.alive and heard)
def quiet():
    count = -1
    while count != len(heard): count = len(heard); time.sleep(0.3)
    heard.clear()
quiet()
"""


def test_a_look_at_what_systemd_has_forgotten_wakes_nobody_again(host: Host) -> None:
    """Asked about a unit that is not loaded, systemd loads it, and says so of it and its neighbours: who is woken by that asks once."""
    program = (
        LISTEN
        + """
asked = []
def look(names): asked.append(names); units.get("systemd-hostnamed.service")
again = Signals(units, look)
again.start(); until(lambda: asked); time.sleep(2)
again.close(); signals.close(); tell(len(asked))
"""
    )
    assert _asked(host, program) < 10


def test_a_crash_wakes_at_once(host: Host) -> None:
    """From kill -9 to the call: about 2 ms, here less than 50 in the middle of five."""
    program = (
        LISTEN
        + """
took = []
for _ in range(5):
    sh("systemctl reset-failed; systemctl start plain.service"); pid = units.get("plain.service").main_pid; quiet()
    began = time.monotonic(); os.kill(pid, signal.SIGKILL)
    until(lambda: any("plain.service" in names for _, names in heard)); took.append(heard[0][0] - began)
signals.close(); tell([sorted(took)[2], signals.alive])
"""
    )
    middle, alive = _asked(host, program)
    assert middle < 0.05
    assert alive is False


def test_hidden_restarts_are_counted(host: Host) -> None:
    """Crashes that Restart= hides within 20 ms are counted once each, without a sweep; a restart by hand is none."""
    program = (
        LISTEN
        + """
main = lambda: int(sh("systemctl show -P MainPID again.service") or 0)
sh("systemctl start again.service"); seen = {0}
for _ in range(5):
    pid = until(lambda: (found := main()) not in seen and found); seen.add(pid)
    os.kill(pid, signal.SIGKILL); time.sleep(0.2)
counted = until(lambda: (found := units.restarts("again.service", 60)) >= 5 and found, 3)
sh("systemctl restart again.service"); units.get("again.service"); time.sleep(0.6)
signals.close(); tell([counted, units.restarts("again.service", 60), units.restarting(60)])
"""
    )
    assert _asked(host, program) == [5, 5, ["again.service"]]


def test_a_reload_is_one_word(host: Host) -> None:
    """daemon-reload makes every unit speak: that is heard as "everything may have changed", and as nothing else."""
    told = _asked(
        host, LISTEN + "sh('systemctl daemon-reload'); time.sleep(0.5); signals.close(); tell([list(names) for _, names in heard])"
    )
    assert [] in told
    assert len(told) < 10


def test_it_hears_whatever_becomes_of_the_bus(lab: Host) -> None:
    """The bus restarted, gone (then by systemd's own socket), back: it hears each crash, and says when it may have missed something."""
    lab.unit("plain.service", SLEEP)
    program = (
        LISTEN
        + """
def hears():
    quiet(); sh("systemctl start plain.service"); pid = until(lambda: units.get("plain.service").main_pid)
    quiet(); os.kill(pid, signal.SIGKILL)
    return bool(until(lambda: any("plain.service" in names for _, names in heard)))
missed = lambda: bool(until(lambda: signals.alive and any(not names for _, names in heard)))
told = []
sh("systemctl restart dbus.service"); told += [missed(), hears()]
sh("systemctl stop dbus.socket dbus.service"); told += [missed(), hears(), len(units.list()) > 10]
sh("systemctl start dbus.socket dbus.service"); told += [hears(), len(units.list()) > 10]
signals.close(); tell(told)
"""
    )
    assert _asked(lab, program) == [True] * 7


def test_it_hears_after_systemd_was_executed_anew(lab: Host) -> None:
    """daemon-reexec: systemd has a new name on the bus, which alone is believed from then on."""
    lab.unit("plain.service", SLEEP)
    program = (
        LISTEN
        + """
sh("systemctl daemon-reexec; systemctl start plain.service"); quiet()
os.kill(units.get("plain.service").main_pid, signal.SIGKILL)
tell(bool(until(lambda: any("plain.service" in names for _, names in heard)))); signals.close()
"""
    )
    assert _asked(lab, program) is True


def test_anybodys_signal_is_not_believed(host: Host) -> None:
    """A user who sends us systemd's "I am reloading" cannot make us deaf."""
    program = (
        LISTEN
        + """
from jeepney import DBusAddress, new_signal, HeaderFields
from orchestrator.host.connection import Connection, MANAGER_PATH
import socket
names = sh("busctl list --no-legend --unique | awk '$2==" + str(os.getpid()) + " {print $1}'").split()
other = Connection.open()
for name in names:
    forged = new_signal(DBusAddress(MANAGER_PATH, interface="org.freedesktop.systemd1.Manager"), "Reloading", "b", (True,))
    forged.header.fields[HeaderFields.destination] = name
    other.send(forged)
time.sleep(0.3); sh("systemctl start plain.service"); quiet(); os.kill(units.get("plain.service").main_pid, signal.SIGKILL)
told = bool(until(lambda: any("plain.service" in names for _, names in heard), 3)); signals.close(); tell([len(names) > 0, told])
"""
    )
    assert _asked(host, program) == [True, True]


# What hangs

HANG = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def hang(point):
    # A FUSE file system whose server never says a word: whoever touches it waits.
    os.makedirs(point, exist_ok=True); door = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={door},rootmode=40000,user_id=0,group_id=0".encode()
    assert libc.mount(b"dead", point.encode(), b"fuse", 0, options) == 0, os.strerror(ctypes.get_errno())
    return door
def timed(ask):
    began = time.monotonic(); answer = tried(ask); return [answer, time.monotonic() - began]
"""


def test_a_mount_that_hangs_is_left_alone(lab: Host) -> None:
    """Asked once, to the deadline; then known to hang, by way of links too; nothing else waits; asked again when it is back."""
    program = (
        HANG
        + """
door = hang("/mnt/dead"); os.symlink("/mnt/dead/file", "/srv/link")
first, second = timed(lambda: view.mounts.usage("/mnt/dead")), timed(lambda: view.mounts.usage("/mnt/dead"))
through, beside = timed(lambda: view.files.look("/srv/link", follow=True)), timed(lambda: view.files.look("/etc/passwd").kind)
itself, root = timed(lambda: view.files.look("/srv/link").kind), timed(lambda: view.mounts.usage("/").total > 0)
hanging = view.mounts.hanging()
os.close(door); until(lambda: not view.mounts.hanging())
back = timed(lambda: view.mounts.usage("/mnt/dead")); sh("umount -l /mnt/dead")
tell([first, second, through, beside, itself, root, hanging, view.mounts.hanging(), back])
"""
    )
    first, second, through, beside, itself, root, hanging, later, back = _asked(lab, program)
    assert first[0] == "Unavailable: /mnt/dead did not answer in 3 s"
    assert 2.9 < first[1] < 5
    for answer, took in (second, through):
        assert answer == "Unavailable: /mnt/dead hangs: an earlier question has no answer yet"
        assert took < 0.5
    for answer, took in (beside, itself, root):
        assert answer in ("file", "link", True)
        assert took < 0.5
    assert (hanging, later) == (["/mnt/dead"], [])
    assert back[0] == "Unavailable: /mnt/dead: Transport endpoint is not connected"


def test_a_file_probe_ends_on_a_dead_mount(lab: Host) -> None:
    """Its own time-out counts, and a file that cannot be reached is no healthy one."""
    program = (
        HANG
        + """
from orchestrator.config import FileProbe
door = hang("/mnt/dead"); result = view.probe(FileProbe(file="/mnt/dead/beat", timeout_seconds=0.5))
os.close(door); sh("umount -l /mnt/dead"); tell(result)
"""
    )
    result = _asked(lab, program)
    assert (result["ok"], result["blind"], result["detail"], result["seconds"] < 2) == (False, False, "no answer in 0.5 s", True)


def test_a_lock_on_an_overlay_has_its_holder(host: Host) -> None:
    """Also on a file system whose files show another device than the kernel's list of locks."""
    program = """
pathlib.Path("/root/lock").touch(); told = [view.files.lock_holder("/root/lock")]
for tool in ("flock", "lockf"):
    hold = f"import fcntl; f = open('/root/lock', 'r+'); fcntl.{tool}(f, fcntl.LOCK_EX); print(flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE); holder.stdout.readline()
    told.append(view.files.lock_holder("/root/lock") == holder.pid); holder.communicate(b"x")
tell([*told, view.mounts.of_path("/root/lock").fstype])
"""
    assert _asked(host, program) == [None, True, True, "overlay"]
