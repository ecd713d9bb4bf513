"""Files that never change under their address: each is asked for by a digest of its content, and kept for a year."""

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, Response, request
from werkzeug.security import safe_join

FOR_EVER = "public, max-age=31536000, immutable"


def mount(app: Flask) -> None:
    root = str(app.static_folder)

    @cache
    def version_of(name: str) -> str:
        file = safe_join(root, name)
        try:
            return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:12] if file else ""
        except OSError:
            return ""

    def versioned(endpoint: str, values: dict[str, object]) -> None:
        if endpoint == "static" and "filename" in values:
            values["v"] = version_of(str(values["filename"]))

    def kept(answer: Response) -> Response:
        if request.endpoint == "static" and answer.status_code in (200, 304):
            asked = request.args.get("v", "")
            current = asked and asked == version_of(str((request.view_args or {}).get("filename", "")))
            answer.headers["Cache-Control"] = FOR_EVER if current else "no-cache"  # which asks by ETag each time
        return answer

    app.url_defaults(versioned)
    app.after_request(kept)
