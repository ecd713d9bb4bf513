from collections.abc import Iterator

from orchestrator.config import Config
from orchestrator.host import View, baseline, places
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence, is_unit

_TOLD = 5


@observation(early=True)
def lost_and_found(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What a check of a file system below rescued since all was well: files without their names, missing where they were."""
    target = case.fault.target
    service = config.service_of(target)
    if not is_unit(target) or not view.baseline.read_at:
        return
    own = set(places.mounts_of(view, view.units.get(target), service))
    for path in baseline.lost_and_found(view):
        if path.removesuffix("/lost+found") in own and path not in view.baseline.rescued and (names := baseline.rescued_in(view, path)):
            told = f"{path} holds {len(names)} files that a check of the file system has put there since all was well"
            yield Evidence(source="lost_and_found", text=f"{told}: {', '.join(names[:_TOLD])}", facts={"danger.corruption": told})
