"""Who heals: one file each, with a class that says `name`, and how it begins on a host."""

from tests.lab.exam.healers.base import Healer
from tests.lab.exam.healers.monit import Monit
from tests.lab.exam.healers.nobody import Nobody
from tests.lab.exam.healers.ours import Ours
from tests.lab.exam.healers.restart_all import RestartAll
from tests.lab.exam.healers.systemd import Systemd

__all__ = ["HEALERS", "Healer", "Nobody", "Ours"]

HEALERS: dict[str, type[Healer]] = {healer.name: healer for healer in (Nobody, Systemd, Monit, RestartAll, Ours)}
"""By name, in the order of the scoreboard's columns."""
