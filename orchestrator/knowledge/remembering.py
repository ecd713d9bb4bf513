"""Remembering what was good, while all is well: the baseline of what runs here, and what the hands are to keep of files."""

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.config import Service
from orchestrator.hands.seam import AnyHands, heard
from orchestrator.host import Baseline, View
from orchestrator.servers import Server

_DROPPED_AFTER = 3
_MOST_CHANGED = 5000
"""Units that are told apart; of more than that any may have changed."""


class Remembering:
    """The daemon's memory of well-being. Not thread-safe but for `note_changed`: one turn at a time uses it."""

    def __init__(self, view: View, hands: AnyHands) -> None:
        self._view = view
        self._hands = hands
        self._absent: dict[str, int] = {}
        self._changed: set[str] = set()
        self._told: set[str] = set()
        """The services that the hands have heard of since anything changed that concerns all."""

    def note_changed(self, names: frozenset[str]) -> None:
        """Units that systemd reported; an empty set means any. Any thread may call it."""
        if names and len(self._changed) < _MOST_CHANGED:
            self._changed.update(names)
        else:
            self._told = set()  # a turn that is under way, of before, fills the old one
            self._changed.clear()

    def baseline(self, wrong: frozenset[str] = frozenset()) -> Baseline:
        """What runs now, with what ran before and is missing only now: a unit leaves after three quiet sweeps without it.

        Else a crash that no check has seen yet would be forgotten by the very sweep that should miss it. And what a person has in
        hand (`wrong`) would go away by itself.
        """
        now, before = Baseline.read(self._view), self._view.baseline
        missing = before.active - now.active
        self._absent = {name: self._absent.get(name, 0) + 1 for name in missing}
        kept = frozenset(name for name, count in self._absent.items() if count < _DROPPED_AFTER)
        return replace(now, active=now.active | kept, read_at=before.read_at or now.read_at).missing(before, wrong)

    def good_files(self, service: Service, servers: Sequence[Server] = ()) -> None:
        """Have the hands remember its files as good; and find out what it runs, by the well-known servers. Raises Unavailable."""
        server, told = self._view.servers.of(service.target), self._told
        names = {service.target, *(server.units if server else ())}
        changed = bool(names & self._changed) or service.name not in told
        if changed:  # from here on it is news again
            self._changed.difference_update(names)
            told.discard(service.name)
        if changed and service.unit:
            self._view.servers.meet(service, servers)
        answer = heard(self._hands.remember(service.name, self._view.answered.get(service.target, 0.0), changed=changed))
        if "programs" in answer:
            self._view.programs.note(service.target, tuple(answer["programs"]))
        told.add(service.name)

    def name_files(self) -> None:
        """The same for what names are found with, when all that services need were found last. Raises Unavailable."""
        names = self._view.names
        if names.marks and not names.roots and not names.doubted:
            heard(self._hands.remember("", names.looked_at))
