from collections.abc import Iterator

from orchestrator.checks.recurring import DAY, kinds, pattern
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence, utc

_TOLD = 20


@observation(early=True)
def recurrence(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What was healed at this target before, by what, and how long it lasted."""
    del config
    heals = [heal for heal in view.heals if heal.target == case.fault.target]
    if not heals:
        return
    told = [f"{utc(heal.healed_at)[:19]} {heal.key}: {' and '.join(heal.plan)}" for heal in heals[-_TOLD:]]
    often = next(kinds(heals, view.now()), ())
    facts = {"healed.today": str(sum(view.now() - heal.healed_at < DAY for heal in heals))}
    yield Evidence(source="recurrence", text="\n".join(told), facts={**facts, "healed.pattern": pattern(often)} if often else facts)
