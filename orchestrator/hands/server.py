"""The hands as a program: a socket, a bounded number of connections, and what each may say.

A connection carries one request and one answer. It is served by a thread of its own; beyond the most that one user may
have open, and beyond the pace that a user may keep, the answer is `busy` at once and nothing is done.
"""

import contextlib
import logging
import os
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from orchestrator.config import Config, ConfigError
from orchestrator.hands import verbs
from orchestrator.hands.buckets import Buckets, Pace
from orchestrator.hands.frames import ANSWER_BYTES, REQUEST_BYTES, FrameError, receive, send
from orchestrator.hands.hands import Hands
from orchestrator.hands.peers import Peers, Role, uid_of_peer
from orchestrator.hands.settings import Settings
from orchestrator.model import Json

log = logging.getLogger(__name__)

CONNECTIONS = 64
"""Of one user at once. Root and the people have their own, whatever the brain does."""
_ALL_CONNECTIONS = 128
_REQUEST_SECONDS = 5.0
_ANSWER_SECONDS = 10.0
_BACKLOG = 64
_PACES = {"ask": Pace(400, 100), "approve": Pace(20, 1), "change": Pace(300, 5), "prepare": Pace(300, 10)}
"""A storm is one burst. What goes on for long asks services for their own tests again and again."""
_BREATH_SECONDS = 0.05
_LISTEN_FD = 3


class Server:
    def __init__(self, hands: Hands, listener: socket.socket, peers: Peers | None = None, settings: Settings | None = None) -> None:
        """`settings`: asked before each request for the configuration that counts now."""
        self._hands = hands
        self._settings = settings
        self._config: Config | None = None
        self._reading = threading.Lock()
        self._listener = listener
        self._peers = peers or Peers()
        self._buckets = Buckets()
        self._guard = threading.Condition()
        self._open: Counter[int] = Counter()
        self._changing: set[int] = set()
        """The threads of changes whose answer is not out yet."""
        self._waker, self._wake = socket.socketpair()
        listener.settimeout(0)

    def run(self, beat: Callable[[], None] = lambda: None, beat_seconds: float | None = None) -> None:
        """Until `stop`. What comes afterwards waits in the socket for the next one that listens. `beat`: that this loop lives."""
        with self._waker, self._wake, selectors.DefaultSelector() as ready:
            ready.register(self._listener, selectors.EVENT_READ)
            ready.register(self._wake, selectors.EVENT_READ)
            while True:
                said = [key.fileobj for key, _ in ready.select(beat_seconds)]
                beat()
                if self._wake in said:
                    return
                if said:
                    self._accept_one()

    def stop(self) -> None:
        """May be called from a signal's handler, and more than once."""
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def drained(self, seconds: float) -> bool:
        """Wait until no change is under way, and each is answered, so long at most; whether that is so."""
        with self._guard:
            return self._guard.wait_for(lambda: not self._changing, seconds)

    def _accept_one(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:  # it went away again
            return
        except OSError as problem:  # no descriptors: some end soon
            log.warning("nobody can be heard now: %s", problem)
            time.sleep(_BREATH_SECONDS)
            return
        try:
            self._admit(connection)
        except (OSError, RuntimeError, FrameError) as problem:  # gone again; or no more threads
            log.debug("a connection ended before it was heard: %s", problem)

    def _admit(self, connection: socket.socket) -> None:
        with contextlib.ExitStack() as otherwise:
            otherwise.callback(connection.close)
            uid = uid_of_peer(connection)
            if not self._enter(uid):
                self._reply(connection, _busy("too many connections"))
                return
            otherwise.callback(self._leave, uid)
            threading.Thread(target=self._serve, args=(connection, uid), daemon=True, name=f"hands-{uid}").start()
            otherwise.pop_all()

    def _serve(self, connection: socket.socket, uid: int) -> None:
        try:
            with connection:
                self._reply(connection, self._answer(receive(connection, REQUEST_BYTES, _REQUEST_SECONDS), uid))
        except FrameError as problem:
            log.debug("a connection of uid %d ended: %s", uid, problem)
        except Exception:
            log.exception("a request of uid %d met a bug in the hands", uid)
        finally:
            self._leave(uid)

    def _enter(self, uid: int) -> bool:
        with self._guard:
            if self._open[uid] >= CONNECTIONS or self._open.total() >= _ALL_CONNECTIONS:
                return False
            self._open[uid] += 1
            return True

    def _leave(self, uid: int) -> None:
        with self._guard:
            self._changing.discard(threading.get_ident())
            self._guard.notify_all()
            self._open[uid] -= 1
            self._open += Counter()  # forgets whom it does not count any more

    def _reply(self, connection: socket.socket, answer: Json) -> None:
        try:
            send(connection, answer, ANSWER_BYTES, _ANSWER_SECONDS)
        except (FrameError, ValueError, TypeError) as problem:
            send(connection, {"error": f"the answer could not be sent: {problem}"[:300]}, ANSWER_BYTES, _ANSWER_SECONDS)

    def _answer(self, said: Json, uid: int) -> Json:
        role = self._peers.role_of(uid)
        if role is Role.NOBODY:
            return {"error": f"uid {uid} may say nothing here"}
        try:
            request = verbs.parse(said)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            return {"error": f"not a request: {'.'.join(map(str, problem['loc']))}: {problem['msg']}"[:300]}
        if not verbs.may(role, request):
            log.warning("uid %d (%s) said %r, which it may not", uid, role, request.verb)
            return {"error": f"{role} may not {request.verb}"}
        what = "change" if request.verb in verbs.CHANGES else request.verb
        if not self._buckets.take(uid, what, _PACES.get(what, _PACES["prepare"])):
            return _busy(f"too often: {what}")
        try:
            self._follow_settings()
        except ConfigError as problem:
            return {"error": str(problem), "serves": False}
        if request.verb in verbs.CHANGES:
            with self._guard:
                self._changing.add(threading.get_ident())
        return request.said_to(self._hands, uid)

    def _follow_settings(self) -> None:
        """Raises ConfigError."""
        if self._settings is not None:
            with self._reading:
                config = self._settings.current()
                if config is not self._config:
                    self._hands.reload(config)
                    self._config = config


def _busy(why: str) -> Json:
    return {"busy": why}


def inherited() -> socket.socket | None:
    """The socket that systemd listens on for this program; None where it gave none."""
    if os.environ.pop("LISTEN_PID", "") != str(os.getpid()) or os.environ.pop("LISTEN_FDS", "") != "1":
        return None
    os.environ.pop("LISTEN_FDNAMES", None)
    os.set_inheritable(_LISTEN_FD, False)  # noqa: FBT003  # the stdlib's own way to say it
    return socket.socket(fileno=_LISTEN_FD)


def bound(path: Path, mode: int = 0o600) -> socket.socket:
    """A socket of one's own, where no systemd gives one. What lay there of an earlier one goes."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            path.unlink()
        listener.bind(str(path))
        path.chmod(mode)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
