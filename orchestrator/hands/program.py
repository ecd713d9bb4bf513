"""The hands as a program of their own: from the command `hands serve` to the last change under way."""

import grp
import logging
import os
import signal
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

from sdnotify import SystemdNotifier

from orchestrator import __version__
from orchestrator.config import Config, ConfigError
from orchestrator.hands.hands import Hands
from orchestrator.hands.learning import learn
from orchestrator.hands.moving import move_in
from orchestrator.hands.place import Place
from orchestrator.hands.ran import Ran
from orchestrator.hands.server import Server, bound, inherited
from orchestrator.hands.settings import Settings
from orchestrator.host import Unavailable, View
from orchestrator.host.machine import Machine

log = logging.getLogger(__name__)

_LAST_CHANGE_SECONDS = 20.0
_LEARN_SECONDS = 30.0
_GROUP = "orchestrator"


def serve(config_file: Path | None) -> int:
    """Returns the exit status. Raises ConfigError (78), and Unavailable (75) where other hands are at work."""
    settings = Settings(config_file)
    config = settings.current()
    place = Place(config.hands_dir)
    place.take()
    move_in(Path(config.daemon.state_dir), place.directory)
    view = View(config.hands_dir, apart=True)
    machine = Machine(view, config.hands_dir / "quarantine")
    machine.look_outside()
    hands = Hands(config, config.hands_dir / "record", machine, view, place.make_room)
    server = Server(hands, _listener(config), settings=settings)
    threading.Thread(
        target=_learn, args=(view, settings, place, Ran(place.directory / "baseline", view)), daemon=True, name="learning"
    ).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    _run(server)
    return 0


def _run(server: Server) -> None:
    systemd = SystemdNotifier()
    log.info("the hands are ready: version %s", __version__)
    systemd.notify("READY=1")
    beat = int(os.environ.get("WATCHDOG_USEC", "0")) / 3e6
    server.run(lambda: systemd.notify("WATCHDOG=1"), beat or None)
    systemd.notify("STOPPING=1")
    if not server.drained(_LAST_CHANGE_SECONDS):
        log.warning("a change does not end in time; the record says that it began")
    logging.shutdown()
    os._exit(0)  # a thread that hangs in the kernel must not hold up the stop: all that counts is on disk


def _learn(view: View, settings: Settings, place: Place, ran: Ran) -> None:
    """For as long as the program lives."""
    while True:
        try:
            place.keep_room()
            with suppress(Unavailable):
                ran.look()
            learn(view, settings.current())
        except ConfigError:
            pass  # said to whoever asks for something
        except Exception:
            log.exception("learning met a bug in the hands")
        time.sleep(_LEARN_SECONDS)


def _listener(config: Config) -> socket.socket:
    """systemd's, or one of our own where the configuration wants it: for root and the group alone."""
    if (given := inherited()) is not None:
        return given
    if config.hands.socket is None:
        raise ConfigError('[hands] socket is not set, and systemd gave none: socket = "/run/autonomous-orchestrator/hands.sock"')
    path = Path(config.hands.socket)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    listener = bound(path)
    with suppress(KeyError):
        os.chown(path, -1, grp.getgrnam(_GROUP).gr_gid)
        path.chmod(0o660)
    return listener
