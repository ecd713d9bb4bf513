"""The loop: what checks saw goes into the store, what is due goes to the lanes, and systemd hears that the loop lives."""

import logging
import math
import os
import signal
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from sdnotify import SystemdNotifier

from orchestrator import __version__
from orchestrator.checks import checks_for
from orchestrator.checks.looks import Looks
from orchestrator.checks.recurring import LOOKS_BACK_SECONDS
from orchestrator.config import Config, ConfigError, default_file, load
from orchestrator.daemon.keeping import Keeping
from orchestrator.daemon.lanes import Lanes
from orchestrator.daemon.observing import Observing
from orchestrator.daemon.opening import opened
from orchestrator.daemon.timetable import Timetable
from orchestrator.daemon.while_well import WhileWell
from orchestrator.daemon.wiring import Wiring, watching_only
from orchestrator.engine import PROVING, Engine, Thinker
from orchestrator.engine.clicks import Clicks
from orchestrator.host import Baseline, Signals, Unavailable
from orchestrator.knowledge import experts, runbooks
from orchestrator.knowledge.experts import ExpertError
from orchestrator.knowledge.memory import recaller
from orchestrator.knowledge.runbooks import RunbookError
from orchestrator.model import Status
from orchestrator.store import Reader, Spending, Stale, StoreFailed, StoreUnusable
from orchestrator.store.copies import copies
from orchestrator.store.recovering import suspect
from phases.consultation import Consultation
from phases.models import Gate, Models
from phases.quick_fix import QuickFix
from phases.research import Research
from phases.tracing import Tracer

log = logging.getLogger(__name__)

_IDLE_SECONDS = 2.0
"""The longest sleep of the loop: an operator's click waits no longer."""
_TICK_NOTED_SECONDS = 10.0
_STOP_SECONDS = 4.0
_ONCE_SECONDS = 900.0
_BOOT_SECONDS = 900.0
"""A boot that systemd still calls one after so long is none any more."""
_LOST = "its incident is lost with a damaged file; what still stands is seen anew"


class Daemon:
    """Everything wired together."""

    def __init__(self, config: Config, config_file: Path | None, *, dry_run: bool = False) -> None:
        """Raises StoreUnusable, Unavailable, RunbookError, ExpertError."""
        state_dir = Path(config.daemon.state_dir)
        self._narrowed = watching_only if dry_run else (lambda config: config)
        self.config = config = self._narrowed(config)
        self._config_file = config_file
        self._notify = SystemdNotifier()
        self._wake = threading.Event()
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._reload = threading.Event()
        self.store, self.desk = opened(config)
        self._keeping = Keeping(self.store, self.desk, state_dir)
        self._wiring = Wiring(config, self.store.ledger.reserve.free, dry_run=dry_run)
        self.view = self._wiring.view
        self.purse, self._gate = Spending(self.store.ledger, config.agents), Gate(config.agents.calls)
        self.tracer = Tracer(config.agents.traces, socket.gethostname(), self.store.status)
        self.engine = Engine(config, self.view, self.store, self.desk, self._wiring.hands, self._phases(config))
        checks = checks_for(config)
        self.looks = Looks(self.view, config, checks, self._wake.set)
        self._observing = Observing(self.view, self.store, self.desk, self.looks, self.engine.endings.relapsed)
        self._clicks = Clicks(self.store, self.desk, config, self._wiring.local)
        self._lanes = Lanes(config.daemon.workers, self._wake.set, _calls(config))
        self._timetable = Timetable(checks, self.looks.ask, self._ask_sweep, self._deliver, self._look_again, self._keeping.copy)
        self._while_well = WhileWell(self.view, self.store, self._wiring.hands, self._timetable.take_turn, self._wake.set)
        self._signals: Signals | None = None
        self._trouble = ""
        self._noted_at = -math.inf
        self._clock_was_set = True
        """Since it was noted down what is due, for all that a new daemon knows."""
        self._tidy_due = threading.Event()
        self._remember_due = threading.Event()
        self._asked_to_remember = math.inf
        """When that was due first, in seconds since the epoch."""

    def _phases(self, config: Config) -> Mapping[int, Thinker]:
        """With what is written down now, the operator's own included. Raises RunbookError, ExpertError."""
        etc = (self._config_file or default_file()).parent
        books, roster = runbooks.load(etc / "runbooks.d"), experts.load(etc / "experts.d")
        self.tracer.url = config.agents.traces
        models = Models(config.agents, self.tracer.purse(self.purse), gate=self._gate)
        recall = recaller(self.store.memories, self.store.note_uses)
        past = Reader(Path(config.daemon.state_dir)).similar
        embedded, anomalies = config.agents.embedded, self.store.anomalies
        research = Research(books, models, config, keep=self.store.add_evidence, anomalies=anomalies, past=past, recall=recall)
        consultation = Consultation(roster, models, books, embedded=embedded, anomalies=anomalies, recall=recall)
        return self.tracer.around({1: QuickFix(books, self.store.patterns, embedded=embedded), 2: research, 3: consultation})

    # ---- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take up what the last run left, begin to listen, and look at everything once."""
        log.info(
            "Multi-Agent System Enabled: version %s, mode %s, state in %s",
            __version__,
            self.config.daemon.mode,
            self.config.daemon.state_dir,
        )
        self._keeping.configured(self.config, self._config_file, "start")
        self._keeping.turn()
        if (known := self.store.baseline()) is not None:
            self.view.baseline = Baseline.from_json(known)
        self._take_up()
        for change in self.store.undone():
            self.view.units.taken_back |= change.taken_back
        try:
            self.view.units.system_state()
            self._signals = Signals(self.view.units, self._on_change)
            self._signals.start()
            self.engine.booting = True
        except Unavailable as reason:
            log.warning("%s; only what needs no systemd is watched", reason)
        self._timetable.start(self.config.daemon.poll_seconds)
        self.looks.ask_all()
        self._remember_due.set()

    def _take_up(self) -> None:
        """What a death left between the two files: the escalation was written first, so the rows follow it."""
        mend = self.desk.reconcile(self.store.known_to_person())
        for escalation in mend.untold:
            try:
                move = self.store.ask if escalation.kind == "approval" else self.store.escalated
                move(escalation.task_id, reason=escalation.reason)
            except Stale:  # its fault had gone, and the death came before the desk was told; or its row went with a damaged file
                gone = self.store.status(escalation.task_id) is None
                self.desk.went_away(escalation.task_id, _LOST if gone else "it went away by itself")
        for number in mend.missing:
            if case := self.store.case(number):
                self.engine.endings.escalate(case, "it was with a person, and its escalation is lost", watched=False)
        if lost := self.purse.settle_dead():
            log.warning("%d calls of a model were cut short; what they might cost at most counts as spent", lost)
        for number in self.desk.handed_over():
            if (case := self.store.case(number)) is None or case.incident.status in (Status.CLEARED, Status.DISMISSED, Status.MERGED):
                self.desk.went_away(number, "it went away by itself")
            elif case.incident.status is Status.FIXED:
                self.desk.went_away(number, "healed", healed_in=case.incident.phase)
        for case in self.store.unended():
            log.info("incident %d was interrupted in phase %d; looking first", case.incident.id, case.incident.phase)

    def _on_change(self, names: frozenset[str]) -> None:
        self._while_well.note_changed(names)
        self._changed.set()  # it only wakes: every check derives what is wrong from the host itself
        self._wake.set()

    def run(self) -> None:
        """Until a signal says stop."""
        self._say("READY=1")
        while not self._stop.is_set():
            self._wake.wait(self._pause())
            self._wake.clear()
            if self._reload.is_set():
                self._reload.clear()
                self._read_again()
            self.tick()
            self._say("WATCHDOG=1")

    def run_once(self) -> None:
        """One full cycle: every case ended or waiting, the outbox tried."""
        deadline = time.monotonic() + _ONCE_SECONDS
        while time.monotonic() < deadline and not self._stop.is_set():
            self._wake.wait(self._pause())
            self._wake.clear()
            self.tick()
            if self.looks.idle and not self._lanes.busy and not self._while_well.busy and not self._unfinished():
                break
        self._deliver(at_once=True)  # nobody will be here when the wait is over

    def _unfinished(self) -> bool:
        """Whether a case will move without an event or a person: one that is being proved, or due."""
        now = self.view.now()
        return any(
            not turn.waiting_for or turn.waiting_for.startswith(PROVING) or turn.settling for turn in self.store.turns(now + _ONCE_SECONDS)
        )

    def _pause(self) -> float:
        """Until something is due; an event ends it at once."""
        waits = [_IDLE_SECONDS]
        if (retry := self.looks.next_retry()) is not None:
            waits.append(retry)
        try:
            if not self._trouble and (due := self.engine.next_due()) is not None:
                waits.append(max(0.02, due - self.view.now()))
        except StoreFailed:
            pass  # told by the tick
        return min(waits)

    def close(self) -> None:
        """Within seconds, whatever is under way: a step that does not end now is taken up from its row at the next start."""
        self._say("STOPPING=1")
        self._timetable.stop()
        if self._signals:
            self._signals.close()
        self.looks.close()
        self._while_well.close()
        self._lanes.close(_STOP_SECONDS)
        self.tracer.close()
        self._wiring.close()
        self._keeping.close()
        self.desk.close()
        self.store.shut()

    # ---- one tick ----------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Look, decide, hand out. Our own trouble with the state is told, and nothing on the host is changed while it lasts."""
        self._mind_the_clock()
        self._mind_the_state()
        if self._changed.is_set():
            self._changed.clear()
            self.looks.ask_for_change()
        try:
            self._observing.take(self.config)
            if self._trouble:
                self._note_tick()  # only a write that goes through ends the trouble, and before that nothing is handed out
            if self._clock_was_set:
                self.store.wake()
                self._clock_was_set = False
            self._clicks.take()
            self._hear()
            self._hand_out()
            if self._tidy_due.is_set():
                self._tidy_due.clear()
                self._keeping.turn()
                self.store.tidy(self.view.now())
                self.purse.settle_dead()
                self.view.heals = self.store.heals(self.view.now() - LOOKS_BACK_SECONDS)
                self.desk.tidy(self.view.now())
                self.desk.expire(self.view.now())
            if self._remember_due.is_set():
                self._remember()
            self._note_tick()
        except StoreFailed as trouble:
            self._in_trouble(str(trouble))
        else:
            self._in_trouble("")

    def _remember(self) -> None:
        """Once every check has looked: on a host where something always changes there is no moment when none of them does."""
        self._asked_to_remember = min(self._asked_to_remember, self.view.now())
        if self.looks.have_looked_since(self._asked_to_remember) and not self.engine.booting and not self._while_well.busy:
            self._remember_due.clear()
            self._asked_to_remember = math.inf
            self._while_well.begin(self.config)

    def _hear(self) -> None:
        """What other watchers said since the last turn is looked at at once."""
        if (said := self.store.alerts(self.view.now())) != self.view.alerts:
            self.view.alerts = said
            self.looks.ask("alert")

    def _hand_out(self) -> None:
        if self.engine.booting:
            self.engine.booting = self._is_booting()
        for case in self.engine.claim_due(self.view.now(), self._lanes.has_room):
            self._lanes.submit(self.engine.step, case)

    def _is_booting(self) -> bool:
        """The grace after systemd's own finish time; it ends early when no job is queued and all probes pass."""
        try:
            booted_at = self.view.units.booted_at()
            if booted_at and not 0 <= self.view.now() - booted_at <= self.config.daemon.boot_grace_seconds:
                return False  # a boot that lies ahead is one of before the clock was set back
            if not booted_at and self.view.units.seconds_since_start() > _BOOT_SECONDS:
                return False  # a oneshot that hangs, and has no time-out by default, keeps systemd at its boot for ever
            quiet = bool(booted_at) and not self.view.units.jobs() and self.looks.idle
        except Unavailable:
            return False
        # A unit that nobody declared may be broken since ever: it must not hold up the healing of what users care about.
        return not quiet or any(self.config.service_of(turn.target) for turn in self.store.turns(float("inf")))

    def _note_tick(self) -> None:
        if not self._trouble and time.monotonic() - self._noted_at < _TICK_NOTED_SECONDS:
            return
        self._noted_at = time.monotonic()
        wrong = len(self.store.turns(float("inf"))) + len(self.store.with_person())
        self._observing.note(all_well=not wrong)
        state = f"{len(self.looks.names)} checks, {self._observing.blind} blind, {wrong} incident(s) under way"
        self.store.remember_tick(
            self.view.now(),
            {
                "pid": os.getpid(),
                "version": __version__,
                "mode": str(self.config.daemon.mode),
                "state": state,
                "events": bool(self._signals and self._signals.alive),
                "hands_away": self._wiring.hands.away,
            },
            self._observing.clean,
        )
        self._say(f"STATUS={state}")

    # ---- the sweep and other jobs --------------------------------------------------------------------------------------

    def _ask_sweep(self) -> None:
        self._tidy_due.set()
        self._remember_due.set()
        self._wake.set()

    def _deliver(self, *, at_once: bool = False) -> None:
        self._tell_spent()
        delivered = self.desk.deliver(self.view.now(), at_once=at_once)
        if delivered.sent or delivered.failed:
            log.info("mail: %d sent, %d failed, %d waiting", delivered.sent, delivered.failed, delivered.waiting)

    def _tell_spent(self) -> None:
        try:
            today = self.purse.spent_today()
        except StoreFailed:
            return  # told by the tick
        if today and self.desk.tell_spent(today, self.view.now()):
            log.warning("the embedded engine goes on alone until midnight UTC: %s", today["reason"])

    def _look_again(self) -> None:
        """What a person has, and whose evidence changed: beside the loop, since it may ask a service's own test.

        And, for the same reason, whether the tests and probes of well-known servers pass here.
        """
        try:
            self.engine.look_again()
        except StoreFailed as trouble:
            log.warning("what a person has was not looked at again: %s", trouble)
        try:
            for service in self.config.service:
                for proven in self.view.servers.prove(service):
                    log.info("counts from now on, since it has passed: %s", proven)
        except Unavailable as reason:
            log.info("no test or probe of a well-known server was tried: %s", reason)
        self._wiring.compare_once(Reader(Path(self.config.daemon.state_dir)), self.view.now())
        self._wake.set()

    def _mind_the_clock(self) -> None:
        if self._timetable.clock_jumped():
            self._timetable.start(self.config.daemon.poll_seconds)
            self.looks.ask_all()
            self._clock_was_set = True

    def _mind_the_state(self) -> None:
        """Where the path of a database leads elsewhere by now, nobody would find what is written: begin anew, with what is there.

        So where one is damaged and there is a copy: the next start puts it in its place.
        """
        for ledger in (self.store.ledger, self.desk.ledger):
            if ledger.is_lost:
                raise StoreUnusable(f"{ledger.path} was moved away, or mounted over: to be started again with what is there now")
            if ledger.is_damaged and copies(ledger.path.parent):
                suspect(ledger.path)
                raise StoreUnusable(f"{ledger.path} is damaged: to be started again, which puts a copy in its place")

    # ---- systemd and operators -------------------------------------------------------------------------------------------

    def on_signal(self, number: int, _frame: object) -> None:
        if number == signal.SIGHUP:
            self._reload.set()
        else:
            self._stop.set()
        self._wake.set()

    def _read_again(self) -> None:
        """SIGHUP: the new configuration, runbooks and experts, or all the old ones if one of the new is bad."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            config = self._narrowed(load(self._config_file))
            phases = self._phases(config)
        except (ConfigError, RunbookError, ExpertError) as error:
            log.error("configuration not reloaded, the old one stays: %s", error)  # noqa: TRY400  # an operator's mistake, not ours
            self._say(f"READY=1\nSTATUS=configuration not reloaded: {str(error).splitlines()[0]}")
            return
        self.config = self.looks.config = config
        self.purse.agents = config.agents
        self.engine.reload(config, phases)
        self._gate.set_width(config.agents.calls)
        self._lanes.set_calls(_calls(config))
        self._clicks.reload(config)
        self._wiring.reload(config)
        self.desk.configure(config)
        self._while_well.reload()
        self.view.logs.keep((rule.log, rule.pattern) for rule in config.log)
        self._timetable.start(config.daemon.poll_seconds)
        self.looks.ask_all()
        self._keeping.configured(config, self._config_file, "reload")
        log.info("configuration reloaded")
        self._say("READY=1\nSTATUS=configuration reloaded")

    def _in_trouble(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.error("the state cannot be written; checking goes on, and nothing is changed: %s", trouble)
            self._say(f"STATUS=the state cannot be written, nothing is changed: {trouble}")
        elif self._trouble and not trouble:
            log.info("the state can be written again")
            self._observing.written_again()
            self.looks.ask_all()  # what they saw meanwhile was not kept
        self._trouble = trouble

    def _say(self, words: str) -> None:
        self._notify.notify(words)


def _calls(config: Config) -> int:
    """Of a model, at once; none where there is no model."""
    return config.agents.calls if config.agents.models else 0
