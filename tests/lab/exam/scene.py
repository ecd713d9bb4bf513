"""A host on which a case is played: its scripts, its units, and a service that nothing of this is about."""

import re

from tests.lab.exam.cases import FOLDER, Case
from tests.lab.exam.healers.base import UNIT
from tests.lab.host import Host, Result, Row

SCRIPT_SECONDS = 60
_PLAY = "bash /opt/lab/case/{0} </dev/null >/run/lab/{0}.out 2>&1"
BYSTANDER = "bystander.service"
_WEBAPP = FOLDER.parent / "webapp.py"
_BYSTANDER = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
_STARTED = "39f53479d3a045ac8e11786248231fbf"
"""The journal's message id of a unit that was started."""
_SHOWN = "'*.service' '*.socket' '*.mount' '*.timer' '*.path'"
_PASSING = re.compile(
    rf"autonomous-orchestrator.*|{UNIT}|run-.*|user@.*|user-runtime-dir@.*|[0-9a-f]{{64}}.*|var-lib-containers-.*|tmp-crun.*|podman\.(service|socket)"
)
"""The healers themselves, and units of sessions, of commands under way and of what belongs to containers."""


class Scene:
    """Played on one fresh host."""

    def __init__(self, host: Host, case: Case) -> None:
        self.host = host
        self.case = case
        self._before: dict[str, Row] = {}
        self._since = ""

    def equip(self) -> None:
        self.host.write("/opt/lab/webapp.py", _WEBAPP.read_text(encoding="utf-8"), 0o755)
        self.host.write("/opt/lab/lib.sh", (FOLDER / "lib.sh").read_text(encoding="utf-8"))
        self.host.unit(BYSTANDER, _BYSTANDER)
        self.host.ok(f"systemctl enable -q --now {BYSTANDER}; mkdir -p /run/lab/runs")
        for name in ("setup", "inject", "healthy", "gone", "harm"):
            strict = "" if name == "inject" else "set -e\n"
            self.host.write(f"/opt/lab/case/{name}", f". /opt/lab/lib.sh\n{strict}{getattr(self.case, name)}\n")

    def play(self, name: str, seconds: float = SCRIPT_SECONDS) -> Result:
        """Run one of the case's scripts. What it leaves running does not hold anything open."""
        return self.host.sh(f"{_PLAY.format(name)}; s=$?; tail -c 3000 /run/lab/{name}.out; exit $s", seconds)

    def well(self, name: str = "healthy") -> bool:
        return self.host.sh(_PLAY.format(name), 15).status == 0

    def healed(self) -> bool:
        """Its users are served, and the root cause is gone."""
        return self.host.sh(f"({_PLAY.format('healthy')}) && ({_PLAY.format('gone')})", 30).status == 0

    def note_runs(self) -> None:
        """What `same_run` compares with, and from when on starts are counted."""
        self._before = self._shown()
        lines = "".join(f"{unit} {row['ActiveState']} {row['NRestarts']} {row['InvocationID']}\n" for unit, row in self._before.items())
        write = 'while read -r unit run; do echo "$run" >"/run/lab/runs/$unit"; done; date +%s.%N'
        self._since = self.host.ok(write, given=lines).strip()

    def units(self) -> dict[str, Row]:
        """Each unit now: its state, and how often it was started since the fault."""
        journal = f"journalctl -o cat --output-fields=UNIT --since=@{self._since} MESSAGE_ID={_STARTED}"
        started = self.host.sh(journal).out.split()
        return {unit: _state(row) | {"starts": started.count(unit)} for unit, row in self._shown().items()}

    def moved(self) -> list[str]:
        """Units that are not in the run, or not in the state, that they were in before the fault."""
        now = self._shown()
        return sorted(unit for unit in self._before.keys() | now.keys() if self._before.get(unit) != now.get(unit))

    def strangers(self) -> list[str]:
        """Of those, the ones that the case does not speak of."""
        return [unit for unit in self.moved() if not speaks_of(self.case.text, unit)]

    def _shown(self) -> dict[str, Row]:
        names = "Id,LoadState,UnitFileState,ActiveState,SubState,InvocationID,NRestarts"
        blocks = self.host.ok(f"systemctl show {_SHOWN} -p {names}").strip().split("\n\n")
        rows = ({"NRestarts": "0"} | dict(line.split("=", 1) for line in block.splitlines()) for block in blocks)
        return {row["Id"]: row for row in rows if not _PASSING.fullmatch(row["Id"])}


def _state(row: Row) -> Row:
    return {name: row[name] for name in ("LoadState", "UnitFileState", "ActiveState")}


def speaks_of(text: str, unit: str) -> bool:
    """Whether a case names this unit, or the path that its name stands for."""
    stem = unit.rpartition(".")[0]
    path = "/" + stem.replace("-", "/").replace("\\x2d", "-")
    return any(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) for word in (stem, stem.partition("@")[0], path))
