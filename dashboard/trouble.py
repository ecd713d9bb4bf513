"""What goes wrong is told in words: as a page, or as problem+json to programs. Never a traceback."""

import logging
import secrets

from flask import Flask, render_template, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from dashboard.problem import API, Problem, page_of, problem_json
from escalation.acts import StillStands, Unheard, Unknown
from escalation.text import one_line
from orchestrator.store import Stale, StoreFailed, StoreUnusable

log = logging.getLogger(__name__)


def mount(app: Flask) -> None:
    app.register_error_handler(HTTPException, lambda error: told(_of_http(error)))
    app.register_error_handler(Stale, lambda error: told(_of_stale(error)))
    app.register_error_handler(Unknown, lambda error: told(Problem(status=404, detail=str(error))))
    app.register_error_handler(StillStands, lambda error: told(Problem(status=409, detail=str(error))))
    app.register_error_handler(StoreFailed, lambda error: told(Problem(status=503, detail=str(error))))
    app.register_error_handler(Unheard, lambda error: told(Problem(status=503, detail=str(error))))
    app.register_error_handler(StoreUnusable, lambda error: told(Problem(status=503, detail=str(error))))
    app.register_error_handler(Exception, lambda error: told(_of_bug(error)))


def told(problem: Problem) -> Response:
    if request.path.startswith(API):
        return problem_json(problem)
    try:
        page = render_template("stale.html" if problem.newer else "trouble.html", problem=problem)
        return Response(page, problem.status, problem.headers(), mimetype="text/html")
    except Exception:  # the page itself may be what is broken
        log.exception("the page of %s cannot be made", problem.status)
        return page_of(problem, request.environ)


def of_parse(error: ValidationError | ValueError) -> Problem:
    """422: what was sent makes no sense; each field, and why."""
    if not isinstance(error, ValidationError):
        return Problem(status=422, detail=str(error)[:500])
    wrong = tuple(  # a word that is one too many stands here as it was sent
        {"field": one_line(".".join(map(str, item["loc"])), 100), "why": one_line(item["msg"].removeprefix("Value error, "), 400)}
        for item in error.errors()[:20]
    )
    return Problem(
        status=422, detail="; ".join(f"{item['field']}: {item['why']}".removeprefix(": ") for item in wrong)[:1000], errors=wrong
    )


def _of_http(error: HTTPException) -> Problem:
    if error.response is not None:
        return Problem(status=error.response.status_code, detail=error.description or "")
    allow = tuple(sorted(getattr(error, "valid_methods", None) or ()))
    return Problem(status=error.code or 500, detail=error.description or "", allow=allow)


def _of_stale(error: Stale) -> Problem:
    return Problem(status=409, detail=str(error), newer=error.newer.model_dump(mode="json") if error.newer else None)


def _of_bug(error: Exception) -> Problem:
    number = secrets.token_hex(4)
    log.error("error %s at %s %r", number, request.method, request.path, exc_info=error)
    return Problem(status=500, detail=f"this is a fault of the dashboard itself; its journal has it as error {number}", id=number)
