"""The dashboard as one WSGI application: the guard outermost, then Flask with its pages and its API."""

from pathlib import Path
from wsgiref.types import WSGIApplication

from flask import Flask

from dashboard import flashes, forms, health, login, prometheus, static, trouble
from dashboard.api import blueprint as api
from dashboard.guard import BODY_BYTES, Guard
from dashboard.here import Here, here
from dashboard.pages import blueprint as pages
from orchestrator.config import Config


def create(config: Config, config_file: Path | None = None) -> WSGIApplication:
    """For `config`, which was read from `config_file`; None is the default one."""
    return Guard(frame(config, config_file), config.dashboard)


def frame(config: Config, config_file: Path | None = None) -> Flask:
    """Without the guard."""
    app = Flask("dashboard", static_folder="static", template_folder="templates")
    app.app_ctx_globals_class = Here  # type: ignore[assignment]  # any class will do
    app.teardown_appcontext(lambda _error: here().answered())
    app.config.from_mapping(
        SETTINGS=config,
        CONFIG_FILE=config_file,
        MAX_CONTENT_LENGTH=BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=BODY_BYTES,
        MAX_FORM_PARTS=1000,
    )
    app.jinja_options = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    app.url_map.strict_slashes = app.url_map.merge_slashes = False  # no redirect of its own, which would name a host
    for room in (static, trouble, login, flashes):
        room.mount(app)
    for blueprint in (health.blueprint, prometheus.blueprint, forms.blueprint, api, pages):
        app.register_blueprint(blueprint)
    return app
