"""What healing and watching cost, measured in one lab host beside systemd's Restart= and Monit. Run it by scripts/bench.

Each service is a netcat that listens on a port of its own: it starts in about a millisecond, so that the times are the
healers'. Every service is killed once only, since a second time would be a relapse and rightly take another path.
"""

import argparse
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from os import pidfd_open, sysconf
from statistics import median

from tests.lab.base import Base, LabError, unavailable
from tests.lab.host import DAEMON, Host
from tests.lab.shipped import HANDS_UNIT

HEALERS = ("systemd", "ours", "monit")
FIRST_PORT = {"systemd": 8100, "ours": 8300, "monit": 8500}


@dataclass(frozen=True, slots=True)
class Server:
    """One service: who is to heal it, and which of its kind it is."""

    healer: str
    number: int

    @property
    def name(self) -> str:
        return f"bench-{self.healer}-{self.number}"

    @property
    def port(self) -> int:
        return FIRST_PORT[self.healer] + self.number

    @property
    def command(self) -> str:
        return f"/bin/nc -lk 127.0.0.1 {self.port}"

    @property
    def unit(self) -> str:
        restart = "Restart=on-failure\n" if self.healer == "systemd" else ""
        return f"[Service]\nExecStart={self.command}\n{restart}[Install]\nWantedBy=multi-user.target\n"

    @property
    def declared(self) -> str:
        """Its part of the daemon's configuration: what others heal is only watched."""
        mode = "auto" if self.healer == "ours" else "observe"
        probes = f'[{{ tcp = "127.0.0.1:{self.port}" }}]'
        return f'[[service]]\nname = "{self.name}"\nunit = "{self.name}.service"\nprobes = {probes}\nmode = "{mode}"\n'

    @property
    def monitored(self) -> str:
        """Its part of Monit's configuration, as its manual shows it for a service of systemd."""
        return (
            f'check process {self.name} matching "^{self.command}$"\n'
            f'  start program = "/bin/systemctl start {self.name}"\n  stop program = "/bin/systemctl stop {self.name}"\n'
            f"  if failed host 127.0.0.1 port {self.port} then restart\n"
        )


def start(host: Host, servers: Iterable[Server]) -> None:
    servers = list(servers)
    for server in servers:
        host.write(f"/etc/systemd/system/{server.name}.service", server.unit)
    names = " ".join(server.name for server in servers)
    host.ok(f"systemctl daemon-reload && systemctl enable -q {names} && systemctl start {names}")


def start_monit(host: Host, servers: Iterable[Server], *, seconds: int) -> None:
    checks = "".join(server.monitored for server in servers)
    host.write("/etc/monit/monitrc", f"set daemon {seconds}\nset log /var/log/monit.log\nset idfile /run/monit.id\n{checks}", 0o600)
    host.unit("bench-monit.service", "[Service]\nExecStart=/usr/bin/monit -I -c /etc/monit/monitrc\n")
    host.ok("systemctl start bench-monit")


def start_ours(host: Host, servers: Iterable[Server], *, settings: str = "") -> bool:
    """Whether the daemon runs now. Without it the others are measured all the same."""
    declared = "".join(server.declared for server in servers)
    limits = "[limits]\nchanges_per_target_per_hour = 100\nchanges_per_host_per_hour = 1000\n"
    try:
        host.start_daemon(f"[daemon]\nboot_grace_seconds = 0\n{settings}[mail]\nenabled = false\n{limits}{declared}")
    except LabError as error:
        print(f"Our daemon is left out: {error}", file=sys.stderr)
        host.sh(f"systemctl stop {DAEMON}")  # or its restarts would be measured
        return False
    return True


def kill(unit: str, port: int) -> tuple[float, float]:
    """Kill a unit's main process and wait for its port: (when it was killed, seconds until it answered). Runs inside the host."""
    shown = subprocess.run(["systemctl", "show", "-P", "MainPID", unit], check=True, capture_output=True, text=True)
    process = pidfd_open(int(shown.stdout))
    at, began = time.time(), time.monotonic()
    signal.pidfd_send_signal(process, signal.SIGKILL)
    select.select([process], [], [])
    while time.monotonic() - began < 60:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return at, time.monotonic() - began
        time.sleep(0.001)
    raise TimeoutError(f"{unit} did not come back in a minute")


STARTED_SECONDS = 75
"""The start is not idleness: for a minute a run that has just begun is on probation, before its files count as good."""


def heal(base: Base, runs: int) -> None:
    servers = [Server(healer, number) for number in range(runs) for healer in HEALERS]
    with Host(base, limits=True) as host:
        start(host, servers)
        start_monit(host, [server for server in servers if server.healer == "monit"], seconds=1)
        runs_ours = start_ours(host, servers)
        time.sleep(3)  # everybody has seen everything once
        healed: dict[str, list[float]] = {}
        killed: dict[str, float] = {}
        for server in servers:
            if server.healer == "ours" and not runs_ours:
                continue
            time.sleep(server.number * 0.37 % 1)  # Monit looks once a second: meet it at different moments
            result = host.python("-m", "tests.lab.bench", "kill", server.name, str(server.port), timeout=90)
            if result.status:
                raise LabError(result.out)
            killed[server.name], took = map(float, result.out.split())
            healed.setdefault(server.healer, []).append(took)
        print(f"kill -9 of a service -> its port answers, {runs} runs each, one after the other (ms)")
        for healer, times in healed.items():
            row(healer, times, median(healed["systemd"]))
        if runs_ours:
            row("recorded", recorded(host, killed))
            print(f"  the daemon then: {memory(host, main_pid(host, DAEMON))}")


def recorded(host: Host, killed: dict[str, float]) -> list[float]:
    """Seconds from each kill to the incident's `detected_at`."""
    rows = host.sql("SELECT target, (julianday(detected_at) - 2440587.5) * 86400.0 AS at FROM tasks")
    return [row["at"] - killed[row["target"].removesuffix(".service")] for row in rows if row["target"].removesuffix(".service") in killed]


def row(name: str, seconds: list[float], yardstick: float = 0) -> None:
    if not seconds:
        print(f"  {name:10}    nothing seen")
        return
    low, middle, high = (1000 * value for value in (min(seconds), median(seconds), max(seconds)))
    ratio = f"   {median(seconds) / yardstick:6.2f} x systemd" if yardstick else ""
    print(f"  {name:10} min {low:8.1f}   median {middle:8.1f}   max {high:8.1f}   n {len(seconds):3}{ratio}")


def idle(base: Base, seconds: int, services: int) -> None:
    servers = [Server("monit", number) for number in range(services)]
    with Host(base, limits=True) as host:
        start(host, servers)
        units = int(host.ok("systemctl list-units --no-legend | wc -l"))
        start_monit(host, servers, seconds=30)
        watchers = ["bench-monit.service", *([DAEMON, HANDS_UNIT] if start_ours(host, servers) else [])]
        time.sleep(STARTED_SECONDS)
        running = {
            watcher: main_pid(host, watcher) for watcher in watchers if host.sh(f"systemctl is-active --quiet {watcher}").status == 0
        }
        pids = {"PID 1, asked by both": "1", **running}
        before = {name: spent(host, pid) for name, pid in pids.items()}
        time.sleep(seconds)
        print(f"{units} units, {services} of them watched with a probe each, looked at every 30 s; quiet for {seconds} s")
        for name, pid in pids.items():
            print(f"  {name:40} {memory(host, pid)}   CPU {100 * (spent(host, pid) - before[name]) / seconds:6.3f} % of a core")


def main_pid(host: Host, unit: str) -> str:
    return host.show(unit, "MainPID")["MainPID"]


def spent(host: Host, pid: str) -> float:
    """Seconds of CPU that a process and the children it has waited for have used: fields 14 to 17 of proc(5)'s stat."""
    fields = host.read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / sysconf("SC_CLK_TCK")


def memory(host: Host, pid: str) -> str:
    resident, shared_out = (int(host.ok(f"awk '/^{name}:/ {{print $2}}' /proc/{pid}/smaps_rollup")) for name in ("Rss", "Pss"))
    return f"RSS {resident / 1024:5.1f} MiB, PSS {shared_out / 1024:5.1f} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("heal", help="time from kill -9 to an answering port")
    verb.add_argument("-n", type=int, default=10, help="runs of each healer")
    verb = verbs.add_parser("idle", help="memory and CPU of a quiet host's watchers")
    verb.add_argument("--seconds", type=int, default=120)
    verb.add_argument("--services", type=int, default=60, help="watched services; about 40 more units are there anyway")
    verb = verbs.add_parser("kill")  # what heal runs inside the host
    verb.add_argument("unit")
    verb.add_argument("port", type=int)
    options = parser.parse_args()
    if options.verb == "kill":
        print(*kill(options.unit, options.port))
        return
    if reason := unavailable():
        sys.exit(reason)
    with Base() as base:
        heal(base, options.n) if options.verb == "heal" else idle(base, options.seconds, options.services)


if __name__ == "__main__":
    main()
