"""Looks at what happened here before."""

from collections.abc import Iterator
from typing import ClassVar, Self

from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.model import Case, Json
from phases.looks import Look, Past

_MOST = 10


class SimilarLook(Look):
    """Other incidents of the very same kind, and how they ended: by kinds of actions, not by anybody's words."""

    what: ClassVar[str] = "similar"

    @classmethod
    def of(cls, case: Case, view: View, config: Config) -> Iterator[Self]:
        del case, view, config
        yield cls(target="incidents")

    def see(self, case: Case, view: View, config: Config, past: Past) -> str:
        del view, config
        return "\n".join(map(_told, past(case.incident.id)[:_MOST])) or "none of this kind was seen before"


def _told(row: Json) -> str:
    healer = row.get("healed_by")
    plan = ", ".join(str(step.get("kind", "")) for step in healer["plan"]) if healer else ""
    by = f"healed in phase {healer['phase']} by {plan}" if healer else str(row["status"])
    return f"{str(row['detected_at'])[:19]} {row['target']}: {by}, {row['occurrences']} times seen"
