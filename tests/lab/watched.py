"""A host with the daemon watching: what a case sets up there, and what it asks when the case has ended."""

import hashlib
import json
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from orchestrator.checks import all_checks
from orchestrator.model import utc
from tests.lab.host import DAEMON, HANDS, Host, LabError, Row

POLL_SECONDS = 2
OFTEN_SECONDS = 60.0
SETTINGS = f"""
[daemon]
poll_seconds = {POLL_SECONDS}
settle_seconds = 1
[mail]
enabled = false
"""
"""Quick sweeps, and a proof as short as a case can bear; all else is as an operator would have it."""
UNIT_DIRECTORY = "/etc/systemd/system"
_SHOWN = "'*.service' '*.socket' '*.mount' '*.timer' '*.path'"
_PASSING = ("autonomous-orchestrator", "run-", "user@", "user-runtime-dir@")
"""The daemon itself, and the units of sessions and of commands under way."""


@dataclass(frozen=True, slots=True)
class Web:
    """A small web service (`webapp.py`), its unit, and how the operator declares it."""

    name: str
    port: int = 7100
    settings: str = ""
    """Lines of its configuration file."""
    unit: str = ""
    """Lines of the unit's [Unit] section, and of [Service]."""
    service: str = ""
    declared: str = ""
    """Lines of its [[service]] table."""
    directory: str = UNIT_DIRECTORY

    @property
    def target(self) -> str:
        return f"{self.name}.service"

    @property
    def config_file(self) -> str:
        return f"/etc/{self.name}.conf"

    @property
    def unit_file(self) -> str:
        return f"{self.directory}/{self.target}"

    @property
    def unit_text(self) -> str:
        return (
            f"[Unit]\n{self.unit}\n[Service]\nExecStart=/opt/lab/webapp.py --config {self.config_file}\n{self.service}\n"
            "[Install]\nWantedBy=multi-user.target\n"
        )

    @property
    def declaration(self) -> str:
        return f"""
[[service]]
name = "{self.name}"
unit = "{self.target}"
probes = [{{ http = "http://127.0.0.1:{self.port}/health", contains = "ok", timeout_seconds = 1 }}]
config_files = ["{self.config_file}"]
{self.declared}
"""

    @property
    def config_test(self) -> str:
        """A line for `declared`."""
        return f'config_test = ["/opt/lab/webapp.py", "--config", "{self.config_file}", "--test"]'


class Watched:
    """`host` is what a person at its console and its users can do; the rest is what the daemon's own tables say."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._declared: list[str] = []
        self._remembered: list[str] = []

    # What is there

    def web(self, web: Web) -> Web:
        """Install it, start it, and have it declared and remembered."""
        self.host.write(web.config_file, f"port = {web.port}\n{web.settings}\n")
        self.host.write(web.unit_file, web.unit_text)
        self.host.ok(f"systemctl daemon-reload && systemctl enable --now {web.target}")
        self.host.wait_until(lambda: self.answers(web), 10, f"{web.target} answers")
        self.declare(web.declaration, web.config_file, web.unit_file)
        return web

    def declare(self, text: str, *remembered: str) -> None:
        """A part of the daemon's configuration, and the files whose good copies it must have before the case may begin."""
        self._declared.append(text)
        self._remembered.extend(remembered)

    def begin(self, settings: str = SETTINGS) -> None:
        """Start the daemon, and wait until it knows what is well here."""
        self.host.start_daemon(settings + "".join(self._declared))
        copies = [f"{HANDS}/known-good/paths/{hashlib.sha256(path.encode()).hexdigest()}.json" for path in self._remembered]
        wanted = shlex.join(["ls", *copies]) if copies else "true"
        self.host.wait_until(lambda: self.host.sh(wanted).status == 0, 15, f"good copies of {self._remembered}")
        self.host.wait_until(lambda: self.host.sql("SELECT 1 FROM baseline"), 15, "a baseline")
        assert self.incidents() == []

    # What a user sees

    def answers(self, web: Web, path: str = "/", *, post: str = "") -> str:
        """The page as a user gets it; empty when he gets none, or an error."""
        data = f"--data-binary {shlex.quote(post)}" if post else ""
        done = self.host.sh(f"curl -sf -m 2 {data} http://127.0.0.1:{web.port}{path}")
        return done.out.strip() if done.status == 0 else ""

    # What the daemon says

    def incidents(self) -> list[Row]:
        """The roots; a symptom is told with its root."""
        return [row for row in self.host.incidents() if row["root_id"] is None]

    def changes(self) -> list[str]:
        """What was done, in order, undone or not: `start_unit till.service`."""
        return [words_of(json.loads(row["action"])) for row in self.host.sql("SELECT action FROM changes ORDER BY id")]

    def escalations(self) -> list[Row]:
        """Whatever ever reached a person."""
        return self.host.sql("SELECT * FROM escalations ORDER BY id", db="escalations")

    def healed(self, target: str, *did: str, phase: int = 1, timeout: float = 30) -> Row:
        """The one incident is fixed, without a person, by exactly these changes in this phase."""
        row = self.host.incident(target, "fixed", timeout=timeout)
        assert [root["target"] for root in self.incidents()] == [target]
        assert self.changes() == list(did)
        assert (row["phase"], row["fix_successful"], row["occurrences"]) == (phase, 1, 1)
        assert self.escalations() == []
        return row

    def escalated(self, target: str, *did: str, status: str = "escalated", timeout: float = 30) -> Row:
        """The one incident is with a person, after exactly these changes; returns the escalation."""
        row = self.host.incident(target, status, timeout=timeout)
        assert [root["target"] for root in self.incidents()] == [target]
        assert self.changes() == list(did)
        assert row["fix_successful"] != 1
        [escalation] = self.escalations()
        assert (escalation["task_id"], escalation["status"]) == (row["id"], "open")
        return escalation

    # What must not happen

    def units(self) -> dict[str, Row]:
        """Each unit with its state and its run; ours and the passing ones are left out."""
        shown = self.host.ok(f"systemctl show {_SHOWN} -p Id,LoadState,UnitFileState,ActiveState,SubState,InvocationID,NRestarts")
        rows = (dict(line.split("=", 1) for line in block.splitlines()) for block in shown.strip().split("\n\n"))
        return {row["Id"]: row for row in rows if not row["Id"].startswith(_PASSING)}

    @contextmanager
    def untouched(self, *besides: str) -> Iterator[None]:
        """No other unit than `besides` is started, stopped or changed meanwhile."""
        before = self.units()
        yield
        after = self.units()
        assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} - set(besides) == set()

    def sweeps(self, number: int = 2) -> None:
        """Wait until every check has looked again after so many sweeps."""
        later = utc(time.time() + number * POLL_SECONDS)  # a lab's clock is the machine's
        self.host.wait_until(lambda: oldest_look(self.host) > later, 30, f"{number} sweeps")

    def nothing_happens(self, number: int = 2) -> None:
        """Two sweeps on, the host is exactly as it was left, and nobody was bothered."""
        with self.untouched():
            self.sweeps(number)
        assert self.changes() == []
        assert self.escalations() == []

    def story(self) -> str:
        """The daemon's own journal, for whoever reads why a case failed."""
        with suppress(LabError):
            return self.host.journal(DAEMON)
        return ""


def oldest_look(host: Host) -> str:
    """When the check that waits longest has looked last; those that look every few minutes at most are not waited for."""
    often = {name for name, check in all_checks().items() if (check.every or 0.0) <= OFTEN_SECONDS}
    return str(min(row["looked_at"] for row in host.sql("SELECT name, looked_at FROM checks") if row["name"] in often))


def words_of(action: Row) -> str:
    """An action as a person would say it: its kind and its target."""
    target = next((action[field] for field in ("path", "unit", "units", "name") if field in action), "")
    return f"{action['kind']} {target if isinstance(target, str) else ' '.join(target)}".strip()
