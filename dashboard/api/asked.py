"""What a call is asked with, parsed strictly: a word of the wrong type, or one too many, is an error with its place."""

import re
from typing import TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from orchestrator.store.wanted import Wanted

M = TypeVar("M", bound=BaseModel)

_KEY = re.compile(r"^[\x21-\x7e]{1,200}$")
_VERSION = re.compile(r'^"([0-9]{1,18})"$')


def body_of(model: type[M]) -> M:
    """Raises BadRequest, UnsupportedMediaType, ValidationError."""
    data = request.get_data(cache=False)
    if data and request.mimetype != "application/json":
        raise UnsupportedMediaType("send application/json")
    return parsed(model, data or b"{}")


def parsed(model: type[M], data: bytes) -> M:
    try:
        return model.model_validate_json(data, strict=True)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise BadRequest(f"the body is no JSON: {error.errors()[0]['msg']}"[:300]) from None
        raise


def query_of(model: type[M]) -> M:
    """Raises ValueError."""
    if empty := next((name for name, value in request.args.items(multi=True) if not value), None):
        raise ValueError(f"{empty[:40]!a}: is empty; leave it away, or say what it is to be")
    if issubclass(model, Wanted):
        return model.read(request.args.to_dict(flat=False))
    return model.model_validate(request.args.to_dict())


def once() -> str:
    """`Idempotency-Key`: the caller's own name for this call; the same again is answered the same, and done once. Raises BadRequest."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.match(key):
        raise BadRequest("Idempotency-Key: 1 to 200 visible ASCII characters")
    return key or ""


def seen_version() -> int | None:
    """`If-Match`: the version that was seen. Raises BadRequest."""
    said = request.headers.get("If-Match")
    match = _VERSION.match(said or "")
    if said is not None and not match:
        raise BadRequest('If-Match: a version as the ETag says it, "7"')
    return int(match[1]) if match else None
