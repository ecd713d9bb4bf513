"""What the hands may do now: the wall between a brain that was taken over and the host. What no rule lets pass is not done."""

from collections.abc import Callable

from orchestrator.model import CONTAINER, Mode, Risk, Verdict
from orchestrator.permits.ever import may_ever, modes_of
from orchestrator.permits.words import Asked, Performed, first_word

HOUR = 3600.0
UNDO_SECONDS = 2 * HOUR
"""Longer than any attempt: what was done in it and did not help is taken back by then, or a person hears of it."""
UNDO_TRIES = 3
"""So often may one undo be begun that does not get through."""
NEEDS_A_PERSON = "no-approval"
"""The rules that a person's word opens have one name: whoever reads a verdict knows what helps."""

_PASSIVE = ("reset_failed", "daemon_reload", "wait")
_BRINGS_UP = ("start_unit", "restart_unit", "revive_mount")
"""What may be done for a unit that no declaration speaks of."""
_STARTABLE = (".service", ".socket", ".timer", ".mount", ".path", ".automount", ".swap")
_RESTARTABLE = (".service", ".socket", ".timer", ".mount", ".path")
_NEVER = (".target", ".slice", ".scope", ".device")
"""Half a host hangs on one of these, or a person's session: only what is declared, or what a declared unit needs, is ever started."""


def permits(asked: Asked) -> Verdict:
    """Whether the hands may do it now. `ask`: a person's word would let it pass."""
    ever = may_ever(asked.action, asked.config)
    if ever.answer != "allow":
        return ever
    verdict = first_word((rule, rule(asked)) for rule in _NOW)
    wanting = "" if verdict.answer != "allow" or asked.approved else _wants_a_person(asked)
    return Verdict(answer="ask", rule=NEEDS_A_PERSON, reason=wanting) if wanting else verdict


def permits_undo(asked: Asked, performed: Performed) -> Verdict:
    """Whether what was done may be taken back now. Budgets of changes do not bind it: each change is undone once."""
    ever = may_ever(asked.action, asked.config)
    return first_word((rule, rule(asked, performed)) for rule in _UNDO) if ever.answer == "allow" else ever


# ---- by what the hands know -----------------------------------------------------------------------------------------


def _protected_by_another_name(asked: Asked) -> str:
    """An alias of a protected unit, or the unit behind an alias, is that unit."""
    may_start = asked.action.kind in ("start_unit", "reset_failed")
    for unit in asked.reach.units:
        known = (unit.name, *unit.names)
        if may_start and any(asked.config.service_of(name) for name in known):
            continue
        if protected := next(filter(asked.config.protects_unit, known), ""):
            return f"{protected} is protected"
    return ""


def _takes_down_the_protected(asked: Asked) -> str:
    """systemd stops what needs a unit along with it, and what conflicts with one that starts."""
    if asked.reach.endless:
        return f"{asked.action.about()}: more hangs on it than can be followed"
    fallen = next(filter(asked.config.protects_unit, asked.reach.falls), "")
    return f"{fallen} is protected, and would go down with it" if fallen else ""


def _never_touched(asked: Asked) -> str:
    """Whatever a person says of it: he who means it types it."""
    worked_on = {name for _, name in asked.action.jobs()}
    for unit in asked.reach.units:
        needed = unit.belongs == "near" and unit.name.endswith(".target") and asked.action.kind == "start_unit"
        if worked_on & {unit.name, *unit.names} and unit.name.endswith(_NEVER) and unit.belongs != "declared" and not needed:
            return f"{unit.name} is no unit of one service"
    return ""


def _hands_budget(asked: Asked) -> str:
    """The hands' own count: a brain in a loop must not turn a repair into a weapon."""
    if asked.follows:
        return ""
    limits, kind = asked.config.limits, asked.action.kind
    fresh = _lately(asked)
    counted = sum(not entry.follows for entry in fresh)
    if counted >= limits.changes_per_host_per_hour:
        return f"{counted} changes on this host in the last hour"
    for target in asked.action.targets():
        count = sum(target in entry.targets and entry.kind == kind for entry in fresh)
        if count >= limits.changes_per_target_per_hour:
            return f"{count} times {kind} of {target} in the last hour"
    return ""


def _lately(asked: Asked) -> list[Performed]:
    return [entry for entry in asked.recent if entry.op == "perform" and asked.now - entry.at < HOUR]


def _stood(asked: Asked) -> list[Performed]:
    """What was taken back did not bring it up: the repair of its root may still do so."""
    undone = {entry.change_id for entry in asked.recent if entry.op == "undone"}
    return [entry for entry in _lately(asked) if entry.change_id not in undone]


# ---- what a person's word opens -------------------------------------------------------------------------------------


def _wants_a_person(asked: Asked) -> str:
    """Why it needs an approval of exactly this action, that the hands heard of themselves; empty when it needs none."""
    reasons = (rule(asked) for rule in (_high_risk, _mode_approve, _stops_others, _stranger, _unknown_container))
    return next((f"{reason}; the hands have heard of no approval" for reason in reasons if reason), "")


def _high_risk(asked: Asked) -> str:
    return f"{asked.action.about()}: high risk" if asked.action.level is Risk.HIGH else ""


def _mode_approve(asked: Asked) -> str:
    """What brings back what went down with its root belongs to the plan that was approved."""
    return "the mode is approve" if Mode.APPROVE in modes_of(asked.action, asked.config) and not asked.follows else ""


def _stops_others(asked: Asked) -> str:
    others = asked.reach.others() if asked.action.kind == "stop_unit" else ()
    return f"{asked.action.about()} would take down what runs: {', '.join(others[:5])}" if others else ""


def _stranger(asked: Asked) -> str:
    """A unit of which no declaration speaks: brought up once an hour, if it ran before. What a declared one needs, as often as that one."""
    kind = asked.action.kind
    for unit in asked.reach.units:
        if unit.belongs == "declared" or kind in _PASSIVE:
            continue
        types = _STARTABLE if kind == "start_unit" else _RESTARTABLE
        if kind not in _BRINGS_UP or not unit.name.endswith((*types, ".target")):
            return f"{unit.name} is not declared; more than a start needs a person's word"
        if unit.belongs == "near":
            continue
        if unit.unasked or not unit.ran_before:
            return f"{unit.name} is not declared, and {f'is {unit.unasked}' if unit.unasked else 'was not seen running before'}"
        if not asked.follows and any(unit.name in entry.targets and entry.kind in _BRINGS_UP for entry in _stood(asked)):
            return f"{unit.name} is not declared, and was brought up once in the last hour"
    return ""


def _unknown_container(asked: Asked) -> str:
    for target in asked.action.targets():
        if target.startswith(CONTAINER) and any(target in entry.targets for entry in _lately(asked)):
            return f"{target} is not declared, and was brought back once in the last hour"
    return ""


# ---- taking back ----------------------------------------------------------------------------------------------------


def _too_late(asked: Asked, performed: Performed) -> str:
    age = asked.now - performed.at
    return f"change {performed.change_id} was done {age / HOUR:.1f} hours ago, and is not taken back any more" if age > UNDO_SECONDS else ""


def _tried_enough(asked: Asked, performed: Performed) -> str:
    tries = sum((entry.change_id, entry.op) == (performed.change_id, "undo") for entry in asked.recent)
    return f"the undo of change {performed.change_id} was begun {tries} times" if tries >= UNDO_TRIES else ""


def _undo_takes_down_the_protected(asked: Asked, performed: Performed) -> str:
    del performed
    return _protected_by_another_name(asked) or _takes_down_the_protected(asked)


_Rule = Callable[[Asked], str]
_UndoRule = Callable[[Asked, Performed], str]
_NOW: tuple[_Rule, ...] = (_protected_by_another_name, _takes_down_the_protected, _never_touched, _hands_budget)
_UNDO: tuple[_UndoRule, ...] = (_too_late, _tried_enough, _undo_takes_down_the_protected)
