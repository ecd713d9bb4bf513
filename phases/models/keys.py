"""Where the key of a model lies. Only its child reads it."""

import os
from pathlib import Path

from orchestrator.config import OWN_UNIT, Agents, ModelSettings, is_given, secret_file

CREDENTIAL = "model-key"


def key_file_of(settings: ModelSettings, agents: Agents) -> str:
    """Its own file; else the systemd credential; empty: none.

    The credential is for `[agents]` itself, and for whoever is asked at the same place: a key is never shown to another server.
    """
    if settings.key_file:
        return secret_file(settings.key_file)
    at_its_place = (settings.backend, settings.url) == (agents.backend, agents.url)
    file = Path(os.environ.get("CREDENTIALS_DIRECTORY") or f"/run/credentials/{OWN_UNIT}") / CREDENTIAL
    return str(file) if at_its_place and is_given(file) else ""
