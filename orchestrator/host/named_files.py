"""The pid, lock and socket files that a service's own words name: its program, if that is a script, and its configuration.

What a program says in its log is not asked: anybody may have made it say that.
"""

import os.path
import re
from collections.abc import Iterable
from contextlib import suppress

from orchestrator.host.errors import NoRight, Unavailable
from orchestrator.host.provenance import programs_of
from orchestrator.host.stale import kind_of
from orchestrator.host.unit import Unit
from orchestrator.host.view import View

_PATH = re.compile(rb"/(?:run|tmp|var/(?:run|lock|lib|spool|cache|tmp)|opt|srv)/[\w.@+/-]{1,200}")
_TEXT_BYTES = 1 << 18
_MOST = 20


class _Never(Exception):  # no error of ours
    pass


def named_files(view: View, unit: Unit, config_files: Iterable[str], *, partly: bool = False) -> tuple[str, ...]:
    """Those that are there. A program that is no script is not read: what it was built with says little of how it runs.

    `partly`: for whoever only offers what is found, what nobody may read is left out; else it raises Unavailable.
    """
    left_out: type[Exception] = NoRight if partly else _Never
    programs = programs_of(unit)
    found: dict[str, None] = {}
    for source in dict.fromkeys((*programs, *config_files)):
        text = b""
        with suppress(left_out):
            text = _text(view, source)
        if source in programs and not text.startswith(b"#!"):
            continue
        for match in _PATH.findall(text):
            path = os.path.normpath(match.decode("ascii", "replace"))
            state = None
            with suppress(left_out):
                state = view.files.look(path)
            if state and kind_of(path, state):
                found[path] = None
    return tuple(found)[:_MOST]


def _text(view: View, path: str) -> bytes:
    state = view.files.look(path, follow=True)
    if state is None or state.kind != "file" or state.size > _TEXT_BYTES:
        return b""
    try:
        return view.files.read(path, _TEXT_BYTES)
    except NoRight:
        raise
    except (Unavailable, OSError):
        return b""
