"""The daemon's side of a call: a short-lived child that knows the backend's library, and a deadline that holds whatever it does."""

from phases.models.words import ModelFailed, Reply, Request


def ask(request: Request) -> Reply:
    """Raises ModelFailed."""
    raise ModelFailed("misconfigured", f"the backend {request.backend} is not there yet")
