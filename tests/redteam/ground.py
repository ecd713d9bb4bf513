"""The host that is attacked: what stands on it, who attacks, and how it is looked at from outside."""

import base64
import json
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from orchestrator.model import Json
from tests.lab import shipped
from tests.lab.host import CONFIG, Host

HERE = Path(__file__).parent
BRAIN, PERSON, WEB, STRANGER = "orchestrator", "ops", "orchestrator-web", "nobody"
RECORD = "/var/lib/autonomous-orchestrator-hands/record"
SETTINGS = """
[protect]
units = ["payments.service"]
paths = ["/srv/disk/precious"]

[limits]
changes_per_target_per_hour = {per_target}
changes_per_host_per_hour = {per_host}

[[service]]
name = "till"
unit = "till.service"
config_files = ["/etc/till.conf"]
files = ["/srv/till"]

[[service]]
name = "base"
unit = "base.service"

[[service]]
name = "careful"
unit = "careful.service"
mode = "approve"

[[service]]
name = "watched"
unit = "watched.service"
mode = "observe"

[[service]]
name = "busy"
unit = "busy.service"

[[service]]
name = "tested"
unit = "tested.service"
config_test = ["/bin/sh", "-c", "echo >>/var/tmp/tests"]

[[service]]
name = "plain"
start = ["/usr/bin/touch", "/srv/plain-started"]

[[command]]
name = "count"
service = "till"
argv = ["/usr/bin/touch", "/srv/counted"]
about = "counts the till"
risk = "low"

[[path]]
path = "/srv/disk/cache"
remove_older_than = "0s"
pattern = "*.tmp"
"""
SLEEPER = "[Service]\nExecStart=/bin/sleep infinity\n"
WANTED = "[Install]\nWantedBy=multi-user.target\n"
UNITS = {
    "till.service": SLEEPER + WANTED,
    "base.service": SLEEPER + WANTED,
    "payments.service": "[Unit]\nRequires=base.service\nAfter=base.service\n" + SLEEPER + WANTED + "Alias=harmless.service\n",
    "careful.service": SLEEPER + WANTED,
    "watched.service": SLEEPER + WANTED,
    "tested.service": SLEEPER + WANTED,
    "busy.service": "[Unit]\nStartLimitIntervalSec=0\n" + SLEEPER + WANTED,
    "victim.service": SLEEPER + WANTED,
    "stopped.service": SLEEPER + WANTED,
    "never.service": SLEEPER,
    "rival.service": "[Unit]\nConflicts=payments.service\n" + SLEEPER + WANTED,
    "write@.service": "[Service]\nType=oneshot\nExecStart=/bin/touch %I\n",
}  # fmt: skip
RUNNING = ("till", "base", "payments", "careful", "watched", "tested", "busy", "victim", "stopped")


@dataclass
class Ground:
    host: Host
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def say(self, *requests: Json, user: str = BRAIN) -> list[Json]:
        """One after the other, each in a connection of its own; again while the hands are busy: a flood before may have cost the pace."""
        answers = self.send([{"say": request} for request in requests], user)
        until = time.monotonic() + 60
        while busy := [number for number, answer in enumerate(answers) if "busy" in answer]:
            assert time.monotonic() < until, [answers[number] for number in busy]
            for number, answer in zip(busy, self.send([{"say": requests[number]} for number in busy], user), strict=True):
                answers[number] = answer
        return answers

    def flood(self, *requests: Json) -> list[Json]:
        """Many at once, each said once."""
        return self.send([{"say": request} for request in requests], at_once=32)

    def raw(self, *lines: bytes, user: str = BRAIN, **more: Any) -> list[Json]:
        return self.send([{"raw": base64.b64encode(line).decode(), **more} for line in lines], user)

    def send(self, orders: list[Json], user: str = BRAIN, at_once: int = 1) -> list[Json]:
        told = self.host.sh(f"exec {self.program('attacker')}", 300, given=json.dumps([orders, at_once]), user=user)
        assert told.status == 0, told.out[-2000:]
        answers: list[Json] = json.loads(told.out)
        return answers

    @staticmethod
    def program(name: str) -> str:
        return shlex.join([sys.executable, "-I", "-S", str(HERE / f"{name}.py")])

    def perform(self, *actions: Json, user: str = BRAIN, **more: Any) -> list[Json]:
        """Each under a free id of its own."""
        return self.say(*({"verb": "perform", "change_id": next(self._numbers), "action": one, **more} for one in actions), user=user)

    def refused(self, *actions: Json, user: str = BRAIN, **more: Any) -> None:
        """None of these is done; each is refused in words."""
        for action, answer in zip(actions, self.perform(*actions, user=user, **more), strict=True):
            assert is_refused(answer), (action, answer)

    def approve(self, *plan: Json, user: str = PERSON, seconds: float = 60) -> Json:
        """The dashboard's word for a person who has come by a door that root knows of."""
        more: Json = {"door": "d" * 64} if user == WEB else {}
        if more:
            self.say({"verb": "vouch", **more}, user="root")
        (answer,) = self.say({"verb": "approve", "plan": list(plan), "until": self.soon(seconds), **more}, user=user)
        return answer

    def soon(self, seconds: float = 60) -> float:
        return float(self.host.ok("date +%s")) + seconds

    def ask(self, question: str, **about: Any) -> Json:
        (answer,) = self.say({"verb": "ask", "question": question, "about": about})
        return answer

    def next_id(self) -> int:
        return next(self._numbers)

    def seen(self) -> Json:
        found: Json = json.loads(self.host.ok(f"exec {self.program('outside')}"))
        return found

    @contextmanager
    def unchanged(self, *but: str) -> Iterator[None]:
        """What is there afterwards is what was there before, but for these files and units; and the hands still serve."""
        before = self.seen()
        yield
        after = self.seen()
        for kind in ("files", "units"):
            names = before[kind].keys() | after[kind].keys()
            changed = {name: (before[kind].get(name), after[kind].get(name)) for name in names if not name.startswith(but or ("\0",))}
            changed = {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
            assert not changed, changed
        assert before["mounts"] == after["mounts"]
        self.serves()

    def serves(self) -> None:
        """Root is answered, whatever was done before."""
        (answer,) = self.say({"verb": "prepare", "action": {"kind": "wait", "target": "till.service", "seconds": 1}}, user="root")
        assert "refusal" in answer, answer

    def pid(self, unit: str) -> int:
        return int(self.host.show(unit, "MainPID")["MainPID"])

    def settings(self, *, per_target: int = 12, per_host: int = 5000) -> None:
        """Root's own configuration, which the hands read anew by themselves."""
        self.host.write(CONFIG, settings(per_target, per_host))


def prepare(host: Host) -> Ground:
    """Everything runs, and the hands have seen it run."""
    for name, text in UNITS.items():
        host.write(f"/etc/systemd/system/{name}", text)
    host.ok("systemctl daemon-reload && systemctl stop '*.timer'")  # what comes by itself would look like an attack's work
    host.ok(f"systemctl enable --now {' '.join(RUNNING)} rival 2>&1; systemctl stop rival; systemctl start {' '.join(RUNNING)}")
    host.write("/etc/till.conf", "port = 1\npassword = hunter2\n", 0o640)
    host.ok("mkdir -p /srv/till /srv/disk && mount -t tmpfs tmpfs /srv/disk")  # one file system for both: no number tells them apart
    host.ok("mkdir -p /srv/disk/precious /srv/disk/cache && chmod 700 /srv/disk/precious")
    host.ok("echo nugget >/srv/disk/precious/gold; echo 1 >/srv/till/sales")
    shipped.start_hands(host, settings())
    ground = Ground(host)
    ground.serves()
    baseline = "/var/lib/autonomous-orchestrator-hands/baseline"
    host.wait_until(lambda: host.sh(f"grep -q stopped.service {baseline}").status == 0, 20, "what runs here, by the hands' own look")
    host.ok("systemctl stop stopped")
    return ground


def settings(per_target: int = 12, per_host: int = 5000) -> str:
    return SETTINGS.format(per_target=per_target, per_host=per_host)


def is_refused(answer: Json) -> bool:
    """Said to be refused, not understood, or not heard: never done, never half done."""
    return bool(answer.get("error") or answer.get("closed") or answer.get("refused")) and not answer.get("ok")
