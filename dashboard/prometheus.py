"""`/metrics`."""

from flask import Blueprint

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> str:
    return ""
