"""What went wrong, in the form that the asker reads: problem+json (RFC 9457) for programs, a plain sentence for all others."""

import json
from http import HTTPStatus
from math import ceil
from wsgiref.types import WSGIEnvironment

from werkzeug.wrappers import Response

from orchestrator.model import Json, Word

API = "/api/"
JSON_TYPE = "application/problem+json"


class Problem(Word):
    """RFC 9457. Of type about:blank, whose title is the status's own name."""

    status: int
    detail: str
    id: str = ""
    """Of a fault of our own: the journal has it under this name."""
    newer: Json | None = None
    """What the thing is now that has moved on."""
    errors: tuple[Json, ...] = ()
    """Each field that was wrong, and why."""
    allow: tuple[str, ...] = ()
    retry_after: float = 0.0

    @property
    def title(self) -> str:
        return HTTPStatus(self.status).phrase

    def body(self) -> Json:
        told = {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail}
        more = {name: value for name in ("id", "newer", "errors") if (value := getattr(self, name))}
        return {**told, **more}

    def headers(self) -> dict[str, str]:
        found = {"Allow": ", ".join(self.allow)} if self.allow else {}
        if self.status == HTTPStatus.UNAUTHORIZED:
            found["WWW-Authenticate"] = "Bearer"
        if self.retry_after:
            found["Retry-After"] = str(ceil(self.retry_after))
        return found


def problem_json(problem: Problem) -> Response:
    return Response(json.dumps(problem.body(), default=str), problem.status, problem.headers(), content_type=JSON_TYPE)


def page_of(problem: Problem, environ: WSGIEnvironment) -> Response:
    """For the moments when there are no pages: before the application, and when it failed."""
    if environ.get("PATH_INFO", "").startswith(API):
        return problem_json(problem)
    return Response(f"{problem.status} {problem.title}: {problem.detail}\n", problem.status, problem.headers(), mimetype="text/plain")
