"""How long a unit's jobs took, by the pairs of lines that PID 1 writes at their beginning and end."""

from collections.abc import Sequence
from typing import Literal

from orchestrator.host.journal import Line

Verb = Literal["start", "stop", "reload"]

RELOADED = "7b05ebc668384222baa8881179cfda54"

_PAIRS: dict[Verb, tuple[str, str]] = {
    "start": ("7d4958e842da4a758f6c1cdc7b36dcc5", "39f53479d3a045ac8e11786248231fbf"),
    "stop": ("de5b426a63be47a7b6ac3eaac82e2f6f", "9d1aaa27d60140bd96365438aad20286"),
    "reload": ("d34d037fff1847e6ae669a370e694725", RELOADED),
}
"""sd-messages.h: SD_MESSAGE_UNIT_STARTING and _STARTED, and their like."""
_DONE = "done"


def durations(lines: Sequence[Line], verb: Verb) -> tuple[float, ...]:
    """Seconds of each job that ended well, oldest first."""
    begins, ends = _PAIRS[verb]
    began, found = 0.0, []
    for line in lines:
        message = line.fields.get("MESSAGE_ID")
        if message == begins:
            began = line.at
        elif message == ends and began:
            if line.fields.get("JOB_RESULT", _DONE) == _DONE:
                found.append(max(0.0, line.at - began))
            began = 0.0
    return tuple(found)
