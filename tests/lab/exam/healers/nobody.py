"""Nobody heals: what gets well here gets well by itself, and what is done here is done by the case itself."""

from tests.lab.exam.healers.base import Healer

STAYS_SECONDS = 10


class Nobody(Healer):
    name = "none"

    @property
    def patience_seconds(self) -> float:
        """It has to be broken, and to stay so for a while. What is no fault is watched as long as with everybody else."""
        return self.case.patience_seconds if self.case.expects == "leave" else min(self.case.patience_seconds, STAYS_SECONDS)
