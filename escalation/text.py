"""Text for people: bounded, and without what a terminal or a mail header would obey."""

import re

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""C0 and C1 (escape codes), line separators, the marks that turn the direction of writing, and halves of a character, which
no file takes; not tab and newline."""

LINE_CHARACTERS = 1000


def plain(text: str, limit: int) -> str:
    """`text` without control characters; of a longer one the end, since the end of a log is what tells."""
    text = _CONTROLS.sub("", text.replace("\r\n", "\n"))
    if len(text) <= limit:
        return text
    return f"[the first {len(text) - limit} characters are left out]\n" + text[-limit:]


def one_line(text: object, limit: int = LINE_CHARACTERS) -> str:
    """`text` as one line, cut at the end: for subjects, titles and table cells."""
    line = " ".join(_CONTROLS.sub(" ", str(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def host_name(name: str) -> str:
    """`name` as it may stand in a Message-ID: what a host's name is made of.

    Short: a header without a space is not to be longer than a line, else Python encodes it, and no client finds the thread again.
    """
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name)[:40].strip(".-") or "localhost"
