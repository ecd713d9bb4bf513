"""The door for people: a one-time link becomes a session. Everything that is not listed as open is shut without one."""

import hmac
import logging
import secrets
import threading
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Flask, Response, current_app, redirect, render_template, request
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response as BaseResponse

from dashboard.here import here
from dashboard.problem import API
from escalation.allowing import vouch
from escalation.doors import LINK_SECONDS, SESSION_SECONDS, Doors, digest_of
from orchestrator.config import Config
from orchestrator.store import StoreFailed, StoreUnusable

log = logging.getLogger(__name__)
blueprint = Blueprint("login", __name__)

OPEN = frozenset(("static", "login.ask", "login.enter", "health.health", "health.ready", "metrics.metrics"))
"""Endpoints that anybody may ask. The API has a door of its own."""

Answer = BaseResponse | str | tuple[str, int]


class Doorway:
    """The doors, held open between requests, and opened anew when the daemon has made its file anew."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._lock = threading.Lock()
        self._doors: Doors | None = None

    def __call__(self) -> Doors:
        """Raises StoreUnusable."""
        with self._lock:
            if self._doors is None or self._doors.ledger.is_lost:
                self._doors = Doors(self._state_dir)
            return self._doors


def mount(app: Flask) -> None:
    app.extensions["doorway"] = Doorway(Path(app.config["SETTINGS"].now().daemon.state_dir))
    app.register_blueprint(blueprint)
    app.before_request(let_in)
    app.jinja_env.globals["csrf_token"] = form_token
    app.jinja_env.globals["form_name"] = form_name


def doors() -> Doors:
    """Raises StoreUnusable."""
    doorway: Doorway = current_app.extensions["doorway"]
    return doorway()


def let_in() -> Answer | None:
    """Who is not known gets no further than the door, whatever there is behind it."""
    if request.path.startswith(API):
        return None
    known = _recognise()
    if request.endpoint in OPEN:
        return None
    if not known:
        return _turned_away()
    if request.method == "POST":
        check_form_token()
    return None


def _recognise() -> bool:
    secret = request.cookies.get(cookie_name(), "")
    if not secret or request.endpoint in ("static", "health.health", "metrics.metrics"):
        return False
    actor = doors().visitor(secret)
    if actor:
        here().actor, here().session, here().door = actor, secret, digest_of(secret)
    return bool(actor)


def _turned_away() -> Answer:
    wanted = local(request.full_path.rstrip("?")) if request.method in ("GET", "HEAD") else "/"
    door = "/login" if wanted == "/" else f"/login?{urlencode({'next': wanted})}"
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": door})
    if request.method == "POST":
        raise Forbidden("you are not logged in, or no longer; nothing was done")
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        # A strict cookie does not come along with a link from a web mail. Asked for by a page of our own, it does.
        return render_template("bounce.html", wanted=wanted)
    answer = redirect(door, 303)
    if wanted == "/" or request.headers.get("Sec-Fetch-Mode") != "navigate":
        return answer
    # A person's browser; the link that lets in is printed elsewhere, and knows nothing of the page that a mail led to.
    answer.set_cookie(_wanted_name(), wanted, max_age=int(LINK_SECONDS), secure=is_secure(here().config), httponly=True, samesite="Strict")
    return answer


@blueprint.get("/login")
def ask() -> Answer:
    """A page with one button. Looking at it changes nothing: mail servers and chats open every link that they see."""
    token = request.args.get("token", "")[:200]
    try:
        invited, trouble = doors().invited(token), ""
    except (StoreUnusable, StoreFailed) as error:
        invited, trouble = "", str(error)
    return render_template(
        "login.html",
        token=token,
        invited=invited,
        used=bool(token) and not invited and not trouble,
        trouble=trouble,
        next=local(request.args.get("next", "")),
    )


@blueprint.post("/login")
def enter() -> Answer:
    link = request.form.get("token", "")[:200]
    secret = doors().enter(link)
    if not secret:
        return render_template("login.html", token="", invited="", trouble="", used=True, next="/"), 403
    log.info("%s logged in from %s", doors().visitor(secret), request.remote_addr)
    if why := vouch(digest_of(secret), time.time() + SESSION_SECONDS, here().config, through=digest_of(link)):
        log.warning("this session may look, and approve nothing: %s", why)
    wanted = local(request.form.get("next", ""))
    answer = redirect(wanted if wanted != "/" else local(request.cookies.get(_wanted_name(), "")), 303)
    if _wanted_name() in request.cookies:
        answer.delete_cookie(_wanted_name(), path="/", secure=is_secure(here().config), httponly=True, samesite="Strict")
    answer.set_cookie(
        cookie_name(), secret, max_age=int(SESSION_SECONDS), secure=is_secure(here().config), httponly=True, samesite="Strict", path="/"
    )
    return answer


@blueprint.post("/logout")
def leave() -> Answer:
    doors().leave(here().session)
    answer = redirect("/login", 303)
    answer.delete_cookie(cookie_name(), path="/", secure=is_secure(here().config), httponly=True, samesite="Strict")
    return answer


@blueprint.app_template_filter("local")
def _local(path: str) -> str:
    return local(path)


def form_token() -> str:
    """What every form of this session carries. It tells nothing of the session's secret, and no other site can read it."""
    secret = here().session
    return hmac.digest(secret.encode(), b"form", "sha256").hex() if secret else ""


def form_name() -> str:
    """A name of its own for each form that is shown."""
    return secrets.token_hex(8)


def check_form_token() -> None:
    """Raises Forbidden."""
    sent = request.form.get("csrf_token") or request.headers.get("X-CSRF-Token", "")
    if not hmac.compare_digest(sent.encode(), form_token().encode()):
        raise Forbidden("the form is not one of this session's; load the page anew, and try again")


def cookie_name() -> str:
    """Cookies know no ports: another dashboard on this host would overwrite a common one."""
    return f"orchestrator_{here().config.dashboard.port}"


def _wanted_name() -> str:
    return f"{cookie_name()}_wanted"


def is_secure(config: Config) -> bool:
    return urlsplit(config.dashboard.url).scheme == "https"


def local(path: str) -> str:
    """`path` if it leads to a page of this dashboard, else the first page."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if plain and len(path) <= 2000 and not path.startswith(("/login", "/logout")) else "/"
