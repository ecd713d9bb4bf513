"""For whoever watches the watcher: `/health` says that the dashboard lives, `/ready` whether the daemon does. Open, and without secrets."""

from importlib import metadata

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from dashboard.here import here
from orchestrator.model import Json
from orchestrator.store import StoreFailed

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health() -> ResponseReturnValue:
    """200 while the dashboard lives, whatever became of the daemon."""
    return jsonify({"status": "ok", "version": version(), **_daemon()})


@blueprint.get("/ready")
def ready() -> ResponseReturnValue:
    """503 when the daemon's last tick is stale, or its databases cannot be read."""
    found = _daemon()
    reasons = [found["trouble"]] if found["trouble"] else []
    return jsonify({"ready": not reasons, "reasons": reasons, **found}), 503 if reasons else 200


def _daemon() -> Json:
    try:
        status, why_dead = here().status, here().why_dead
    except StoreFailed as error:
        return {"daemon": None, "trouble": str(error)}
    daemon = status["daemon"]
    if daemon is None:
        return {"daemon": None, "trouble": why_dead}
    told = {"last_tick": f"{daemon['tick_at']}Z".replace(" ", "T"), "age_seconds": round(status["tick_age_seconds"], 3)}
    return {"daemon": {**told, "version": daemon["version"], "alive": not why_dead}, "trouble": why_dead}


def version() -> str:
    try:
        return metadata.version("autonomous-orchestrator")
    except metadata.PackageNotFoundError:
        return "uninstalled"
