"""Asks a service as its user would. A slow answer is no answer."""

import errno
import http.client
import time
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from orchestrator.config import CommandProbe, FileProbe, HttpProbe, Probe, TcpProbe
from orchestrator.host import web
from orchestrator.host.errors import Late, Unavailable
from orchestrator.host.files import Files
from orchestrator.host.helper import Helper
from orchestrator.host.journal import clean
from orchestrator.host.runs import Runs

_DETAIL_CHARACTERS = 300
_BLIND = "blind"
EXITS = {10: "refused", 11: "timeout", 12: "status", 13: "content", 14: "error", 15: _BLIND}
"""How the program that asks over the network for somebody else tells the kind of a failure; 0 is none."""
_SAID_BYTES = 2000
_UNAVAILABLE = 503
_OUR_TROUBLE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL)
"""The daemon's or the host's own shortage: it says nothing about the service (law 1)."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    probe: str
    """The probe in words: `http http://127.0.0.1:8080/health`."""
    ok: bool
    detail: str = ""
    """Why it is not ok; empty when it is."""
    failure: str = ""
    """The kind of that: refused, timeout, status, content, age, missing, exit or error; without what changes from time to time."""
    seconds: float = 0.0
    blind: bool = False
    """It could not be asked for a reason of our own (no such program, no permission): neither healthy nor a fault."""
    status: int = 0
    """Of a wrong HTTP answer; what it said then, in words of the service that may be hostile; and that it named a time to come back."""
    said: str = ""
    comes_back: bool = False


def ask(probe: Probe, files: Files, helper: Helper, runs: Runs, user: str | None = None) -> ProbeResult:
    """Never raises; ends within the probe's own timeout."""
    began = time.monotonic()
    failure, detail = "", ""
    reply: web.Reply | None = None
    try:
        if isinstance(probe, HttpProbe):
            reply = web.get(probe.http, helper, probe.timeout_seconds)
            failure, detail = _http(probe, reply)
        else:
            failure, detail = _asked(probe, files, helper, runs, user)
    except (TimeoutError, Late):
        failure, detail = "timeout", _late(probe)
    except Unavailable as error:
        failure, detail = _BLIND, str(error)
    except ConnectionRefusedError as error:
        failure, detail = "refused", error.strerror or str(error)
    except OSError as error:
        failure, detail = _BLIND if error.errno in _OUR_TROUBLE else "error", error.strerror or str(error)
    except http.client.HTTPException as error:
        failure, detail = "error", f"the answer is no HTTP ({type(error).__name__})"
    result = ProbeResult(describe(probe), not failure, detail[:_DETAIL_CHARACTERS], failure, time.monotonic() - began, failure == _BLIND)
    return _with_answer(result, reply) if reply and failure else result


def _asked(probe: TcpProbe | FileProbe | CommandProbe, files: Files, helper: Helper, runs: Runs, user: str | None) -> tuple[str, str]:
    match probe:
        case TcpProbe():
            return _tcp(probe, helper)
        case FileProbe():
            return _file(probe, files)
        case CommandProbe():
            return _command(probe, runs, user)


def _with_answer(result: ProbeResult, reply: web.Reply) -> ProbeResult:
    said = clean(reply.body[:_SAID_BYTES].decode(errors="replace"))
    return replace(result, status=reply.status, said=said, comes_back=reply.status == _UNAVAILABLE and reply.comes_back)


def describe(probe: Probe) -> str:
    """The probe in words, without a password that its URL may hold."""
    match probe:
        case HttpProbe():
            parts = urlsplit(probe.http)
            return f"http {parts._replace(netloc=parts.netloc.rpartition('@')[2]).geturl()}"
        case TcpProbe():
            return f"tcp {probe.tcp}"
        case FileProbe():
            return f"file {probe.file}"
        case CommandProbe():
            return f"command {' '.join(probe.command)}"[:_DETAIL_CHARACTERS]


def _http(probe: HttpProbe, reply: web.Reply) -> tuple[str, str]:
    if reply.status != probe.status:
        return "status", f"status {reply.status}, not {probe.status}"
    if probe.contains and probe.contains.encode() not in reply.body:
        return "content", f"the answer does not contain {probe.contains!r}"
    return "", ""


def _tcp(probe: TcpProbe, helper: Helper) -> tuple[str, str]:
    host, _, port = probe.tcp.rpartition(":")
    web.connect(host.strip("[]"), int(port), helper, time.monotonic() + probe.timeout_seconds).close()
    return "", ""


def _file(probe: FileProbe, files: Files) -> tuple[str, str]:
    state = files.look(probe.file, follow=True, timeout=probe.timeout_seconds)
    if state is None:
        return "missing", "there is no such file"
    age = time.time() - state.mtime
    if probe.max_age_seconds is not None and age > probe.max_age_seconds:
        return "age", f"{age:.0f} s old, more than {probe.max_age_seconds:g} s"
    return "", ""


def _command(probe: CommandProbe, runs: Runs, user: str | None) -> tuple[str, str]:
    result = runs(probe.command, timeout=probe.timeout_seconds, user=user)
    if result.timed_out:
        return "timeout", _late(probe)
    if result.exit is None:
        return _BLIND, result.output
    said = result.output.strip().splitlines()
    ended = f"killed by signal {-result.exit}" if result.exit < 0 else f"exit status {result.exit}"
    return ("", "") if result.ok else ("exit", ": ".join([ended, *said[-1:]]))


def _late(probe: Probe) -> str:
    return f"no answer in {probe.timeout_seconds:g} s"
