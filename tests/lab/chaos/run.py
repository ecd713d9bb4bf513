"""One chaos run, from a town where all is well to the four counts."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.lab.base import LabError
from tests.lab.chaos.counts import Counts, counted, is_quiet
from tests.lab.chaos.rain import Injury, Rain
from tests.lab.chaos.town import Town
from tests.lab.chaos.woes import Woes
from tests.lab.conftest import equipped
from tests.lab.host import Host

_EVERY = 5.0
"""Seconds between two faults, and about twice as many between two woes."""
_QUIET_SECONDS = 420.0
"""A mail whose sender died in the middle is tried again after 300 s: nobody knows before whether it lives on elsewhere."""


@dataclass
class Ending:
    seed: int
    counts: Counts
    injuries: list[Injury] = field(default_factory=list)
    woes: dict[str, int] = field(default_factory=dict)
    clicks: int = 0


def run(host: Host, seconds: float, seed: int, said: Callable[[str], object]) -> Ending:
    dice = random.Random(seed)  # noqa: S311  # to be repeated, not to be secret
    town = Town(equipped(host))
    town.build()
    rain, woes, person = Rain(town, dice), Woes(town, dice, said), _Person(town)
    woes.prepare()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        turn = time.monotonic() + _EVERY * dice.uniform(0.6, 1.4)
        rain.fall()
        if dice.random() < 0.5:
            woes.strike()
        person.approve()
        time.sleep(max(0.0, turn - time.monotonic()))
    woes.calm()
    deadline = time.monotonic() + _QUIET_SECONDS
    while time.monotonic() < deadline and not _quiet(town):
        person.approve()
        time.sleep(2)
    return Ending(seed, counted(town, rain.injuries, woes.forgotten_before()), rain.injuries, woes.counts, person.clicks)


def _quiet(town: Town) -> bool:
    try:
        return is_quiet(town)
    except LabError:  # its database is being written anew
        return False


class _Person:
    """Says yes to each question, as soon as there is somebody who asks it."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self.clicks = 0

    def approve(self) -> None:
        try:
            asked = self._town.host.sql(
                "SELECT escalation_id AS id FROM interventions WHERE status = 'pending' AND kind = 'approval'", db="escalations"
            )
        except LabError:
            return
        for row in asked:
            self.clicks += self._town.host.orchestrator("escalations", "approve", str(row["id"]), timeout=30).status == 0


def report(ending: Ending) -> str:
    counts = ending.counts
    lines = [
        f"seed {ending.seed}: {len(ending.injuries)} faults, {sum(ending.woes.values())} woes, {ending.clicks} approvals",
        "woes: " + ", ".join(f"{name} {count}" for name, count in sorted(ending.woes.items())),
        f"{counts.healed} incidents healed, {counts.with_person} with a person; {counts.redelivered} mails delivered again by their own id",
    ]
    for name, found in (
        ("incidents lost", counts.lost),
        ("actions run twice", counts.twice),
        ("mails doubled", counts.doubled),
        ("harm", counts.harm),
    ):
        lines += [f"{name}: {len(found)}", *(f"    {what}" for what in found)]
    return "\n".join(lines)
