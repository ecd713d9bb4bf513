"""The child: one question on its standard input, one line on its standard output, and its end."""

import gc
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from phases.backends import keys
from phases.backends.words import Failed, Json, Question

_MODULES = {"anthropic": "anthropic_api", "claude-code": "claude_code", "openai-compatible": "openai_compatible", "ollama": "ollama"}
_GRACE_SECONDS = 2.0
"""Whoever started it ends it at its deadline; it ends itself a little later, should that one be gone."""
_OOM_SCORE = "500"


def main() -> int:
    gc.disable()  # it would look at what a large library makes of itself again and again: a fifth of its time
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it would hold the key
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)  # before the daemon, and before what the daemon watches
    question = Question.read(sys.stdin.read())
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, question.seconds + _GRACE_SECONDS)
    sys.stdout.write(json.dumps(_said(question)) + "\n")
    return 0


def _said(question: Question) -> Json:
    key = ""
    try:
        key = keys.read(question.key_file)
        return _backend(question.backend)(question, key)
    except Failed as failed:
        told = {"failed": failed.kind, "reason": failed.reason, "mend": failed.mend}
        told |= asdict(failed.used) if failed.used else {}
    except OSError as error:  # no room for a file, no address of localhost
        told = {"failed": "unreachable", "reason": str(error)}
    except Exception as error:  # noqa: BLE001  # whatever a library comes up with: the daemon hears of it in words
        told = {"failed": "garbage", "reason": f"{type(error).__name__}: {error}"}
    return {name: _without(value, key) for name, value in told.items()}


def _without(value: object, key: str) -> object:
    """Servers like to repeat a key that they did not take."""
    return value.replace(key, "[the key]") if key and isinstance(value, str) else value


def _backend(name: str) -> Callable[[Question, str], Json]:
    try:
        ask: Callable[[Question, str], Json] = import_module(f"phases.backends.{_MODULES[name]}").ask
    except ModuleNotFoundError as error:
        if error.name != "anthropic":
            raise
        mend = f"{sys.prefix}/bin/pip install 'anthropic>=2,<3'"
        raise Failed("misconfigured", "Anthropic's SDK is not installed", mend=mend) from error
    return ask


if __name__ == "__main__":
    sys.exit(main())
