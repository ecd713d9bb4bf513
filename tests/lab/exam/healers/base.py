"""What a case asks of every healer."""

from typing import ClassVar

from tests.lab.exam.cases import Case
from tests.lab.exam.result import Told
from tests.lab.host import Host

HARM_SECONDS = 25
UNIT = "exam-healer.service"
"""A peer that is a program runs as this unit."""
ENABLED = """
for unit in $(systemctl list-unit-files --type=service,mount,timer,socket,path --state=enabled --no-legend | cut -d' ' -f1); do
  case $unit in systemd-*|dbus*|getty*|*@.*) continue ;; esac
  systemctl is-active -q "$unit" && [ "$(systemctl show -P Type "$unit")" != oneshot ] && echo "$unit"
done
true
"""
"""What else a careful administrator would have looked after: all that is enabled and runs, but jobs that end, and systemd's own."""


class Healer:
    """One healer on one host. As it stands here it does nothing, and has nobody to call."""

    name: ClassVar[str]
    calls: ClassVar[bool] = False
    """Whether it can call a person, and keeps a record that can be judged."""

    def __init__(self, host: Host, case: Case) -> None:
        self.host = host
        self.case = case

    @property
    def patience_seconds(self) -> float:
        """Where a person is needed, who can call none is only watched for the harm that he does, and does soon."""
        ours = self.case.patience_seconds
        return min(ours, HARM_SECONDS) if self.case.expects in ("ask", "escalate") and not self.calls else ours

    def begin(self) -> None:
        """All is well on the host; start, and return when the healer knows so."""

    def judge(self) -> Told:
        """What it told, at the end of the case."""
        return Told()

    def story(self) -> str:
        return self.host.sh(f"journalctl --no-pager -o short-precise -u {UNIT} | tail -n 200").out

    def units(self) -> list[str]:
        """Every unit that a healer may be told to look after: what is declared, and what is enabled."""
        declared = [service.unit for service in self.case.declared().service if service.unit]
        return list(dict.fromkeys([*declared, *self.host.ok(ENABLED).split()]))

    def run(self, command: str) -> None:
        """Run a peer as a unit of its own."""
        self.host.unit(UNIT, f"[Service]\nExecStart={command}\n")
        self.host.ok(f"systemctl start {UNIT}")
