"""The package manager: whether it is at work, and what it left half done."""

from orchestrator.host.files import Files


class Packages:
    def __init__(self, files: Files) -> None:
        raise NotImplementedError

    def busy(self) -> str:
        """Who changes packages now, by a real lock: "dpkg: pid 123 (apt-get) holds /var/lib/dpkg/lock"; empty when nobody does."""
        raise NotImplementedError

    def half_configured(self) -> tuple[str, ...]:
        """Packages that dpkg left half installed or unconfigured."""
        raise NotImplementedError
