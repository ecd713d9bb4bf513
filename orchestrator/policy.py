"""Who decides. Pure functions over plain words: ordered, named rules; the first that speaks wins; none speaks = deny.

`judge` is asked by the engine with the whole case; what the hands ask again, with less and with more, is `permits`, a room of its own.
`stand_down` tells when another hand is at work (law 4).
"""

from collections.abc import Callable, Iterator

from orchestrator.config import Config
from orchestrator.model import CONTAINER, Case, Fault, Mode, Proposal, Risk, Verdict, Word, is_unit
from orchestrator.permits import may_ever, modes_of, rule_name

_UNDER_WAY_ITSELF = ("unit_crash_loop", "unit_stuck", "job_stuck")
"""Faults of units that are always between two restarts, or in a start that does not end: waiting for that would be waiting for ever."""
_HARMLESS = ("log_flood",)
"""Faults of services that serve their users."""
_THOUGHT = ("model:", "vote:")
"""Origins of plans that nobody has written down: whatever their risk, they rest on evidence or are none."""
DANGERS = ("corruption", "authentication", "intrusion", "device")
"""Facts `danger.<name>`: what is never healed by force (DESIGN section 5, the row "never")."""
_TELL_OF_DANGER = ("intrusion", "databases", "lost_and_found", "kernel_says")
"""Observations: facts `unread.<name>` say why what they look at may not be read."""


class History(Word):
    """What was done lately, counted by the store: changes in the last hour, whatever their outcome (law 6)."""

    target_changes: int = 0
    host_changes: int = 0
    target_attempts: int = 0


class Surroundings(Word):
    """Other hands at work on this host, as the View saw them now."""

    booting: bool = False
    shutting_down: bool = False
    package_manager: str = ""
    maintenance: str = ""
    maintenance_until: float = 0.0
    in_transition: str = ""
    """What systemd is doing with the fault's own unit: a queued job, a start-up, a restart."""
    keeper: str = ""
    """Who else starts the fault's own unit when it ends, and has not had the time for that yet."""
    young_alert: bool = False
    """Another watcher said so a moment ago, and what is behind it may be about to show."""
    root: str = ""
    """What its trouble comes from, and is about to show as an incident of its own: names that are not found, a certificate that is due."""


def stand_down(fault: Fault, around: Surroundings) -> str:
    """Why the daemon must wait now; empty when nobody else is at work."""
    looping = fault.check in _UNDER_WAY_ITSELF
    at_work = (
        (around.maintenance, f"maintenance: {around.maintenance}"),
        (around.shutting_down, "the host is shutting down"),
        (around.booting, "the host has just booted"),
        (around.package_manager, f"a package upgrade is under way: {around.package_manager}"),
        (fault.reason == "Starved", "the host is busy: it waits for a CPU that others use"),
        (around.in_transition and not looping, f"systemd is at work: {around.in_transition}"),
        (around.keeper, f"{around.keeper} looks after it, and is given the time to start it"),
        (around.root, f"its root is another: {around.root}"),
        (around.young_alert, "what stands behind the alert is given time to show itself"),
    )
    return next((reason for holds, reason in at_work if holds), "")


# ---- judge: the whole case ------------------------------------------------------------------------------------------


def judge(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> Verdict:
    """Allow, ask or deny this plan for this case. The order is the policy: a later rule never overrides an earlier one."""
    for rule in _JUDGE_RULES:
        for answer, reason in rule(proposal, case, config, history, now):
            return Verdict(answer=answer, rule=rule_name(rule), reason=reason)  # type: ignore[arg-type]  # each rule yields one of the three
    return Verdict(answer="deny", rule="no-rule", reason="no rule allows this")


_Said = Iterator[tuple[str, str]]


def _mode_watching(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    del proposal, history, now
    mode = config.mode_of(case.fault.target)
    if mode in (Mode.OBSERVE, Mode.SUGGEST):
        yield "deny", f"mode is {mode}: recorded, not done"


def _nothing_to_do(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    del case, config, history, now
    if not proposal.plan:
        yield "deny", "the plan is empty"


def _not_permitted(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    del case, history, now
    for action in proposal.plan:
        verdict = may_ever(action, config)
        if verdict.answer != "allow":
            yield "deny", f"{verdict.rule}: {verdict.reason}"


def _out_of_scope(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    del config, history, now
    for action in proposal.plan:
        for target in action.targets():
            if not case.scope.holds(target):
                yield "deny", f"{target} does not belong to this incident"


def _danger(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    """Data that may be damaged and doors that may be forced are a person's business, whoever proposes what."""
    del proposal, config, history, now
    facts = case.facts()
    for name in DANGERS:
        if facts.get(f"danger.{name}"):
            yield "deny", f"signs of {name}: {facts[f'danger.{name}']}"


def _unread_danger(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    """Where nobody may look for signs of danger, none were found: what only those would forbid is a person's to allow."""
    del config, history, now
    facts = case.facts()
    unread = next((facts[f"unread.{name}"] for name in _TELL_OF_DANGER if facts.get(f"unread.{name}")), "")
    if unread and any(action.level is not Risk.LOW for action in proposal.plan):
        yield "ask", f"whether there are signs of danger could not be read: {unread}"


def _approved(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    del config, history, now
    if case.approved and case.approved.hash == proposal.hash:
        yield "allow", "a person approved exactly this plan"


def _breaker_host(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    del proposal, now
    if case.incident.symptoms or history.host_changes < config.limits.changes_per_host_per_hour:
        return
    yield "deny", f"{history.host_changes} changes on this host in the last hour; the limit is {config.limits.changes_per_host_per_hour}"


def _breaker_target(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    del proposal, now
    limit = config.limits.changes_per_target_per_hour
    if history.target_changes >= limit:
        yield "deny", f"{history.target_changes} changes for {case.fault.key} in the last hour; the limit is {limit}"


def _undeclared_unit(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    """A unit that nobody declared: started or restarted once, if it was enabled and ran before."""
    del now
    target = case.fault.target
    if not is_unit(target) or config.service_of(target):
        return
    facts = case.facts()
    if facts.get("job.declared") or config.service_of(case.fault.facts.get("service", "")):
        return  # its timer is declared, or the fault is a declared service's: a job is as wanted as what starts it
    kinds = {action.kind for action in proposal.plan}
    if not kinds <= {"start_unit", "restart_unit", "reset_failed", "daemon_reload", "wait"}:
        yield "ask", f"{target} is not declared; more than a start needs a person's word"
    if facts.get("unit.transient") == "yes" or facts.get("unit.type") == "oneshot":
        yield "deny", f"{target} is a {'transient unit' if facts.get('unit.transient') == 'yes' else 'oneshot'} that nobody declared"
    if facts.get("unit.ran_before") != "yes":
        yield "deny", f"{target} is not declared and was not seen running and enabled before"
    if history.target_attempts >= 1:
        yield "deny", f"{target} is not declared and was already started once in the last hour"


def _undeclared_container(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    """A container that nobody declared: brought back once, if its own restart policy says that it is to run."""
    del proposal, config, now
    target = case.fault.target
    if not target.startswith(CONTAINER):
        return
    if case.facts().get("container.wanted") != "yes":
        yield "deny", f"{target} is not declared, and has no restart policy that says that it is to run"
    if history.target_attempts >= 1:
        yield "deny", f"{target} is not declared and was already brought back once in the last hour"


def _mode_approve(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    """Of what is ill, and of all that the plan is done to for it."""
    del history, now
    modes = (modes_of(action, config) for action in proposal.plan)
    if Mode.APPROVE in {config.mode_of(case.fault.target)}.union(*modes):
        yield "ask", "mode is approve"


def _high_risk(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    del case, config, history, now
    high = [action.about() for action in proposal.plan if action.level is Risk.HIGH]
    if high:
        yield "ask", f"high risk: {high[0]}"


def _stops_the_healthy(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    """Law 10: a stop is judged also by the healthy units that it takes down."""
    del config, history, now
    running = case.facts().get("above.running", "")
    stops = [action for action in proposal.plan if action.kind in ("stop_unit", "stop_leftovers")]
    if running and stops:
        yield "ask", f"{stops[0].about()} would take down what runs: {running}"


def _nobody_suffers(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    """Somebody may have wanted a change that harms no user: what brings the file back undoes a decision."""
    del config, history, now
    back = [action for action in proposal.plan if action.kind == "restore_config"]
    if back and case.fault.check in _HARMLESS:
        yield "ask", f"its users are served, and the change may be meant: {back[0].about()}"


def _ungrounded(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    del config, history, now
    if is_grounded(proposal, case):
        return
    if proposal.origin.startswith(_THOUGHT):
        yield "deny", "a plan that was thought up cites no evidence of this incident"
    if any(action.level is not Risk.LOW for action in proposal.plan):
        yield "deny", "a plan of medium risk cites no evidence of this incident"


def is_grounded(proposal: Proposal, case: Case) -> bool:
    """Whether it cites evidence, and of this incident alone."""
    return bool(proposal.evidence_ids) and set(proposal.evidence_ids) <= {item.id for item in case.evidence}


def may_teach(proposal: Proposal, case: Case) -> bool:
    """Whether a plan that healed becomes a pattern: none of high risk, and none that was right for reasons that nobody can read."""
    grounded = is_grounded(proposal, case) or not proposal.origin.startswith(_THOUGHT)
    return grounded and all(action.level is not Risk.HIGH for action in proposal.plan)


def _auto(proposal: Proposal, case: Case, config: Config, history: History, now: float) -> _Said:
    del config, history, now
    yield "allow", f"{max((action.level for action in proposal.plan), key=lambda risk: risk.rank)} risk, {case.scope.target} in scope"


_JudgeRule = Callable[[Proposal, Case, Config, History, float], _Said]
_JUDGE_RULES: tuple[_JudgeRule, ...] = (
    _mode_watching,
    _nothing_to_do,
    _not_permitted,
    _out_of_scope,
    _danger,
    _approved,
    _breaker_host,
    _breaker_target,
    _undeclared_unit,
    _undeclared_container,
    _unread_danger,
    _mode_approve,
    _high_risk,
    _stops_the_healthy,
    _nobody_suffers,
    _ungrounded,
    _auto,
)
