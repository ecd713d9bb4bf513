"""Who was killed for want of memory, by the kernel's own words: on cgroup v1 systemd sees a SIGKILL and no more."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from orchestrator.host.journal import Line

_KILL = re.compile(
    r"oom-kill:constraint=(?P<constraint>[A-Z_]+),.*?(?:oom_memcg=(?P<limited>[^,]*)|global_oom),task_memcg=(?P<group>[^,]*),"
)


@dataclass(frozen=True, slots=True)
class OomKill:
    at: float
    group: str
    """Of the process that was killed; as the machine sees it, so in a container with more before it."""
    limited: str
    """The group whose limit was met; empty when the whole host had no memory left."""

    def of(self, unit: str) -> bool:
        """Whether a process of the unit was the victim."""
        return unit in self.group.split("/")

    def whose(self, unit: str) -> Literal["own", "shared", "host"]:
        """Whose limit it was: the unit's own, that of a group with others in it, or the host's."""
        if not self.limited:
            return "host"
        return "own" if unit in self.limited.split("/") else "shared"


def kills_in(lines: Iterable[Line]) -> tuple[OomKill, ...]:
    """The kills that the kernel's lines tell of, in their order."""
    found = ((line, _KILL.match(line.message)) for line in lines)
    return tuple(OomKill(line.at, match["group"], match["limited"] or "") for line, match in found if match)
