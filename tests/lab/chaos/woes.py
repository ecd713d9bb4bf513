"""What befalls those that heal: each woe is over by itself after some seconds, so that the run goes on through many."""

import random
import re
import sys
from collections.abc import Callable
from datetime import datetime

from tests.lab.chaos.town import Town
from tests.lab.host import CONFIG, DAEMON, DASHBOARD, HANDS, STATE
from tests.lab.test_deaths import APPROVED, HEALING, UNDOING

HANDS_UNIT = "autonomous-orchestrator-hands.service"
_HERE = "/run/chaos"
_GARBAGE = f"{CONFIG.rpartition('/')[0]}/conf.d/99-garbage.toml"
_DROP_IN = "/etc/systemd/system/{unit}.d/zz-chaos.conf"


class Woes:
    """`said` gets a line for each as it comes."""

    def __init__(self, town: Town, dice: random.Random, said: Callable[[str], object]) -> None:
        self._host = town.host
        self._dice = dice
        self._said = said
        self.counts: dict[str, int] = {}
        self._kinds: dict[str, tuple[int, Callable[[], str]]] = {
            "kill the brain": (5, lambda: _kill(DAEMON)),
            "kill the hands": (4, lambda: _kill(HANDS_UNIT)),
            "kill the dashboard": (1, lambda: _kill(DASHBOARD)),
            "kill the brain at a step": (5, lambda: self._at_a_step("brain", DAEMON)),
            "kill the hands at a step": (3, lambda: self._at_a_step("hands", HANDS_UNIT)),
            "the state's disk is full": (1, lambda: _fill(STATE)),
            "the hands' disk is full": (1, lambda: _fill(HANDS)),
            "the state turns read-only": (1, lambda: f"mount -t tmpfs -o ro tmpfs {STATE}; sleep 6; umount {STATE}"),
            "a database is locked": (2, self._lock),
            "a database is corrupted": (1, self._corrupt),
            "the clock jumps": (2, lambda: f"echo {self._dice.choice((10800, -10800, 172800, -1200, 0))} >{_HERE}/clock"),
            "memory runs out": (1, lambda: _starve(DAEMON)),
            "journald restarts": (1, lambda: "systemctl restart systemd-journald"),
            "D-Bus restarts": (1, lambda: "systemctl restart dbus"),
            "the mail server is a black hole": (1, lambda: "systemctl kill -s STOP post; sleep 15; systemctl kill -s CONT post"),
            "the configuration is garbage": (2, self._garbage),
        }

    def prepare(self) -> None:
        """Both programs begin through a door that lets them die at a named step, under a clock that can be set."""
        self._host.ok(f"install -d -m 777 {_HERE} && echo 0 >{_HERE}/clock && chmod 666 {_HERE}/clock")
        for who, unit in (("brain", DAEMON), ("hands", HANDS_UNIT)):
            if self._host.sh(f"systemctl cat {unit}").status:
                self._kinds = {name: kind for name, kind in self._kinds.items() if who not in name}
                continue
            command = "run" if who == "brain" else "hands serve"
            self._host.ok(f"touch {_HERE}/{who}-died {_HERE}/{who}-step; chmod 666 {_HERE}/*")
            start = f"{sys.executable} -m tests.lab.chaos.door {_HERE} {who} {command} --config {CONFIG}"
            lines = f"ExecStart=\nExecStart={start}\nRestartSec=1\nReadWritePaths={_HERE}\n"
            self._host.write(_DROP_IN.format(unit=unit), f"[Service]\n{lines}")
        self._host.ok(f"systemctl daemon-reload; systemctl restart {DAEMON}")

    def strike(self) -> None:
        """One more, beside whatever goes on."""
        names, weights = list(self._kinds), [weight for weight, _ in self._kinds.values()]
        name = self._dice.choices(names, weights)[0]
        script = self._kinds[name][1]()
        self.counts[name] = self.counts.get(name, 0) + 1
        self._said(f"{name}: {script}")
        self._host.ok(f"setsid bash -c {_quoted(script)} </dev/null >/dev/null 2>&1 &")

    def forgotten_before(self) -> float:
        """Until when what was written may be lost, as the daemon itself told it when it took a file back from a copy; 0: nothing is."""
        told = self._host.sh(f"cat {STATE}/damaged/*/told.json 2>/dev/null").out
        ends = re.findall(r'"lost_to": ?"([^"]+)"', told)
        return max((datetime.fromisoformat(f"{end}+00:00").timestamp() for end in ends), default=0.0)

    def calm(self) -> None:
        """No woe any more: what was set stays as a person would leave it."""
        for line in (
            f"echo 0 >{_HERE}/clock; touch {_HERE}/brain-died {_HERE}/hands-died; systemctl kill -s CONT post",
            f"while findmnt -n -o FSTYPE {STATE} | tail -1 | grep -q tmpfs; do umount {STATE}; done",
            f"rm -f {_GARBAGE} {STATE}/.filler {HANDS}/.filler; systemctl reset-failed {DAEMON}; systemctl start {DASHBOARD}",
            f"systemctl reload-or-restart {DAEMON}",
        ):
            self._host.ok(line)

    def _at_a_step(self, who: str, unit: str) -> str:
        """It dies when it comes to the step the next time; to be armed it begins anew, by a kill."""
        step = self._dice.choice([step for step in (*HEALING, *UNDOING, *APPROVED) if _belongs(step, who)])
        return f"echo '{step}' >{_HERE}/{who}-step; rm -f {_HERE}/{who}-died; {_kill(unit)}"

    def _lock(self) -> str:
        file = self._dice.choice(("tasks", "escalations"))
        return f"(echo 'BEGIN EXCLUSIVE;'; sleep {self._dice.randint(2, 12)}) | sqlite3 {STATE}/{file}.db"

    def _corrupt(self) -> str:
        """As a dying disk does it: pages of zeros in the middle, while the daemon is down."""
        file = self._dice.choice(("tasks", "escalations"))
        zeros = f"dd if=/dev/zero of={STATE}/{file}.db bs=4096 seek=4 count=40 conv=notrunc"
        return f"{_kill(DAEMON)}; {zeros}"

    def _garbage(self) -> str:
        """For some seconds: whoever reads it then refuses it, and goes on with what was before, or waits until it is mended."""
        bad = ("mode = [", "[daemon]\\nmode = 7", "[limits]\\nnever = 1", "\\xff\\xfe", '[[service]]\\nname = "stall-1"')
        mended = f"rm -f {_GARBAGE}; systemctl reload-or-restart {DAEMON}"
        return f"printf '{self._dice.choice(bad)}' >{_GARBAGE}; systemctl reload {DAEMON}; sleep 8; {mended}"


def _belongs(step: str, who: str) -> bool:
    return (who == "hands") == step.strip(">").startswith(("Hands.", "Record.", "UnitChanges."))


def _kill(unit: str) -> str:
    return f"systemctl kill -s KILL {unit}"


def _fill(directory: str) -> str:
    return f"dd if=/dev/zero of={directory}/.filler bs=64K; sleep 10; rm -f {directory}/.filler"


def _starve(unit: str) -> str:
    """The kernel ends it for want of memory, where the host has memory limits; else it dies by the same signal."""
    return f"systemctl set-property --runtime {unit} MemoryMax=8M; sleep 3; systemctl set-property --runtime {unit} MemoryMax=1G"


def _quoted(script: str) -> str:
    return "'" + script.replace("'", "'\\''") + "'"
