"""Files of secrets. They are root's, the daemon is not: systemd hands its unit a copy of each (LoadCredential=)."""

import os
from pathlib import Path

from orchestrator.config.reading import DEFAULT_FILE


def secret_file(named: str) -> str:
    """Where to read the file that the configuration names: its credential, where there is one, else itself.

    A credential has the name of the file and nothing of its directory, so only those beside the configuration have one: a key that
    lies elsewhere under the same name belongs to another server.
    """
    credentials, file = os.environ.get("CREDENTIALS_DIRECTORY"), Path(named)
    if credentials and file.parent == DEFAULT_FILE.parent:
        given = Path(credentials) / file.name
        if is_given(given):
            return str(given)
    return named


def is_given(credential: Path) -> bool:
    """Where its file is not there, the unit gives an empty line in its place."""
    try:
        with credential.open("rb") as opened:
            return bool(opened.read(64).strip())
    except OSError:
        return False
