from collections.abc import Iterator

from orchestrator.checks.cron_ignored import problems_of
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.host.crontabs import CRON, is_crontab
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence


@observation(early=True)
def crontab(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """What keeps cron from doing what a crontab says, and whether its content still is what it was while all was well."""
    path, found = next(_problems(view, config, case), ("", ()))
    if not path:
        return
    good = view.known_good.get(path)
    content = "unknown" if good is None or good.kind != "file" else "same" if view.files.digest(path) == good.digest else "changed"
    reason, problem = found[0] if found else ("", "")
    facts = {"cron.file": path, "cron.reason": reason, "cron.problem": problem, "cron.content": content}
    told = "; ".join(told for _, told in found) or "nothing keeps cron from it now"
    yield Evidence(source="crontab", text=f"{path}: {told}; its content is {content}", facts=facts)


def _problems(view: View, config: Config, case: Case) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """The file that the fault names; of what cron does not do for its users, the declared one that it does not take."""
    if path := case.fault.facts.get("file", "") if case.fault.check == "cron_ignored" else "":
        yield path, tuple(problems_of(view, path))
    if case.fault.check != "probe_failing" or case.fault.target != CRON:
        return
    service = config.service_of(CRON)
    for path in (*service.config_files, *service.files) if service else ():
        if is_crontab(path) and (found := tuple(problems_of(view, path))):
            yield path, found
