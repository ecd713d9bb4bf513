"""Nobody heals: what gets well here gets well by itself, and what is done here is done by the case itself."""

from tests.lab.exam.healers.base import Healer


class Nobody(Healer):
    name = "none"
