"""The calls as routes."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, jsonify
from pydantic import BaseModel
from werkzeug.wrappers import Response

from dashboard.api.asked import body_of, query_of
from dashboard.api.call import Call
from dashboard.api.calls import CALLS
from dashboard.api.door import let_in
from dashboard.api.openapi import document
from dashboard.problem import Problem, problem_json
from dashboard.trouble import of_parse

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


def _route(call: Call) -> Callable[..., Any]:
    def answer(**named: Any) -> Any:
        let_in(call.right)
        try:
            if call.body:
                named["asked"] = body_of(call.body)
            elif call.query:
                named["asked"] = query_of(call.query)
            return _written(call.view(**named))
        except ValueError as error:  # pydantic's too: what was sent makes no sense
            return problem_json(of_parse(error))

    return answer


def _written(found: Any) -> Response:
    data, status, headers = (*found, {})[:3] if isinstance(found, tuple) else (found, 200, {})
    if isinstance(data, Problem):
        return problem_json(data)
    answer = jsonify(data.model_dump(mode="json") if isinstance(data, BaseModel) else data)
    answer.status_code = status
    answer.headers.update(headers)
    return answer


for _call in CALLS:
    blueprint.add_url_rule(_call.path, _call.name, _route(_call), methods=[_call.method], provide_automatic_options=False)


@blueprint.get("/openapi.json", provide_automatic_options=False)
def openapi() -> Response:
    """This document."""
    let_in("read")
    return jsonify(document(CALLS))
