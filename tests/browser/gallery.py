"""A host on which much goes wrong within minutes, and a person who does something about it: what the pictures of the README show.

The faults are cases of the exam, played one after the other on one host by the daemon as it is shipped.
"""

import re
import shlex

from tests.lab.exam.cases import FOLDER, Case, load
from tests.lab.host import CONFIG, HANDS, Host

PLAYED = (
    "a-killed-service",
    "a-mistyped-nginx-directive",
    "udp-port-taken-by-hand",
    "its-own-child-on-the-port",
    "lock-directory-of-a-killed-run",
    "a-malformed-database",
    "a-variable-that-was-renamed",
    "three-in-a-row-down-with-the-lowest",
    "old-barge-started-by-hand",
    "hung-workers",
    "a-password-that-is-refused",
    "runtime-directory-tidied-away",
    "meter-points-at-a-release-that-never-unpacked",
)
"""Each has services and files that no other one of these has."""
_SETTINGS = """
[daemon]
poll_seconds = 5
[mail]
enabled = false
[dashboard]
port = {port}
"""
_WEBAPP = FOLDER.parent / "webapp.py"


class Gallery:
    def __init__(self, host: Host, port: int) -> None:
        self._host = host
        self._port = port
        known = {case.name: case for case in load()}
        self._cases = [_on_ports_of_its_own(known[name], number) for number, name in enumerate(PLAYED)]

    def play(self) -> None:
        """All of it: services come up, the daemon learns them, then one fault after the other. Raises LabError."""
        host = self._host
        host.write("/opt/lab/webapp.py", _WEBAPP.read_text(encoding="utf-8"), 0o755)
        host.write("/opt/lab/lib.sh", (FOLDER / "lib.sh").read_text(encoding="utf-8"))
        host.ok("mkdir -p /run/lab/runs")
        for case in self._cases:
            self._run(case, "setup", "set -e\n")
            host.write(f"{CONFIG.rpartition('/')[0]}/conf.d/{case.name}.toml", case.config)
        host.start_daemon(_SETTINGS.format(port=self._port))
        host.wait_until(lambda: host.sql("SELECT 1 FROM baseline"), 60, "a baseline")
        host.wait_until(self._remembers_all, 60, "good copies of what is declared")
        for case in self._cases:
            self._fault(case)

    def person(self) -> None:
        """One escalation is taken, with a note; the daemon keeps its hands off one service meanwhile."""
        host = self._host
        told = host.sql("SELECT id FROM escalations WHERE kind = 'escalation' AND status = 'open' ORDER BY id", db="escalations")
        number = str(told[0]["id"])
        host.orchestrator("escalations", "ack", number)
        host.orchestrator("escalations", "note", number, "asked the owner of the data; the copy of last night is whole")
        host.orchestrator("pause", "ledger", "--for", "2h", "--reason", "the owner moves its data")

    def _fault(self, case: Case) -> None:
        """Break it, and wait until its incident has ended or is with a person."""
        before = self._newest()
        self._run(case, "inject")
        self._host.wait_until(lambda: self._ended_since(before), 150, f"{case.name} ends")

    def _ended_since(self, before: int) -> bool:
        open_now = "SELECT COUNT(*) AS n FROM tasks WHERE status IN ('open', 'healing')"
        return self._newest() > before and self._host.sql(open_now)[0]["n"] == 0

    def _newest(self) -> int:
        return int(self._host.sql("SELECT COALESCE(MAX(id), 0) AS n FROM tasks")[0]["n"])

    def _remembers_all(self) -> bool:
        files = [path for case in self._cases for path in case.remembered]
        known = self._host.ok(f"cd {HANDS}/known-good/paths && cat *.json | tr '\\0' '\\n'") if files else ""
        return all(path in known for path in files)

    def _run(self, case: Case, name: str, before: str = "") -> None:
        script = f"/opt/lab/case/{case.name}-{name}"
        self._host.write(script, f". /opt/lab/lib.sh\n{before}{getattr(case, name)}\n")
        self._host.sh(
            f"bash {shlex.quote(script)} </dev/null >/run/lab/{case.name}-{name}.out 2>&1; tail -c 2000 /run/lab/{case.name}-{name}.out"
        )


def _on_ports_of_its_own(case: Case, number: int) -> Case:
    """Nearly all cases use 71xx, each on a host of its own; here they share one."""
    scripts = {name: re.sub(r"\b71(\d\d)\b", rf"{80 + number}\1", getattr(case, name)) for name in ("setup", "config", "inject")}
    return case.model_copy(update=scripts)
