"""The reading door: everything the daemon can know of this host, in one object."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from orchestrator.config import Config, HttpProbe, Probe, TcpProbe
from orchestrator.host.baseline import Baseline
from orchestrator.host.bus import Bus
from orchestrator.host.by_hand import ByHand
from orchestrator.host.certificates import Certificates
from orchestrator.host.clock import Clock
from orchestrator.host.containers import Containers
from orchestrator.host.digests import Digests, key_in
from orchestrator.host.files import Files
from orchestrator.host.floods import Floods
from orchestrator.host.groups import Groups
from orchestrator.host.helper import Helper
from orchestrator.host.insides import Insides
from orchestrator.host.journal import Journal
from orchestrator.host.kernel import Kernel
from orchestrator.host.kernel_log import KernelLog
from orchestrator.host.known_good import KnownGood
from orchestrator.host.known_servers import KnownServers
from orchestrator.host.limits import Limits
from orchestrator.host.log_watch import LogWatch
from orchestrator.host.manager import SYSTEM, Manager
from orchestrator.host.mounts import Mounts
from orchestrator.host.names import Names
from orchestrator.host.open_files import OpenFiles
from orchestrator.host.packages import Packages
from orchestrator.host.probes import ProbeResult, ask
from orchestrator.host.processes import Processes
from orchestrator.host.provenance import Programs
from orchestrator.host.rights import OfUser, Own, Rights
from orchestrator.host.runs import Children, Runs
from orchestrator.host.sockets import Sockets
from orchestrator.host.systemd import Units
from orchestrator.host.trends import Trends
from orchestrator.model import Alert, Heal


class View:
    """Reads the host, and never changes it. Thread-safe. Works without systemd too: then `units` raises Unavailable.

    `baseline` starts empty; the daemon replaces it. `known_good` lies in the directory of the hands.
    `rights`: whom its parts ask for what this process may not see itself. `apart`: these are the hands in a program of their own,
    whose digests others are told. `manager`: whose systemd is watched.
    """

    def __init__(
        self, hands_dir: Path | None = None, rights: Rights | None = None, *, apart: bool = False, manager: Manager = SYSTEM
    ) -> None:
        self.rights = rights or (Own() if manager == SYSTEM else OfUser())
        self.manager = manager
        self.runs: Runs = Children(self.rights, manager.user)
        """Runs a command as somebody: the hands as a program of their own run them outside of their sandbox."""
        self.probes_outside: Callable[[HttpProbe | TcpProbe], ProbeResult] | None = None
        """Who asks over the network where this process has none."""
        self._helper = Helper()
        self._bus = Bus(manager)
        self.kernel = Kernel()
        self.journal = Journal(self.kernel, self.rights, manager)
        self.kernel_log = KernelLog(journal=self.journal, rights=self.rights)
        self.units = Units(self._bus, self.journal)
        self.processes = Processes(self.kernel, self.rights, manager=manager)
        self.insides = Insides(self.rights)
        self.sockets = Sockets(self.processes, self.rights)
        self.groups = Groups()
        self.limits = Limits(self.processes, self.groups, self.rights)
        self.mounts = Mounts(self._helper, self.rights)
        self.by_hand = ByHand(self.journal)
        self.open_files = OpenFiles(self.mounts, self.rights)
        self.files = Files(self.mounts, self.open_files, self.rights)
        self.certificates = Certificates(self.files, self._helper, self.rights)
        self.packages = Packages(self.files)
        self.logs = LogWatch(self.journal, self.mounts, self._helper)
        self.floods = Floods(self.journal, self.processes)
        self.containers = Containers(self.rights)
        self.baseline = Baseline()
        self.answered: dict[str, float] = {}
        """When each declared service answered all its probes last: so a start is told from a hang."""
        self.doors: set[str] = set()
        """The socket files that were there while somebody listened on them."""
        self.heals: tuple[Heal, ...] = ()
        """What was healed here in the last days, oldest first; the daemon replaces it."""
        self.alerts: tuple[Alert, ...] = ()
        """What other watchers say now; the daemon replaces it."""
        self.acted: dict[str, float] = {}
        """When something was done last within the scope of a declared service."""
        self.filled: dict[tuple[int, int], float] = {}
        """Which files (device, inode) were seen to fill a file system, and when, by the monotonic clock."""
        self.clock = Clock(self.rights)
        self.names = Names()
        """Which names the declared services need, and how they were found last."""
        self.programs = Programs()
        self.trends = Trends()
        """What was measured of declared services while they ran."""
        self.servers = KnownServers(self.files, self.units.get, self.probe)
        """Which well-known server each declared service runs; the daemon's sweep finds out."""
        own = hands_dir or Config().hands_dir
        self.digests = Digests(key_in(own)) if apart else Digests()
        self.known_good = KnownGood(own / "known-good", self.files, self.rights, self.digests)

    @classmethod
    def of(cls, config: Config, rights: Rights | None = None) -> Self:
        """What the configuration says of it: whose systemd, and where the hands keep what is good."""
        return cls(config.hands_dir, rights, manager=Manager.named(config.daemon.manager))

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def probe(self, probe: Probe, user: str | None = None) -> ProbeResult:
        """Ask a service as its user would. Never raises; ends within the probe's own timeout."""
        if self.probes_outside and isinstance(probe, HttpProbe | TcpProbe):
            return self.probes_outside(probe)
        return ask(probe, self.files, self._helper, self.runs, user)

    def close(self) -> None:
        self._bus.close()
        self.kernel_log.close()
        self.mounts.close()
        self._helper.close()
