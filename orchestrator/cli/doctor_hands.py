"""`doctor` on the hands: that they are there, answer, are of the same version, and tell the same as the daemon."""

import os
import shlex
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator import __version__
from orchestrator.cli.daemon_user import daemon_user
from orchestrator.cli.finding import HANDS, HANDS_SOCKET, UNIT, Finding
from orchestrator.cli.options import config_file, reader
from orchestrator.config import Config, default_file
from orchestrator.host import View

_SOCKET_MODE = 0o660


def look_at_hands(view: View, config: Config) -> Iterator[Finding]:
    if config.hands.socket is None:
        yield from _in_one_process(view, config)
        return
    if trouble := list(_at_the_socket(view, Path(config.hands.socket))):
        yield from trouble
    elif os.geteuid() != 0:
        yield Finding("hands", "ok", f"their socket is there: {config.hands.socket}; how they are, they tell root and the daemon alone")
    else:
        yield from _answers(config)


def _in_one_process(view: View, config: Config) -> Iterator[Finding]:
    user = daemon_user(view)
    if user is None or view.units.get(HANDS_SOCKET).load_state != "loaded":
        yield Finding("hands", "ok", "are the daemon itself: [hands] socket is not set")
        return
    place = (config_file() or default_file()).parent / "conf.d" / "10-hands.toml"
    socket = "/run/autonomous-orchestrator/hands.sock"
    line = f"printf '[hands]\\nsocket = \"{socket}\"\\n' > {shlex.quote(str(place))} && systemctl restart {UNIT}"
    yield Finding(
        "hands", "bad", f"{user.name} has no right to change anything, and [hands] socket is not set in {config.daemon.state_dir}'s", line
    )


def _at_the_socket(view: View, path: Path) -> Iterator[Finding]:
    unit = view.units.get(HANDS_SOCKET)
    if unit.load_state == "masked":
        mend = f"systemctl unmask {HANDS_SOCKET} && systemctl enable --now {HANDS_SOCKET}"
        yield Finding("hands", "bad", f"{HANDS_SOCKET} is masked: nothing can be healed", mend)
    elif unit.load_state != "loaded" or not unit.running:
        yield Finding("hands", "bad", f"{HANDS_SOCKET} does not run: nothing can be healed", f"systemctl enable --now {HANDS_SOCKET}")
    elif not path.exists():
        yield Finding("hands", "bad", f"{path} is not there: nothing can be healed", f"systemctl restart {HANDS_SOCKET}")
    elif stat.S_IMODE(path.stat().st_mode) != _SOCKET_MODE or ((user := daemon_user(view)) and user.may("w", path) is False):
        yield Finding("hands", "bad", f"{path} is closed to the daemon", f"systemctl restart {HANDS_SOCKET}")


def _answers(config: Config) -> Iterator[Finding]:
    """Asked as the daemon asks them: what they did last."""
    from orchestrator.cli.auditing import hands_of  # noqa: PLC0415
    from orchestrator.hands.client import RemoteHands  # noqa: PLC0415

    told = RemoteHands(Path(str(config.hands.socket))).account(2**62)
    if "version" not in told:
        said = told.get("unavailable") or "they said nothing"
        yield Finding("hands", "bad", f"do not answer: {said}", f"systemctl restart {HANDS} || journalctl -u {HANDS} -n 20 --no-pager")
        return
    if told["version"] != __version__:
        yield Finding("hands", "bad", f"are version {told['version']}, and the daemon is {__version__}", f"systemctl restart {HANDS}")
    if told["trouble"]:
        yield Finding("hands", "bad", f"their record: {told['trouble']}", "orchestrator audit verify")
    compared = hands_of(config, reader(), time.time())
    for line in compared.wrong[:3]:
        yield Finding("hands", "bad", line, "orchestrator audit verify")
    if told["version"] == __version__ and not told["trouble"] and not compared.wrong:
        yield Finding("hands", "ok", f"answer, version {told['version']}; their record and the audit fit each other")
