"""The settings: TOML into frozen types. An unknown key is an error, since a mistyped safety key must never be ignored."""

from orchestrator.config.agents import Agents, Backend, ModelSettings, Price
from orchestrator.config.config import OWN_UNIT, PROTECTED_PATHS, Config, is_own
from orchestrator.config.reading import DEFAULT_FILE, ConfigError, default_file, imprint, load, load_daemon
from orchestrator.config.secrets import is_given, secret_file
from orchestrator.config.services import Command, CommandProbe, FileProbe, HttpProbe, Probe, Service, TcpProbe, probes_from
from orchestrator.config.tables import Argv, Certificate, CleanPath, Daemon, Dashboard, Disk, LogRule, Mail, Name, Notify

__all__ = [
    "DEFAULT_FILE",
    "OWN_UNIT",
    "PROTECTED_PATHS",
    "Agents",
    "Argv",
    "Backend",
    "Certificate",
    "CleanPath",
    "Command",
    "CommandProbe",
    "Config",
    "ConfigError",
    "Daemon",
    "Dashboard",
    "Disk",
    "FileProbe",
    "HttpProbe",
    "LogRule",
    "Mail",
    "ModelSettings",
    "Name",
    "Notify",
    "Price",
    "Probe",
    "Service",
    "TcpProbe",
    "default_file",
    "imprint",
    "is_given",
    "is_own",
    "load",
    "load_daemon",
    "probes_from",
    "secret_file",
]
