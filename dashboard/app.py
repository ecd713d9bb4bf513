"""The dashboard as one WSGI application: the guard outermost, then Flask with its pages and its API."""

from pathlib import Path
from wsgiref.types import WSGIApplication

from flask import Flask

from dashboard import flashes, forms, health, login, prometheus, static, trouble
from dashboard.api import blueprint as api
from dashboard.guard import BODY_BYTES, Guard
from dashboard.here import Here, here
from dashboard.pages import blueprint as pages
from dashboard.settings import Settings
from orchestrator.config import Config


def create(config: Config, config_file: Path | None = None) -> WSGIApplication:
    """For `config`, which was read from `config_file` and follows it; None: it stays as it is."""
    settings = Settings(config, config_file)
    return Guard(frame(settings), lambda: settings.now().dashboard)


def frame(settings: Settings) -> Flask:
    """Without the guard."""
    app = Flask("dashboard", static_folder="static", template_folder="templates")
    app.app_ctx_globals_class = Here  # type: ignore[assignment]  # any class will do
    app.teardown_appcontext(lambda _error: here().answered())
    app.config.from_mapping(
        SETTINGS=settings,
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
