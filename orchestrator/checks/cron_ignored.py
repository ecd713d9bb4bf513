"""A crontab that cron ignores, or a job in one that cannot run: cron itself is well, and tells only its own log."""

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.checks import check
from orchestrator.config import Config, Service
from orchestrator.host import NoRight, Unavailable, View, crontabs
from orchestrator.host.setting_up import account_ended, account_known
from orchestrator.model import Fault, Severity

_FILES = 200
_FILE_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class _Problem:
    reason: str
    path: str
    told: str
    service: Service | None


@check(every=300, deadline=20, whole_host=True)
def cron_ignored(view: View, config: Config) -> Iterator[Fault]:
    """A crontab that cron ignores, or a job in it that cannot run."""
    if not any(line.active_state == "active" for line in view.units.named((crontabs.CRON,))):
        return  # that is another check's business
    unread: list[str] = []
    problems = sorted(_problems(view, config, unread), key=lambda problem: problem.service is None)
    if not problems and unread:
        raise Unavailable(unread[0])
    if not problems:
        return
    first = problems[0]
    facts = {"file": first.path, **({"service": first.service.name} if first.service else {})}
    yield Fault(
        check="cron_ignored",
        target=crontabs.CRON,
        reason=first.reason,
        message="; ".join(f"{problem.path}: {problem.told}" for problem in problems[:10]),
        severity=Severity.HIGH if first.service else Severity.WARNING,
        facts=facts,
    )


def _problems(view: View, config: Config, unread: list[str]) -> Iterator[_Problem]:
    """What is wrong where it may be looked at; `unread` takes why it may not elsewhere."""
    for path in _paths(view, config, unread):
        service = next((item for item in config.service if path in (*item.config_files, *item.files)), None)
        if service is None and crontabs.is_put_aside(path):
            continue
        try:
            for reason, told in problems_of(view, path):
                yield _Problem(reason, path, told, service)
                break
        except NoRight as trouble:
            unread.append(str(trouble))
        except Unavailable:  # it went away meanwhile
            continue


def _paths(view: View, config: Config, unread: list[str]) -> list[str]:
    """Those that cron looks for, and those that were declared though cron would not see them."""
    found = [crontabs.MAIN]
    for directory in crontabs.DIRECTORIES:
        try:
            found += [f"{directory}/{name}" for name in view.files.entries(directory, _FILES)]
        except NoRight as trouble:
            unread.append(str(trouble))
    declared = [path for service in config.service for path in (*service.config_files, *service.files) if crontabs.is_crontab(path)]
    return list(dict.fromkeys((*found, *declared)))


def problems_of(view: View, path: str) -> Iterator[tuple[str, str]]:
    """The first things that keep it from doing what it says; nothing for a file without jobs."""
    state = view.files.look(path)
    if state is None or state.kind != "file":
        return
    text = view.files.read(path, _FILE_BYTES).decode(errors="replace")
    jobs = tuple(crontabs.jobs(path, text))
    owner = path.rpartition("/")[2] if path.startswith(crontabs.DIRECTORIES[1]) else ""
    if why := crontabs.refused(path, state, _uid(view, owner)):
        if jobs:
            yield "CrontabIgnored", f"cron ignores it: {why}"
        return
    if why := crontabs.unreadable(path, text):
        yield "CrontabUnreadable", f"cron ignores all of it: {why}"
        return
    yield from _jobs_that_cannot_run(view, jobs, owner)


def _jobs_that_cannot_run(view: View, jobs: tuple[crontabs.Job, ...], owner: str) -> Iterator[tuple[str, str]]:
    for user in sorted({job.user or owner for job in jobs} - {"root"}):
        if not owner and not account_known(user):
            yield "CrontabUnreadable", f"cron ignores all of it: there is no user {user}"
        if account_ended(view, user):
            yield "AccountExpired", f"the account {user} has ended, so that cron may start nothing for it"
    for job in jobs:
        program = job.program
        state = view.files.look(program, follow=True) if program else None
        if program and (state is None or state.kind != "file"):
            yield "JobCannotRun", f"line {job.line} starts {program}, which is not there"
        elif job.is_cut:
            yield "JobCutShort", f"line {job.line}: cron ends the command at the % of its date; it must be written \\%"


def _uid(view: View, owner: str) -> int | None:
    """From the local file alone: a directory service may not answer."""
    if not owner:
        return None
    for line in view.files.read("/etc/passwd").decode(errors="replace").splitlines():
        fields = line.split(":")
        if fields[0] == owner and len(fields) > 2 and fields[2].isdigit():
            return int(fields[2])
    return None
