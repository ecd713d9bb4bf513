"""Monit, as a generous operator would set it up from its manual: every declared service, every probe, a restart for each."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from orchestrator.config import CommandProbe, FileProbe, HttpProbe, Probe, Service, TcpProbe
from tests.lab.exam.healers.base import Healer

SECONDS = 3
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
        checks = "".join(text for service in self.case.declared().service for text in self._checks(service))
        self.host.write("/etc/monit/monitrc", _HEAD + checks, 0o600)
        self.host.ok("monit -t -c /etc/monit/monitrc")
        self.run("/usr/bin/monit -I -c /etc/monit/monitrc")
        if checks:
            self.host.wait_until(self._content, 20, "Monit finds all well")

    def _content(self) -> bool:
        """Every service has been looked at and is OK."""
        done = self.host.sh("monit -c /etc/monit/monitrc -B summary")
        states = re.findall(r"^\s+\S+ +(.+?) {2,}(?:Process|Program|File|Remote Host)\s*$", done.out, re.MULTILINE)
        return done.status == 0 and bool(states) and set(states) <= {"OK", "Status ok"}

    def _checks(self, service: Service) -> Iterator[str]:
        hands = _hands(service)
        if not hands:
            return
        process = self._process(service)
        cures = [f"  {line}\n" for probe in service.probes for line in _network(probe)]
        if process:
            yield f"check process {service.name} matching {_quoted(process)}\n{hands}" + "".join(cures)
        elif cures:
            yield f"check host {service.name} with address 127.0.0.1\n{hands}" + "".join(cures)
        if service.unit and not process:
            yield _program(f"{service.name}-unit", f"/bin/systemctl is-active --quiet {service.unit}", 5, hands)
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


def _hands(service: Service) -> str:
    """How it is started and stopped."""
    if service.unit:
        start, stop = f"/bin/systemctl start {service.unit}", f"/bin/systemctl stop {service.unit}"
    else:
        start, stop = " ".join(map(_sh, service.start)), " ".join(map(_sh, service.stop))
    user = f" as uid {service.user}" if service.user and not service.unit else ""
    lines = [f"  {word} program = {_quoted(command)}{user}\n" for word, command in (("start", start), ("stop", stop)) if command]
    return "".join(lines)


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
