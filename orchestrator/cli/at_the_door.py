"""Whether the dashboard is where links lead: a port may be taken by another program, and a page that nobody serves helps nobody."""

import http.client
import json
from collections.abc import Iterator

from orchestrator.cli.finding import DASHBOARD, Finding
from orchestrator.config import Config, Dashboard
from orchestrator.host import Unavailable, View

_SECONDS = 3.0
_HEALTH_BYTES = 10_000
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, not bound
NOBODY = "nobody answers"
STRANGER = "another program answers"


def missed(settings: Dashboard) -> str:
    """Why no link leads in, in two words; empty while the dashboard answers."""
    asked = http.client.HTTPConnection(_EVERYWHERE.get(settings.host, settings.host), settings.port, timeout=_SECONDS)
    try:
        asked.request("GET", "/health", headers={"Host": f"localhost:{settings.port}"})
        told = json.loads(asked.getresponse().read(_HEALTH_BYTES))
    except (http.client.HTTPException, ValueError):
        return STRANGER
    except OSError:
        return NOBODY
    finally:
        asked.close()
    return "" if isinstance(told, dict) and told.get("status") == "ok" and "daemon" in told else STRANGER


def mend(why: str, settings: Dashboard) -> str:
    """The line to type."""
    if why == STRANGER:
        return f"ss -ltnp 'sport = :{settings.port}'; end that one, or set [dashboard] port; systemctl restart {DASHBOARD}"
    return f"systemctl enable --now {DASHBOARD}; journalctl -u {DASHBOARD} -n 20"


def look_at_dashboard(view: View, config: Config) -> Iterator[Finding]:
    """Who does not want it has disabled it."""
    where, why = f"{config.dashboard.host}:{config.dashboard.port}", missed(config.dashboard)
    if not why:
        yield Finding("dashboard", "ok", f"{where} answers; a way in: orchestrator dashboard url")
    elif _is_wanted(view):
        yield Finding("dashboard", "bad", f"{why} at {where}: links in mails lead nowhere", mend(why, config.dashboard))
    else:
        yield Finding("dashboard", "ok", f"{DASHBOARD} is not enabled")


def _is_wanted(view: View) -> bool:
    try:
        return view.units.get(DASHBOARD).unit_file_state.startswith("enabled")
    except Unavailable:
        return False
