"""The errors of the two doors."""

from collections.abc import Collection


class Unavailable(Exception):
    """The host could not be asked: no systemd, no permission, no answer in time.

    Whoever meets it is blind: it says nothing about the health of what was asked after (law 1). The message is one clear
    sentence for people.
    """


class Partly(Unavailable):
    """Of these alone, units or paths, nothing is known; all else was looked at."""

    def __init__(self, reason: str, unseen: Collection[str]) -> None:
        super().__init__(reason)
        self.unseen = frozenset(unseen)


class Late(Unavailable):
    """What was asked hangs: it has no answer in time, or an earlier question has none yet."""


class Ended(Unavailable):
    """Who was asked ended over the question."""


class NoRight(Unavailable):
    """This process may not see it, and whoever may did not tell: what lies there is neither something nor nothing."""


class ChangeFailed(Exception):
    """A change did not happen, or not all of it. The message is one clear sentence for people."""
