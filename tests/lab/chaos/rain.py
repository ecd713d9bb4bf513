"""What befalls the services: each fault once, on one that serves, so that every one of them can be asked after at the end."""

import random
from dataclasses import dataclass

from tests.lab.chaos.town import ASKING, BROKEN, SPOILT, STALLS, WELLS, Town
from tests.lab.watched import Web


@dataclass(frozen=True, slots=True)
class Injury:
    at: float
    """Seconds since the epoch, by the host's own clock."""
    target: str
    kind: str


def _crash(web: Web) -> str:
    return f"systemctl kill -s KILL {web.target}"


def _hang(web: Web) -> str:
    return f"systemctl kill -s STOP {web.target}"


def _bad_configuration(web: Web) -> str:
    return f"echo '{SPOILT.strip()}' >>{web.config_file}; systemctl kill -s KILL {web.target}"


def _lost_configuration(web: Web) -> str:
    return f"rm -f {web.config_file}; systemctl kill -s KILL {web.target}"


KINDS = {"crash": _crash, "hang": _hang, "bad configuration": _bad_configuration, "lost configuration": _lost_configuration}


class Rain:
    def __init__(self, town: Town, dice: random.Random) -> None:
        self._town = town
        self._dice = dice
        self._wells = list(WELLS)
        self.injuries: list[Injury] = []

    def fall(self) -> None:
        """One fault more, of a service that serves; none where all are down."""
        serving = self._town.answering()
        stalls = [web for web in (*STALLS, ASKING) if web.target in serving]
        if self._wells and self._dice.random() < 0.1:
            unit = self._wells.pop()
            self._hurt(unit, "lost data", f"touch {BROKEN}/{unit.removesuffix('.service')}")
        elif stalls:
            web, kind = self._dice.choice(stalls), self._dice.choice(list(KINDS))
            self._hurt(web.target, kind, KINDS[kind](web))

    def _hurt(self, target: str, kind: str, script: str) -> None:
        at = float(self._town.host.ok(f"date +%s.%N; {script}"))
        self.injuries.append(Injury(at, target, kind))
