"""Where a user keeps what is his own (the XDG Base Directory Specification)."""

import os
from pathlib import Path


def config_home() -> Path:
    given = os.environ.get("XDG_CONFIG_HOME", "")
    return Path(given) if given.startswith("/") else Path.home() / ".config"
