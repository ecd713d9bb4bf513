"""After the plan was carried out: look until it is proved, or proved not to help; then keep it, or undo it.

The same code takes up what a death left behind: look first; healthy is adopted as healed, else what was begun is undone;
nothing is redone (law 11).
"""

import logging
import time
from contextlib import suppress

from orchestrator.actions import parse
from orchestrator.checks import all_checks
from orchestrator.checks.probe_failing import OPENING_SECONDS, opening_until
from orchestrator.config import Config
from orchestrator.engine.look import Look, is_worse, look
from orchestrator.hands.seam import AnyHands, heard
from orchestrator.host import Unavailable, Unit, View
from orchestrator.model import Action, Attempt, Case, Fault, Outcome, Proposal, Word, is_unit
from orchestrator.store import Store

log = logging.getLogger(__name__)

READY_SECONDS = 20.0
"""How long a probe may still fail after a change: a program that starts is not dead yet."""
BLIND_SECONDS = 60.0
"""How long a check may be blind before the attempt counts as unproven, and a person hears of it."""
_LOOK_AGAIN_SECONDS = 0.5
_RUN_FACTOR, _SETTLE_CAP_SECONDS = 1.5, 60.0
_STOPPING_CAP_SECONDS = 300.0
_LOADS = ("reload_unit", "restart_unit")
_STARTS = ("start_unit", "start_service", "reset_failed", "daemon_reload", "wait")


class Settled(Word):
    """How an attempt stands after one more look. `outcome` None: look again at `again_at`."""

    outcome: Outcome | None = None
    detail: str = ""
    again_at: float = 0.0
    proved_at: float = 0.0
    """When it is proved if it stays clean; or until when it may take to get there."""
    next_fault: Fault | None = None
    """With progress: what shows now."""
    standing: tuple[str, ...] = ()


class Settling:
    def __init__(self, config: Config, view: View, store: Store, hands: AnyHands) -> None:
        self.config = config
        self._view = view
        self._store = store
        self._hands = hands
        self._started = time.monotonic()

    def settle(self, case: Case, attempt: Attempt) -> Settled:
        """One look at what the attempt did. An undo that was cut short is finished, whatever the look would say."""
        if any(change.undone_at for change in attempt.changes):
            return self._undo(attempt, "its undo was cut short")
        attempt = self._by_this_clock(attempt)
        seen, now = look(case, self._view, self.config), self._view.now()
        if seen.blind:
            return self._blind(case, attempt, seen, now)
        if self._is_under_way(case, attempt, now):
            return Settled(again_at=now + _LOOK_AGAIN_SECONDS, proved_at=attempt.ready_by or 0.0)
        if not seen.has(case.fault.key) and not self._is_worse(case, attempt, seen):
            if seen.clean or self._bring_back(case, attempt, seen):
                return self._clean(case, attempt, now) if seen.clean else Settled(again_at=self._view.now() + _LOOK_AGAIN_SECONDS)
        elif attempt.clean_since is not None:
            log.info("incident %d: not clean any more: %s", case.incident.id, _told(seen))
        if attempt.clean_since is not None:
            self._store.settle(attempt.id, ready_by=attempt.ready_by, clean_since=None)
        if now < (patience := self._patience(case, attempt, seen)):
            return Settled(again_at=now + _LOOK_AGAIN_SECONDS, proved_at=patience)
        return self._not_proved(case, attempt, seen)

    def _by_this_clock(self, attempt: Attempt) -> Attempt:
        """Where the clock was set back, a time to be ready by that no plan may take begins anew, from now."""
        longest = self._view.now() + patience_of(attempt.proposal)
        if attempt.ready_by is None or attempt.ready_by <= longest:
            return attempt
        self._store.settle(attempt.id, ready_by=longest)
        return attempt.model_copy(update={"ready_by": longest, "clean_since": None})

    def _is_under_way(self, case: Case, attempt: Attempt, now: float) -> bool:
        """Whether systemd still starts or stops the target: neither failed nor up, so that no look says anything yet.

        A start that times out is stopped first, and that may take the unit's own stop time-out once more.
        """
        unit = Unit(name=case.fault.target)
        with suppress(Unavailable):
            unit = self._view.units.get(case.fault.target) if is_unit(case.fault.target) else unit
        if not unit.in_transition or unit.sub_state == "auto-restart":
            return False
        return now < (attempt.ready_by or attempt.began_at) + min(2 * unit.timeout_stop, _STOPPING_CAP_SECONDS)

    def _patience(self, case: Case, attempt: Attempt, seen: Look) -> float:
        """Until when not clean is only not ready yet: what was interrupted gets that time anew, unless its own fault is a hard one."""
        if _ended_again(case, attempt, seen):
            return 0.0
        if attempt.ready_by is not None:
            return max(attempt.ready_by, min(self._opening_until(seen), attempt.ready_by + OPENING_SECONDS))
        if seen.has(case.fault.key) and not _is_soft(case.fault):
            return 0.0
        return self._view.now() + READY_SECONDS - (time.monotonic() - self._started)

    def _opening_until(self, seen: Look) -> float:
        """Until when all that still stands is what has been started and has not opened its doors yet; 0.0 when more is wrong."""
        until = 0.0
        for fault in seen.standing:
            service = self.config.service_of(fault.target)
            if fault.check != "probe_failing" or fault.reason != "ConnectionRefused" or service is None or not service.unit:
                return 0.0
            with suppress(Unavailable):
                until = max(until, opening_until(self._view, service, self._view.units.get(service.unit)))
        return until

    def _blind(self, case: Case, attempt: Attempt, seen: Look, now: float) -> Settled:
        if now - (attempt.ready_by or attempt.began_at) < BLIND_SECONDS:
            return Settled(again_at=now + _LOOK_AGAIN_SECONDS * 2)
        log.warning("incident %d: cannot be proved: %s", case.incident.id, seen.blind)
        return Settled(outcome=Outcome.UNPROVEN, detail=f"the proof went blind: {seen.blind}")

    def _clean(self, case: Case, attempt: Attempt, now: float) -> Settled:
        """Clean is healed only after it lasted: longer than the run that crashed last, at most a minute."""
        lasting = self.lasting_seconds(case)
        if attempt.clean_since is None:
            self._store.settle(attempt.id, ready_by=attempt.ready_by, clean_since=now)
            return Settled(again_at=now + min(lasting, 1.0), proved_at=now + lasting)
        stayed = now - attempt.clean_since
        # The wall clock may step back: a negative stay begins anew.
        if stayed < 0:
            self._store.settle(attempt.id, ready_by=attempt.ready_by, clean_since=now)
        if stayed < lasting:
            return Settled(again_at=now + min(max(lasting - stayed, 0.05), 1.0), proved_at=now + lasting - stayed)
        adopted = "; adopted after an interruption" if attempt.ready_by is None else ""
        return Settled(outcome=Outcome.HEALED, detail=f"the check and all probes stayed clean for {stayed:.1f} s{adopted}")

    def lasting_seconds(self, case: Case) -> float:
        run = float(case.facts().get("unit.run_seconds", "0") or 0)
        return max(self.config.daemon.settle_seconds, min(_RUN_FACTOR * run, _SETTLE_CAP_SECONDS))

    def _not_proved(self, case: Case, attempt: Attempt, seen: Look) -> Settled:
        if attempt.ready_by is not None and not seen.has(case.fault.key) and not self._is_worse(case, attempt, seen):
            first = min(seen.standing, key=lambda fault: fault.severity.rank)
            if not self._fell_again(first):
                return Settled(outcome=Outcome.PROGRESS, detail=f"its own fault is gone; now shows: {first.message}", next_fault=first)
        return self._undo(attempt, f"still wrong: {_told(seen)}")

    def _fell_again(self, fault: Fault) -> bool:
        """Whether it is silent because its unit went down again, and systemd is about to start it: the first layer, and no second one."""
        with suppress(Unavailable):
            soft = fault.check == "probe_failing" and is_unit(fault.target)
            return soft and self._view.units.get(fault.target).sub_state == "auto-restart"
        return False

    def _undo(self, attempt: Attempt, why: str) -> Settled:
        """Bring back what can be brought back, last change first. Each in its own try: one that fails strands the rest visibly."""
        undone: list[str] = []
        kept: list[str] = []
        stranded: list[str] = []
        for change in sorted(attempt.changes, key=lambda change: -change.n):
            about = change.action.about()
            if change.undone_at is None:
                result = heard(self._hands.undo(change.id, change.action.model_dump(mode="json"), change.before))
                if not result["ok"]:
                    self._store.change_failed(change.id, result, undoing=True)
                    (stranded if change.action.reversible else kept).append(f"{about}: {result['detail']}")
                    continue
                self._store.change_undone(change.id, span := result.get("span", ()))
                if span:
                    self._view.units.taken_back |= change.model_copy(update={"undoing_at": span[0], "undone_at": span[1]}).taken_back
            if change.action.reversible:
                undone.append(about)
        if undone:
            self._load_again(attempt)
        told = f"{why}; undone: {'; '.join(undone) or 'nothing'}"
        if stranded:
            return Settled(outcome=Outcome.STRANDED, detail=f"{why}; could not be undone: {'; '.join(stranded)}")
        if attempt.ready_by is None and not kept:  # a death cut it short, and it is as if it had never begun: it may begin again
            return Settled(outcome=Outcome.INTERRUPTED, detail=f"interrupted; {told}")
        return Settled(outcome=Outcome.ROLLED_BACK if undone else Outcome.NO_EFFECT, detail=told)

    def _load_again(self, attempt: Attempt) -> None:
        """What has loaded a file that is now put back serves with the other one: it is reloaded, where it can be.

        Never restarted: what is put back may not let it start, and a reload that is refused leaves it as it is.
        """
        if not any(change.action.kind == "restore_config" for change in attempt.changes):
            return
        loaded = {change.action.targets()[0]: change.id for change in attempt.changes if change.done_at and change.action.kind in _LOADS}
        for n, unit in enumerate(sorted(loaded), len(attempt.changes) + 1):
            action = parse({"kind": "reload_unit", "unit": unit})
            with suppress(Unavailable):
                if self._view.units.get(unit).can_reload:
                    self._do(attempt, n, action, loaded[unit])

    def _is_worse(self, case: Case, attempt: Attempt, seen: Look) -> bool:
        """A start hurts nothing of what stands on the unit: what falls there meanwhile falls for the root's absence."""
        if any(action.kind not in _STARTS for action in attempt.proposal.plan):
            return is_worse(seen, case)
        names = (service.name for service in self.config.service if service.target in case.scope.above)
        return is_worse(seen, case, {*case.scope.above, *names})

    def _bring_back(self, case: Case, attempt: Attempt, seen: Look) -> bool:
        """Start again what ran before and went down with the root: part of the root's repair, once each; whether there was any."""
        done = {target for change in attempt.changes for target in change.action.targets()} | {case.fault.target}
        fallen = dict.fromkeys(fault.target for fault in seen.standing if fault.target not in done and self._ran_before(fault.target))
        changes = sorted(attempt.changes, key=lambda change: (not any(map(is_unit, change.action.targets())), change.id))
        root = changes[0].id if changes else None  # the first on a unit: by that the hands see what hung on it
        for n, name in enumerate(fallen, len(attempt.changes) + 1):
            action = parse({"kind": "start_unit", "unit": name})
            with suppress(Unavailable):
                if self._view.units.get(name).down:
                    self._do(attempt, n, action, root)
        if fallen:  # what was started now has its own time to be ready in
            self._store.settle(attempt.id, ready_by=attempt.ready_by and self._view.now() + READY_SECONDS, clean_since=None)
        return bool(fallen)

    def _do(self, attempt: Attempt, n: int, action: Action, root: int | None = None) -> None:
        """If nothing stands against it now. Raises Unavailable."""
        data = action.model_dump(mode="json")
        prepared = heard(self._hands.prepare(data, root))
        if prepared["refusal"]:
            return
        change_id = self._store.begin_change(attempt.id, n, action, prepared["before"], prepared["last"])
        self._store.performed(change_id, self._hands.perform(change_id, data, root))

    def _ran_before(self, target: str) -> bool:
        return is_unit(target) and (target in self._view.baseline.active or self.config.service_of(target) is not None)


def patience_of(proposal: Proposal) -> float:
    """Seconds that its plan may need until what it did is ready."""
    return READY_SECONDS + sum(action.patience for action in proposal.plan)


def _is_soft(fault: Fault) -> bool:
    """Whether one look says little of it: its check wants several in a row."""
    check = all_checks().get(fault.check)
    return check is not None and check.confirm > 1


def _ended_again(case: Case, attempt: Attempt, seen: Look) -> bool:
    """What this very attempt started, and systemd calls failed since: it is not about to be ready."""
    target = case.fault.target
    started = (change.action for change in attempt.changes if change.done_at and change.action.kind in ("start_unit", "restart_unit"))
    return seen.has(f"unit_failed:{target}") and any(target in action.targets() for action in started)


def _told(seen: Look) -> str:
    return "; ".join([fault.message for fault in seen.standing] + [f"probe fails: {probe}" for probe in seen.failing])[:1000]
