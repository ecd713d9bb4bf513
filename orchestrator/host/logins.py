"""Whether ordinary users may log in: pam_nologin(8)."""

from orchestrator.host.view import View

NOLOGIN = "/run/nologin"
_SCHEDULED = "/run/systemd/shutdown/scheduled"
_OPENER = "systemd-user-sessions.service"
"""Takes the file away when the boot has come so far, and writes it when the host goes down."""


def closed(view: View) -> str:
    """The file that keeps them out though the boot is over; empty when they are let in. Raises Unavailable."""
    state = view.files.look(NOLOGIN)
    return NOLOGIN if state and view.units.get(_OPENER).running else ""


def shutdown_meant(view: View) -> str:
    """Why the file may be meant: somebody has scheduled a shut-down."""
    return "a shut-down is scheduled" if view.files.look(_SCHEDULED) else ""
