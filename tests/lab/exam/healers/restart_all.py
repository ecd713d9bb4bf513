"""The script that many hosts have: every 5 s, whatever failed, is down or fails its probe is restarted."""

import shlex

from orchestrator.config import CommandProbe, FileProbe, HttpProbe, Probe, TcpProbe
from tests.lab.exam.healers.base import Healer

SECONDS = 5
_SCRIPT = """#!/bin/bash
down() {{ case $(systemctl show -P ActiveState "$1") in inactive|failed) true ;; *) false ;; esac; }}
once() {{ [ "$(systemctl show -P Type "$1")" = oneshot ]; }}
look() {{
  systemctl reset-failed
  for unit in $failed; do systemctl restart "$unit"; done
  for unit in {units}; do once "$unit" || {{ down "$unit" && systemctl restart "$unit"; }}; done
{probes}
}}
while sleep {seconds}; do
  failed=$(systemctl list-units --failed --no-legend --plain | cut -d' ' -f1)
  look
done
"""


class RestartAll(Healer):
    name = "restart-all"

    def begin(self) -> None:
        services = self.case.declared().service
        probes = [
            f"  {question(probe)} || {shlex.join(('systemctl', 'restart', service.unit) if service.unit else service.start)}"
            for service in services
            for probe in service.probes
            if service.unit or service.start
        ]
        self.host.write(
            "/opt/lab/restart-all", _SCRIPT.format(units=shlex.join(self.units()), probes="\n".join(probes), seconds=SECONDS), 0o755
        )
        self.run("/opt/lab/restart-all")


def question(probe: Probe) -> str:
    """A command that succeeds when the probe would."""
    match probe:
        case HttpProbe():
            page = f"curl -sk -m {probe.timeout_seconds:g} -w '\\n%{{http_code}}' {shlex.quote(probe.http)}"
            awk = f'END {{ exit !($0 == "{probe.status}") }}'
            word = f" && {page} | grep -qF -- {shlex.quote(probe.contains)}" if probe.contains else ""
            return f"{{ {page} | awk {shlex.quote(awk)}{word}; }}"
        case TcpProbe():
            host, _, port = probe.tcp.rpartition(":")
            return f"nc -z -w {max(1, round(probe.timeout_seconds))} {host.strip('[]')} {port}"
        case FileProbe(max_age_seconds=None):
            return f"test -e {shlex.quote(probe.file)}"
        case FileProbe():
            return f'test -n "$(find {shlex.quote(probe.file)} -newermt "-{probe.max_age_seconds:g} seconds")"'
        case CommandProbe():
            return f"timeout {probe.timeout_seconds:g} {shlex.join(probe.command)} >/dev/null 2>&1"
