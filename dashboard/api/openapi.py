"""The OpenAPI document, made of the calls and of their models: it cannot say what the routes do not do."""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from dashboard.api.call import Call
from dashboard.health import version
from dashboard.problem import JSON_TYPE
from orchestrator.actions import schema as schema_of_actions
from orchestrator.model import Json

REFUSALS = {
    400: "The request is misshapen.",
    401: "No token, or one that opens nothing.",
    403: "The token may not do this.",
    404: "There is no such thing.",
    405: "The method is not one of this address.",
    409: "It moved on meanwhile (`newer` is what it is now), the fault still stands, or the daemon refused.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    421: "The dashboard does not go by that name.",
    422: "A field is missing, unknown or wrong; `errors` says which and why.",
    429: "Too many requests; `Retry-After` says when to try again.",
    500: "A fault of the dashboard; `id` is in its journal.",
    503: "The databases cannot be read or written now.",
}
PROBLEM: Json = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "id": {"type": "string", "description": "Of a fault of the dashboard: its journal has it under this name."},
        "newer": {"type": "object", "description": "What the thing is now that has moved on."},
        "errors": {"type": "array", "items": {"type": "object"}, "description": "Each field that was wrong, and why."},
    },
}
_TEMPLATE = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"<(?:int\([^)]*\):)?(\w+)>")


@cache
def document(calls: Sequence[Call]) -> Json:
    """Of all calls; the same for everybody."""
    schemas = _schemas(calls)
    paths: dict[str, Json] = {}
    for call in calls:
        paths.setdefault(path_of(call), {})[call.method.lower()] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {"title": "autonomous-orchestrator", "version": version(), "summary": "What the dashboard can do, for programs."},
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {str(status): _refusal(about) for status, about in REFUSALS.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "orchestrator dashboard token create"}},
        },
    }


def path_of(call: Call) -> str:
    """As OpenAPI writes it."""
    return _PARAMETER.sub(r"{\1}", call.path)


def _schemas(calls: Sequence[Call]) -> Json:
    wanted: list[tuple[type[BaseModel], Any]] = [(call.body, "validation") for call in calls if call.body]
    wanted += [(call.answer, "serialization") for call in calls]
    _, found = models_json_schema(list(dict.fromkeys(wanted)), ref_template=_TEMPLATE)
    schemas: Json = found["$defs"]
    for schema in schemas.values():
        if "plan" in schema.get("properties", {}) and schema.get("additionalProperties") is False:
            schema["properties"]["plan"] |= {"items": {"$ref": _TEMPLATE.format(model="Action")}, "maxItems": 20}
            schema["properties"]["plan"].pop("maxLength", None)  # pydantic's word for it, where a validator comes first
    return schemas | _actions() | {"Problem": PROBLEM}


def _actions() -> Json:
    """Each kind of action under a name of its own, beside those of the calls."""
    text = json.dumps(schema_of_actions()).replace("#/$defs/", "#/components/schemas/Action.")
    found: Json = json.loads(text)
    return {f"Action.{name}": schema for name, schema in found.pop("$defs").items()} | {"Action": found}


def _operation(call: Call) -> Json:
    told = {"operationId": call.name, "summary": call.about, "parameters": list(_parameters(call)), "responses": _responses(call)}
    if call.body:
        told["requestBody"] = {"required": bool(_required(call.body)), "content": {"application/json": {"schema": _named(call.body)}}}
    return told


def _parameters(call: Call) -> Iterator[Json]:
    for name in _PARAMETER.findall(call.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}}
    if call.query:
        schema = call.query.model_json_schema()
        for name, item in schema["properties"].items():
            item.pop("maxItems", None)  # the same said twice is one
            yield {"name": name, "in": "query", "required": False, "schema": item, "explode": False}
    if call.body and call.right == "write":  # an alert names itself
        key = {"type": "string", "pattern": r"^[\x21-\x7e]{1,200}$"}
        yield {"name": "Idempotency-Key", "in": "header", "required": False, "schema": key}
    if call.stale:
        yield {"name": "If-Match", "in": "header", "required": False, "schema": {"type": "string", "pattern": '^"[0-9]{1,18}"$'}}


def _responses(call: Call) -> Json:
    answer = {"content": {"application/json": {"schema": _named(call.answer)}}}
    told: Json = {"200": {"description": "Done." if call.body else "Found.", **answer}}
    if call.body:
        told["202"] = {"description": "Left for the daemon, which has not taken it up yet; `waits` says why.", **answer}
    return told | {str(status): {"$ref": f"#/components/responses/{status}"} for status in REFUSALS}


def _refusal(about: str) -> Json:
    return {"description": about, "content": {JSON_TYPE: {"schema": {"$ref": _TEMPLATE.format(model="Problem")}}}}


def _named(model: type[BaseModel]) -> Json:
    return {"$ref": _TEMPLATE.format(model=model.__name__)}


def _required(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]
