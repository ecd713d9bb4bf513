"""Monit, as a generous operator would set it up from its manual.

Every declared service with every probe, every enabled unit, a restart for each; declared paths are cleaned when their file system
is full, declared certificates renewed or loaded anew.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from orchestrator.config import Certificate, CleanPath, CommandProbe, Disk, FileProbe, HttpProbe, Probe, Service, TcpProbe
from tests.lab.exam.healers.base import Healer

SECONDS = 3
START_SECONDS = 5
"""So long after a start it tests no port; its default of 30 s would be longer than what a case runs before its fault."""
_FULL_PERCENT = 90
_HEAD = f"""set daemon {SECONDS}
set log syslog
set idfile /run/monit.id
set statefile /run/monit.state
set httpd unixsocket /run/monit.sock
  allow root:root
"""


class Monit(Healer):
    name = "monit"

    def begin(self) -> None:
        declared = self.case.declared()
        looked_after = {service.unit for service in declared.service}
        parts = [text for service in declared.service for text in self._checks(service)]
        parts += [_unit(unit.replace("@", "-"), unit, _acts(unit)) for unit in self.units() if unit not in looked_after]
        parts += [self._room(number, path, declared.disk) for number, path in enumerate(declared.path)]
        parts += [text for number, certificate in enumerate(declared.certificate) for text in self._renewal(number, certificate)]
        checks = "".join(parts)
        self.host.write("/etc/monit/monitrc", _HEAD + checks, 0o600)
        self.host.ok("monit -t -c /etc/monit/monitrc")
        self.run("/usr/bin/monit -I -c /etc/monit/monitrc")
        if checks:
            self.host.wait_until(self._content, 60, "Monit finds all well")

    def _content(self) -> bool:
        """Every service has been looked at and is OK."""
        done = self.host.sh("monit -c /etc/monit/monitrc -B summary")
        states = re.findall(r"^\s+\S+ +(.+?) {2,}(?:Process|Program|File|Filesystem|Remote Host)\s*$", done.out, re.MULTILINE)
        return done.status == 0 and bool(states) and set(states) <= {"OK", "Status ok"}

    def _checks(self, service: Service) -> Iterator[str]:
        hands = _acts(service.unit) if service.unit else _hands(service)
        if not hands:
            return
        process = self._process(service)
        cures = [f"  {line}\n" for probe in service.probes for line in _network(probe)]
        if process:
            yield f"check process {service.name} matching {_quoted(process)}\n{hands}" + "".join(cures)
        elif cures:
            yield f"check host {service.name} with address 127.0.0.1\n{hands}" + "".join(cures)
        if service.unit and not process and self.host.show(service.unit, "Type").get("Type") != "oneshot":
            yield _unit(f"{service.name}-unit", service.unit, hands)
        for number, probe in enumerate(service.probes):
            if isinstance(probe, CommandProbe):
                script = f"/opt/lab/probe-{service.name}-{number}"
                self.host.write(script, f"#!/bin/sh\nexec {' '.join(map(_sh, probe.command))}\n", 0o755)
                yield _program(f"{service.name}-{number}", script, probe.timeout_seconds, hands)
            elif isinstance(probe, FileProbe):
                old = f"  if timestamp > {probe.max_age_seconds:.0f} seconds then restart\n" if probe.max_age_seconds else ""
                yield f"check file {service.name}-{number} with path {probe.file}\n{hands}  if does not exist then restart\n{old}"

    def _process(self, service: Service) -> str:
        """An expression that finds the unit's main process by its command line; empty where it has none."""
        if not service.unit or not service.unit.endswith(".service"):
            return ""
        pid = self.host.show(service.unit, "MainPID")["MainPID"]
        words = self.host.read(f"/proc/{pid}/cmdline").rstrip("\0").split("\0") if pid not in ("", "0") else []
        return re.sub(r"([.^$*+?()\[\]{}|\\])", r"\\\1", " ".join(words))[:400] if words else ""

    def _room(self, number: int, rule: CleanPath, disks: tuple[Disk, ...]) -> str:
        """Its file system is cleaned by find(1) when it is full."""
        old = f"-mmin +{rule.older_than_seconds / 60:.0f}"
        script = f"/opt/lab/clean-{number}"
        self.host.write(script, f"#!/bin/sh\nexec find {_sh(rule.path)} -xdev -type f -name {_sh(rule.pattern)} {old} -delete\n", 0o755)
        most = next((disk.max_used_percent for disk in disks if rule.path.startswith(disk.mount)), _FULL_PERCENT)
        cures = "".join(f"  if {what} usage > {most:.0f}% then exec {_quoted(script)}\n" for what in ("space", "inode"))
        there = f'path={_sh(rule.path)}; until [ -e "$path" ]; do path=$(dirname "$path"); done; findmnt -no TARGET --target "$path"'
        mount = self.host.ok(there).strip()
        return f"check filesystem room-{number} with path {mount}\n{cures}"

    def _renewal(self, number: int, certificate: Certificate) -> Iterator[str]:
        """Renewed by its unit, and loaded, when what is served ends soon."""
        host, _, port = (certificate.endpoint or "").rpartition(":")
        acts = (("start", certificate.renew_unit), ("reload-or-restart", certificate.unit))
        cures = "".join(f"systemctl {verb} {unit}\n" for verb, unit in acts if unit)
        if port and cures:
            script = f"/opt/lab/renew-{number}"
            self.host.write(script, f"#!/bin/sh\n{cures}", 0o755)
            test = f"if failed port {port} protocol https and certificate valid > {certificate.min_days} days"
            yield f"check host certificate-{number} with address {host.strip('[]')}\n  {test} then exec {_quoted(script)}\n"


def _acts(unit: str) -> str:
    """How a unit is started, over its start limit too, and stopped."""
    return _programs(f"/bin/sh -c 'systemctl reset-failed {unit}; systemctl start {unit}'", f"/bin/systemctl stop {unit}")


def _hands(service: Service) -> str:
    """How what no unit runs is started and stopped."""
    start, stop = " ".join(map(_sh, service.start)), " ".join(map(_sh, service.stop))
    return _programs(start, stop, f" as uid {service.user}" if service.user else "")


def _programs(start: str, stop: str, user: str = "") -> str:
    asks = (("start", start, f" with timeout {START_SECONDS} seconds"), ("stop", stop, ""))
    lines = [f"  {word} program = {_quoted(command)}{user}{timeout}\n" for word, command, timeout in asks if command]
    return "".join(lines)


def _unit(name: str, unit: str, hands: str) -> str:
    return _program(name, f"/bin/systemctl is-active --quiet {unit}", 5, hands)


def _network(probe: Probe) -> Iterator[str]:
    """Tests of a port; a second look before a restart, as the manual advises."""
    if isinstance(probe, TcpProbe):
        host, _, port = probe.tcp.rpartition(":")
        yield f"if failed host {host.strip('[]')} port {port} {_patience(probe.timeout_seconds)} then restart"
    if isinstance(probe, HttpProbe):
        url = urlsplit(probe.http)
        secure = url.scheme == "https"
        asks = f"protocol {'https' if secure else 'http'} request {_quoted(url.path + ('?' + url.query if url.query else '') or '/')}"
        content = f" content = {_quoted(re.escape(probe.contains))}" if probe.contains else ""
        place = f"host {url.hostname} port {url.port or (443 if secure else 80)}"
        yield f"if failed {place} {asks} status = {probe.status}{content} {_patience(probe.timeout_seconds)} then restart"


def _patience(seconds: float) -> str:
    return f"with timeout {max(1, round(seconds))} seconds for 2 cycles"


def _program(name: str, command: str, seconds: float, hands: str) -> str:
    timeout = f"with timeout {max(1, round(seconds))} seconds"
    return f"check program {name} with path {_quoted(command)} {timeout}\n{hands}  if status != 0 for 2 cycles then restart\n"


def _quoted(text: str) -> str:
    return f'"{text}"' if '"' not in text else f"'{text}'"


def _sh(word: str) -> str:
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word) else "'" + word.replace("'", "'\\''") + "'"
