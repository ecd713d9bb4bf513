"""Who can be asked: the role files as they are by now, each with his record on this host."""

from dashboard.here import here
from orchestrator.knowledge import experts
from orchestrator.knowledge.experts import Expert
from orchestrator.knowledge.memory import RESEARCHER
from orchestrator.model import Json, Word
from orchestrator.store.records import NOTHING


class Member(Word):
    """One of those who are asked; `listed` is false for who spoke here once and has no role file any more."""

    name: str
    role: str = ""
    about: str = ""
    brief: str = ""
    reads: tuple[str, ...] = ()
    vetoes: bool = False
    opinions: int = 0
    listed: bool = True
    asked: int
    failed: int
    asked_at: str | None
    memories: int
    wins: int
    losses: int


def roster() -> tuple[Member, ...]:
    """Those with a role file by name, the researcher, then those who left. Raises ExpertError."""
    records = here().reader.records()
    told: list[Json] = [_of_file(expert) for expert in experts.load(here().beside_config("experts.d"))]
    told.append({"name": RESEARCHER, "role": "research", "about": "Looks for the cause in phase 2, before anybody is consulted."})
    told += [{"name": name, "listed": False} for name in sorted(records.keys() - {one["name"] for one in told})]
    return tuple(Member.model_validate({**one, **_record(records.get(one["name"], NOTHING))}) for one in told)


def _of_file(expert: Expert) -> Json:
    reads = tuple(source.strip() for source in expert.reads)
    return {**expert.model_dump(include={"name", "role", "about", "brief", "vetoes"}), "reads": reads, "opinions": len(expert.opinion)}


def _record(record: Json) -> Json:
    return {name: record[name] for name in NOTHING}
