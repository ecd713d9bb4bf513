"""What a story needs: a host on which things are broken, a person who watches, and the daemon's journal between the two."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path

from tests.lab.host import DAEMON, HANDS, Host, Row

PROPS = Path(__file__).with_name("props")
_ENDINGS = re.compile(r"^(incident \d+ healed in phase|LOCALLY ESCALATED|incident \d+ went away)")
"""What the daemon's journal says last of an incident."""
_INCIDENT_SECONDS = 100


class NotAsTold(Exception):
    """What the story told did not come out so."""


def expect(holds: object, told: str) -> None:
    """Raises NotAsTold."""
    if not holds:
        raise NotAsTold(told)


def prop(name: str) -> str:
    return (PROPS / name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Ending:
    """How one incident ended."""

    incident: Row
    attempts: list[Row]
    took: float
    """Seconds from the fault to the end."""
    waited: float
    """Seconds from the fault to the first answer that a user got again; infinite while there is none."""


class Stage:
    """`out` gets the text piece by piece, as it happens."""

    def __init__(self, host: Host, out: Callable[[str], object]) -> None:
        self.host = host
        self._out = out
        self._width = min(shutil.get_terminal_size((132, 24)).columns, 132)
        host.ok(f"ln -sf {Path(sys.executable).with_name('orchestrator')} /usr/local/bin/orchestrator && mkdir /run/story")

    # ---- to the person -----------------------------------------------------------------------------------------------

    def chapter(self, title: str) -> None:
        self._out(f"\n== {title}\n\n")

    def say(self, text: str) -> None:
        self._wrapped(text)
        self._out("\n")

    def quote(self, text: str) -> None:
        for line in text.strip("\n").splitlines():
            self._wrapped(line, "    ")
        self._out("\n")

    def _wrapped(self, line: str, indent: str = "", hanging: str = "") -> None:
        """Wrapped lines stay as far in as they began, or `hanging`: then no part of them looks like a line of its own."""
        own = line[: len(line) - len(line.lstrip(" "))]
        self._out(textwrap.fill(line, self._width, initial_indent=indent, subsequent_indent=hanging or indent + own) + "\n")

    def run(self, line: str, *, user: str = "root", given: str = "", before: str = "") -> str:
        """Type a command in the host, and show it with what it says; of that, only what stands above a line `before`."""
        said = self.host.ok(line, user=user, given=given)
        shown, cut, rest = said.partition(f"\n{before}\n") if before else (said, "", "")
        left_out = f"\n\n{before}: {len(rest.splitlines())} more lines" if cut else ""
        prompt = "#" if user == "root" else f"{user}$"
        self.quote("\n".join(part for part in (f"{prompt} {line}", given, shown.rstrip()) if part) + left_out)
        return said

    # ---- the host ----------------------------------------------------------------------------------------------------

    def configure(self, name: str, path: str, *remembered: str) -> None:
        """Show and put in place a part of the daemon's configuration; wait until it is in effect and these files are remembered."""
        self.quote(f"# {path}\n{prop(name)}")
        self.host.write(path, prop(name))
        since = float(self.host.ok(f"date +%s.%N; systemctl reload {DAEMON}"))
        for _ in self._follow(since, 20, re.compile("configuration reloaded"), f"the daemon reads {path}"):
            pass
        for file in remembered:
            copy = f"{HANDS}/known-good/paths/{hashlib.sha256(file.encode()).hexdigest()}.json"
            self.host.wait_until(Path(f"/proc/{self.host.pid}/root{copy}").exists, 20, f"a good copy of {file}")

    def hurt(self, target: str, script: str, asks: str) -> Ending:
        """Run `script`, and follow the daemon until the incident of `target` has ended.

        `asks` is a user's question to the service: asked until it succeeds again.
        """
        self.quote("\n".join(f"# {line}" for line in script.splitlines()))
        wait = f"( until {asks}; do sleep 0.02; done; date +%s.%N >/run/story/{target} ) </dev/null >/dev/null 2>&1 &"
        began = float(self.host.ok(f"date +%s.%N; ( {script} ) >/dev/null 2>&1; {wait}"))
        took = 0.0
        for at, message in self._follow(began, _INCIDENT_SECONDS, _ENDINGS, f"{target} is healed, or with a person"):
            took = at - began
            self._wrapped(message, f"{took:8.1f} s  ", " " * 12)
        self._out("\n")
        return self._ending(target, began, took)

    def _ending(self, target: str, began: float, took: float) -> Ending:
        row = self.host.incident(target, timeout=5)
        attempts = self.host.sql(f"SELECT * FROM attempts WHERE task_id = {row['id']} ORDER BY id")  # noqa: S608  # a number
        answered = self.host.sh(f"cat /run/story/{target}")
        return Ending(row, attempts, took, float(answered.out) - began if answered.status == 0 else inf)

    def _follow(self, since: float, seconds: int, last: re.Pattern[str], told: str) -> Iterator[tuple[float, str]]:
        """What the daemon writes, as it writes it, up to the line `last`: (when, line). Raises NotAsTold when that does not come."""
        command = ["timeout", str(seconds), "journalctl", "--follow", f"--since=@{since:.6f}", "--output=json", f"_SYSTEMD_UNIT={DAEMON}"]
        with subprocess.Popen([*self.host._enter(), *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as entries:
            assert entries.stdout
            for line in entries.stdout:
                entry = json.loads(line)
                yield int(entry["__REALTIME_TIMESTAMP"]) / 1e6, str(entry["MESSAGE"])
                if last.search(str(entry["MESSAGE"])):
                    entries.stdout.close()  # journalctl ends when nobody reads it any more
                    return
        raise NotAsTold(f"within {seconds} s {told}")
