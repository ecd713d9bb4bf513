"""The reading door: everything the daemon can know of this host, in one object."""

import time
from pathlib import Path

from orchestrator.config import Daemon, Probe
from orchestrator.host.baseline import Baseline
from orchestrator.host.bus import Bus
from orchestrator.host.by_hand import ByHand
from orchestrator.host.certificates import Certificates
from orchestrator.host.clock import Clock
from orchestrator.host.containers import Containers
from orchestrator.host.files import Files
from orchestrator.host.floods import Floods
from orchestrator.host.groups import Groups
from orchestrator.host.helper import Helper
from orchestrator.host.journal import Journal
from orchestrator.host.kernel import Kernel
from orchestrator.host.kernel_log import KernelLog
from orchestrator.host.known_good import KnownGood
from orchestrator.host.known_servers import KnownServers
from orchestrator.host.log_watch import LogWatch
from orchestrator.host.mounts import Mounts
from orchestrator.host.names import Names
from orchestrator.host.open_files import OpenFiles
from orchestrator.host.packages import Packages
from orchestrator.host.probes import ProbeResult, ask
from orchestrator.host.processes import Processes
from orchestrator.host.provenance import Programs
from orchestrator.host.sockets import Sockets
from orchestrator.host.systemd import Units
from orchestrator.host.trends import Trends
from orchestrator.model import Alert, Heal


class View:
    """Reads the host, and never changes it. Thread-safe. Works without systemd too: then `units` raises Unavailable.

    `baseline` starts empty; the daemon replaces it. `known_good` lies beneath the state directory.
    """

    def __init__(self, state_dir: Path | None = None) -> None:
        self._helper = Helper()
        self._bus = Bus()
        self.kernel = Kernel()
        self.kernel_log = KernelLog()
        self.journal = Journal(self.kernel)
        self.units = Units(self._bus, self.journal)
        self.processes = Processes(self.kernel)
        self.sockets = Sockets(self.processes)
        self.groups = Groups()
        self.mounts = Mounts(self._helper)
        self.by_hand = ByHand(self.journal)
        self.open_files = OpenFiles(self.mounts)
        self.files = Files(self.mounts, self.open_files)
        self.certificates = Certificates(self.files, self._helper)
        self.packages = Packages(self.files)
        self.logs = LogWatch(self.journal, self.mounts, self._helper)
        self.floods = Floods(self.journal, self.processes)
        self.containers = Containers()
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
        self.clock = Clock()
        self.names = Names()
        """Which names the declared services need, and how they were found last."""
        self.programs = Programs()
        self.trends = Trends()
        """What was measured of declared services while they ran."""
        self.servers = KnownServers(self.files, self.units.get, self.probe)
        """Which well-known server each declared service runs; the daemon's sweep finds out."""
        self.known_good = KnownGood((state_dir or Path(Daemon().state_dir)) / "known-good")

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def probe(self, probe: Probe, user: str | None = None) -> ProbeResult:
        """Ask a service as its user would. Never raises; ends within the probe's own timeout."""
        return ask(probe, self.files, self._helper, user)

    def close(self) -> None:
        self._bus.close()
        self.kernel_log.close()
        self.mounts.close()
        self._helper.close()
