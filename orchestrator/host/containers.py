"""The containers of this host, as their engines tell them: what they are meant to be, what they are, and how they ended."""

import json
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.host import engines
from orchestrator.host.errors import Unavailable
from orchestrator.host.journal import clean
from orchestrator.host.rights import Own, Rights

UNIT_LABEL = "PODMAN_SYSTEMD_UNIT"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,200}")
_EVENTS_SECONDS = 600
_BEFORE_ITS_END = 120
"""A stop is told before the death: by the time-out that the container has for it."""
_FRESH_SECONDS = 60.0
_QUIET_SECONDS = 10.0
_TOLD_SECONDS = 2.0
"""What somebody else told of all of them serves for one look at all services."""
_PODMANS_STATE = ("/var/lib/containers/storage/libpod/bolt_state.db", "/var/lib/containers/storage/db.sql")
"""Podman writes there whenever anything changes; while nothing does, its service need not be woken."""
_LOG_LINES = 30


@dataclass(frozen=True, slots=True)
class Container:
    """One container. What a program in it may have written (`health_said`) is hostile text."""

    engine: str
    """The socket of its engine."""
    id: str
    name: str
    state: str = ""
    """created, running, paused, restarting, removing, exited or dead."""
    image: str = ""
    unit: str = ""
    """The unit that runs it, where it is one of systemd's."""
    project: str = ""
    policy: str = ""
    """no, on-failure, always or unless-stopped."""
    most_restarts: int = 0
    restarts: int = 0
    exit: int = 0
    oom: bool = False
    error: str = ""
    ended_at: float = 0.0
    died: tuple[float, ...] = ()
    """When it died, in the last ten minutes."""
    by_hand: bool | None = None
    """Whether somebody stopped or killed it, where it has ended. None: its engine does not tell."""
    health: str = ""
    """starting, healthy or unhealthy; empty where it has no check of its own."""
    health_exit: int = 0
    health_said: str = ""
    ports: tuple[int, ...] = ()
    """Of the host, that lead to it."""
    sources: tuple[str, ...] = ()
    """What of the host is mounted into it."""
    pid: int = 0
    passing: bool = False
    """It goes away when it ends."""

    @property
    def running(self) -> bool:
        return self.state == "running"


@dataclass(slots=True)
class _Engine:
    """What an engine told last."""

    at: float = float("-inf")
    stamp: tuple[int, ...] = ()
    found: tuple[Container, ...] = ()
    known: dict[tuple[Any, ...], Container] = field(default_factory=dict)
    lasts: float = 0.0
    """So long it is believed where no stamp tells that nothing changed."""
    trouble: str = ""
    """Why it did not answer, and until when it is not asked again: many may ask, and each would wait."""
    quiet_until: float = float("-inf")


class Containers:
    """Thread-safe. An engine whose socket is not there has none, and costs nothing. Whoever may speak with one is asked instead."""

    def __init__(self, rights: Rights | None = None) -> None:
        self._rights = rights or Own()
        self._engines: dict[str, _Engine] = {}
        self._lock = threading.Lock()

    def all(self, sockets: Iterable[str]) -> tuple[Container, ...]:
        """Those of all these engines. Raises Unavailable when one that is there does not answer."""
        return tuple(one for path in sockets if _may_be_there(path) for one in self._of(path))

    def again(self, container: Container) -> Container | None:
        """As it is now; None when it is gone. Raises Unavailable; also for a socket that was never asked as an engine's."""
        if container.engine not in self._engines:
            raise Unavailable(f"{container.engine} is not known as the socket of an engine")
        try:
            told = engines.ask(container.engine, f"/containers/{container.id}/json")
        except engines.Closed:
            row = self._rights.ask("container", engine=container.engine, id=container.id)
            return _from_row(row) if row else None
        return _inspected(container.engine, told, ()) if told else None

    def log(self, container: Container) -> str:
        """What it wrote last: hostile text, bounded. Empty where its engine keeps none."""
        query = {"stdout": "1", "stderr": "1", "tail": str(_LOG_LINES)}
        try:
            status, body = engines.request(container.engine, "GET", f"/containers/{container.id}/logs", engines.ASK_SECONDS, **query)
        except engines.Closed:
            return str(self._rights.ask("container_log", engine=container.engine, id=container.id))
        lines = _unframed(body).decode(errors="replace").split("\n") if status == 200 else []
        return "\n".join(line for line in map(clean, lines) if line.strip())

    def has_image(self, container: Container) -> bool:
        try:
            return engines.ask(container.engine, f"/images/{container.image}/json") is not None
        except engines.Closed:
            return bool(self._rights.ask("container_image", engine=container.engine, id=container.id))

    def _of(self, path: str) -> tuple[Container, ...]:
        with self._lock:
            engine, now = self._engines.setdefault(path, _Engine()), time.monotonic()
            if now < engine.quiet_until:
                raise Unavailable(engine.trouble)
            stamp = _stamp(path)
            if now - engine.at > (_FRESH_SECONDS if stamp and stamp == engine.stamp else engine.lasts):
                try:
                    self._read(path, engine)
                except Unavailable as trouble:
                    engine.trouble, engine.quiet_until = str(trouble), time.monotonic() + _QUIET_SECONDS
                    raise
                engine.at, engine.stamp = now, _stamp(path)
            return engine.found

    def _read(self, path: str, engine: _Engine) -> None:
        try:
            engine.found, engine.lasts = _listed(path, engine.known), 0.0
        except engines.Closed:
            rows = self._rights.ask("containers")
            engine.found, engine.lasts = tuple(_from_row(row) for row in rows if row["engine"] == path), _TOLD_SECONDS


def _listed(engine: str, known: dict[tuple[Any, ...], Container]) -> tuple[Container, ...]:
    """All of one engine. Raises Unavailable, also for an answer that is not understood."""
    try:
        return _read(engine, known)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unavailable(f"{engine} tells of its containers in a way that is not understood: {error!r}"[:300]) from None


def _read(engine: str, known: dict[tuple[Any, ...], Container]) -> tuple[Container, ...]:
    """Those of which nothing changed are not asked about again."""
    listed = engines.ask(engine, "/containers/json", all="1") or []
    sick = {row["Id"] for row in engines.ask(engine, "/containers/json", filters=json.dumps({"health": ["unhealthy"]})) or []}
    events = _events(engine, time.time() - _EVENTS_SECONDS)
    found: dict[tuple[Any, ...], Container] = {}
    for row in listed:
        own = tuple(event for event in events if event["Actor"]["ID"] == row["Id"])
        last = max((event["timeNano"] for event in own if event["Action"] in _TELLING), default=0)
        key = (row["Id"], row["State"], row["Id"] in sick, last)
        if key in known:
            found[key] = known[key]
        elif (told := engines.ask(engine, f"/containers/{row['Id']}/json")) and (container := _inspected(engine, told, own)):
            found[key] = container
    known.clear()
    known.update(found)
    return tuple(found.values())


_TELLING = ("start", "die", "died", "stop", "kill", "cleanup", "pause", "unpause")


def _inspected(engine: str, told: dict[str, Any], events: tuple[dict[str, Any], ...]) -> Container | None:
    """None for one whose name no engine gives."""
    name, state, host = told["Name"].lstrip("/"), told["State"], told["HostConfig"]
    if not _NAME.fullmatch(name) or not re.fullmatch(r"[0-9a-f]{12,64}", told["Id"]):
        return None
    health, labels = state.get("Health") or {}, told["Config"].get("Labels") or {}
    last = (health.get("Log") or [{}])[-1]
    policy, ended_at = host.get("RestartPolicy") or {}, _seconds(state.get("FinishedAt", ""))
    ended = state["Status"] in ("exited", "dead")
    return Container(
        engine=engine,
        id=told["Id"],
        name=name,
        state=state["Status"],
        image=str(told.get("Image", "")),
        unit=str(labels.get(UNIT_LABEL, "")),
        project=clean(str(labels.get("com.docker.compose.project", "")))[:100],
        policy=policy.get("Name") or "no",
        most_restarts=policy.get("MaximumRetryCount") or 0,
        restarts=told.get("RestartCount") or 0,
        exit=state.get("ExitCode") or 0,
        oom=bool(state.get("OOMKilled")),
        error=clean(str(state.get("Error") or ""))[:300],
        ended_at=ended_at if ended else 0.0,
        died=tuple(event["timeNano"] / 1e9 for event in events if event["Action"] in ("die", "died")),
        by_hand=_by_hand(_events(engine, ended_at - _BEFORE_ITS_END, told["Id"])) if ended and ended_at else None,
        health=health.get("Status") or "",
        health_exit=_check_exit(events) or last.get("ExitCode") or 0,
        health_said=clean(str(last.get("Output") or "")).strip()[:300],
        ports=tuple(
            sorted(
                {
                    int(bound["HostPort"])
                    for ends in (host.get("PortBindings") or {}).values()
                    for bound in ends or ()
                    if str(bound.get("HostPort", "")).isdigit()
                }
            )
        ),
        sources=tuple(str(mount["Source"]) for mount in told.get("Mounts") or () if mount.get("Type") == "bind" and mount.get("Source")),
        pid=state.get("Pid") or 0,
        passing=bool(host.get("AutoRemove")),
    )


def _by_hand(events: list[dict[str, Any]]) -> bool | None:
    """Whether its last death was asked for.

    Docker tells the stop and the kill. Podman before 5 tells a kill alone; but there the command that stops a container cleans
    up after it, beside its own monitor, so that one death has two ends.
    """
    actions = [event["Action"] for event in events]
    deaths = [number for number, action in enumerate(actions) if action in ("die", "died")]
    if not deaths:
        return None
    starts = [number for number, action in enumerate(actions[: deaths[-1]]) if action == "start"]
    run = actions[starts[-1] if starts else 0 :]
    return "stop" in run or "kill" in run or actions[deaths[-1] :].count("cleanup") > 1


def _check_exit(events: tuple[dict[str, Any], ...]) -> int:
    """How the last command ended that was run in it, which is mostly its check: Podman's own record says 1 for whatever failed."""
    ends = [event["Actor"].get("Attributes") or {} for event in events if event["Action"] in ("exec_die", "exec_died")]
    told = str(ends[-1].get("exitCode") or ends[-1].get("containerExitCode") or "") if ends else ""
    return int(told) if told.isdigit() else 0


def _events(engine: str, since: float, container: str = "") -> list[dict[str, Any]]:
    filters = {"type": ["container"], **({"container": [container]} if container else {})}
    query = {"since": str(max(0, int(since))), "until": str(int(time.time()) + 1), "filters": json.dumps(filters)}
    events = engines.ask(engine, "/events", **query) or []
    return sorted((event for event in events if {"Action", "Actor", "timeNano"} <= event.keys()), key=lambda event: event["timeNano"])


def _stamp(engine: str) -> tuple[int, ...]:
    """What changes when anything does; nothing where that cannot be told."""
    found = []
    for path in _PODMANS_STATE if "podman" in engine else ():
        try:
            found.append(Path(path).stat().st_mtime_ns)
        except OSError:
            continue
    return tuple(found)


def _may_be_there(path: str) -> bool:
    """One in a directory that may not be looked into may well be."""
    try:
        return engines.there(path)
    except engines.Closed:
        return True


def _from_row(row: dict[str, Any]) -> Container:
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Container(**plain)


def _seconds(text: str) -> float:
    """RFC 3339 with nanoseconds, as the engines write it."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    if not match or text.startswith("0001"):
        return 0.0
    return datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00")).timestamp() + float(match[2] or 0)


def _unframed(body: bytes) -> bytes:
    """The lines without the 8 bytes before each piece that tell its stream and length."""
    found, at = [], 0
    while body[at : at + 1] in (b"\x01", b"\x02") and len(body) >= at + 8:
        size = int.from_bytes(body[at + 4 : at + 8], "big")
        found.append(body[at + 8 : at + 8 + size])
        at += 8 + size
    return b"".join(found) or body
