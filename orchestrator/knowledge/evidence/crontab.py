from collections.abc import Iterator

from orchestrator.checks.cron_ignored import problems_of
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence


@observation(early=True)
def crontab(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What keeps cron from doing what a crontab says, and whether its content still is what it was while all was well."""
    del config
    path = case.fault.facts.get("file", "")
    if case.fault.check != "cron_ignored" or not path:
        return
    found = [told for _, told in problems_of(view, path)]
    good = view.known_good.get(path)
    content = "unknown" if good is None or good.kind != "file" else "same" if view.files.digest(path) == good.digest else "changed"
    yield Evidence(
        source="crontab",
        text=f"{path}: {'; '.join(found) or 'nothing keeps cron from it now'}; its content is {content}",
        facts={"cron.problem": found[0] if found else "", "cron.content": content},
    )
