"""A line that the operator declared as trouble was written, to a unit's journal or to a file."""

from collections.abc import Iterator

from orchestrator.checks import check
from orchestrator.config import Command, Config, LogRule
from orchestrator.host import Unavailable, View
from orchestrator.host.log_watch import Match
from orchestrator.model import Fault, Risk, Scope

_SHOWN = 300


@check(every=15, deadline=30)
def log_pattern(view: View, config: Config) -> Iterator[Fault]:
    """A line that was declared as trouble was written not long ago, and nothing was done about it since."""
    now, blind, seen = view.now(), "", False
    for rule in config.log:
        try:
            match = view.logs.look(rule.log, rule.pattern, now)
        except Unavailable as reason:
            blind = str(reason)
            continue
        if match and now - match.at < rule.quiet_seconds:
            seen = True
            yield _fault(rule, match, config)
    if blind and not seen:  # a pattern that is given up must not hide for ever what the others see
        raise Unavailable(blind)


def seen_to(view: View, config: Config, scope: Scope) -> None:
    """Something was done within this scope: what was written there before is answered, and only a new line is trouble again."""
    for rule in config.log:
        if scope.holds(config.log_target(rule)):
            view.logs.seen_to(rule.log, rule.pattern, view.now())


def command_of(rule: LogRule, config: Config) -> Command | None:
    """The operator's own fix for such a line: the one that he named, else the only one of low risk that the service has."""
    if rule.command:
        return next(command for command in config.command if command.name == rule.command)
    service = config.service_of(config.log_target(rule))
    fitting = [item for item in config.command if service and item.service == service.name and item.risk is Risk.LOW]
    return fitting[0] if len(fitting) == 1 else None


def _fault(rule: LogRule, match: Match, config: Config) -> Fault:
    """Its facts are what was declared, and never what was written."""
    command = command_of(rule, config)
    facts = {"log": rule.log, "pattern": rule.pattern, "service": rule.service or "", "command": command.name if command else ""}
    often = f" ({match.count} such lines)" if match.count > 1 else ""
    return Fault(
        check="log_pattern",
        target=config.log_target(rule),
        reason="DeclaredLine",
        message=f"{rule.message or 'a line that is declared as trouble'}: {rule.log} says{often}: {match.line.strip()[:_SHOWN]}",
        severity=rule.severity,
        facts={name: value for name, value in facts.items() if value},
    )
