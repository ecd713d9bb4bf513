"""The only door to the machine. What this package names here reads; `orchestrator.host.machine` changes, for the hands alone."""

from orchestrator.host.baseline import Baseline
from orchestrator.host.bus import Bus
from orchestrator.host.certificates import Certificate, Certificates
from orchestrator.host.commands import CommandResult, run
from orchestrator.host.connection import Refused
from orchestrator.host.containers import Container, Containers
from orchestrator.host.errors import ChangeFailed, Late, NoRight, Partly, Unavailable
from orchestrator.host.files import Files, FileState
from orchestrator.host.journal import Journal, Line
from orchestrator.host.kernel import Kernel, Memory, Pressure
from orchestrator.host.kernel_log import KernelEvent, KernelLog
from orchestrator.host.known_good import GoodFile, KnownGood
from orchestrator.host.mounts import Mount, Mounts, Usage
from orchestrator.host.open_files import OpenFile, OpenFiles
from orchestrator.host.packages import Packages
from orchestrator.host.probes import ProbeResult
from orchestrator.host.processes import Process, Processes
from orchestrator.host.signals import Signals
from orchestrator.host.sockets import Listener, Sockets
from orchestrator.host.systemd import Units
from orchestrator.host.unit import Job, Stop, Unit, UnitLine
from orchestrator.host.view import View

__all__ = [
    "Baseline",
    "Bus",
    "Certificate",
    "Certificates",
    "ChangeFailed",
    "CommandResult",
    "Container",
    "Containers",
    "FileState",
    "Files",
    "GoodFile",
    "Job",
    "Journal",
    "Kernel",
    "KernelEvent",
    "KernelLog",
    "KnownGood",
    "Late",
    "Line",
    "Listener",
    "Memory",
    "Mount",
    "Mounts",
    "NoRight",
    "OpenFile",
    "OpenFiles",
    "Packages",
    "Partly",
    "Pressure",
    "ProbeResult",
    "Process",
    "Processes",
    "Refused",
    "Signals",
    "Sockets",
    "Stop",
    "Unavailable",
    "Unit",
    "UnitLine",
    "Units",
    "Usage",
    "View",
    "run",
]
