"""The hands: the only caller of an action's `do` and `undo`.

What crosses this seam is plain data, both ways: a change's id and an action's fields in, what became of it out. Nothing above
may notice whether the hands live in this process or behind a socket, so the hands trust nothing that they are told: they
parse the action again, ask the policy's `permits` and the action's own `refusal` again, act once for each id, and keep a
record of their own, on disk before anything moves.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from orchestrator import __version__, actions
from orchestrator.actions.units import AT_WORK
from orchestrator.config import Config
from orchestrator.hands import reads
from orchestrator.hands.answers import DETAIL_CHARACTERS, answer, failed, guarded, refused
from orchestrator.hands.approvals import ApprovalRefused, Approvals, whole_hash
from orchestrator.hands.doors import UNKNOWN, Door, Doors
from orchestrator.hands.reach import belongs_to, reach
from orchestrator.hands.record import Entry, Op, Record, RecordFailed, performed_of
from orchestrator.hands.remembering import Remembering
from orchestrator.host import Unavailable, View
from orchestrator.host.machine import Machine, held
from orchestrator.model import Action, Before, Json, Verdict, digest
from orchestrator.permits import Asked, Reach, may_ever, permits, permits_undo

_JOB_SECONDS, _JOB_PAUSE_SECONDS = 3.0, 0.05
_TOLD_ENTRIES = 1000
_TOLD = {"id", "op", "at", "kind", "targets", "hash"}


class Hands:
    """Thread-safe: changes run side by side, each recorded first. No method raises."""

    def __init__(
        self, config: Config, record_file: Path, machine: Machine, view: View, make_room: Callable[[], bool] = lambda: False
    ) -> None:
        """`make_room` is asked when the disk has none for the record: whether there is some now."""
        self._config = config
        self._machine = machine
        self._view = view
        self._record = Record(record_file, make_room)
        self._approvals = Approvals(record_file.with_name("approvals"))
        self._doors = Doors(record_file.with_name("doors"))
        self._memory, self._remembering = threading.Lock(), Remembering(view)
        self._lock = threading.Lock()
        self._under_way: set[int] = set()
        """Changes that whoever asked for them may have died over, or lost sight of."""

    @property
    def away(self) -> str:
        """They are here."""
        return ""

    def reload(self, config: Config) -> None:
        self._config = config
        with self._memory:
            self._remembering.forget_marks()

    def prepare(self, action: Json, root: int | None = None) -> Json:
        """Whether it could be performed now, and what it would change: {"refusal", "before", "asks", "last"}. Nothing is touched.

        `asks`: a person's word is all that it wants. `last`: of the ids that were used; the next one is higher.
        With `unavailable`, as `verify` and `ask`, where the host does not tell.
        """
        return guarded(
            lambda: self._prepare(action, root), lambda said: {"refusal": said, "before": {}, "asks": False, "last": -1}, reading=True
        )

    def perform(self, change_id: int, action: Json, root: int | None = None) -> Json:
        """Carry out one action: {"ok", "detail", "refused"}. Refused means that nothing was touched.

        `root`: the change of the same repair that it follows, bringing back what went down with the root.
        """
        return guarded(lambda: self._perform(change_id, action, root), refused)

    def verify(self, action: Json) -> Json:
        """Whether it did what it is for, by its own proof: {"failed"}, empty when it did. Only of what was done here."""
        return guarded(lambda: {"failed": self._verify(action)[:DETAIL_CHARACTERS]}, lambda said: {"failed": said}, reading=True)

    def undo(self, change_id: int, action: Json, before: Json) -> Json:
        """Take back what `perform` did under this id. Where `before` differs from what the hands saw themselves, theirs counts.

        `span` tells when that began and was through: a stop that PID 1 wrote down meanwhile was nobody else's.
        """
        return guarded(lambda: self._undo(change_id, action, before), refused)

    def approve(self, plan: list[Json], until: float, by: int | None = None, door: str | None = None) -> Json:
        """A person's word that exactly these actions may be performed, each once, before `until`. `by`: the person's uid.

        `door`: by which he came, where it is the dashboard that says so.
        """
        return guarded(lambda: self._approve(plan, until, os.getuid() if by is None else by, door), refused)

    def vouch(self, door: Door, through: str | None) -> Json:
        """That a person comes through this door of the dashboard; `through`: by the one that he came through before."""
        return guarded(lambda: self._vouch(door, through), refused)

    def remember(self, service: str, answered: float = 0.0, *, changed: bool = True) -> Json:
        """Keep the files of this declared service as good, if it is well; of none, what names are found with.

        Gives {"detail"}, and `programs` where it is well. `answered`, `changed`: see Remembering. With `unavailable` as above.
        """
        return guarded(
            lambda: self._remember(service, min(answered, time.time()), changed=changed), lambda said: {"detail": said}, reading=True
        )

    def ask(self, question: str, about: Json) -> Json:
        """What only the hands may see: {"answer"} or {"unavailable"}."""
        try:
            return {"answer": reads.answer(question, about, self._view, self._config)}
        except Unavailable as error:
            return {"unavailable": str(error)[:DETAIL_CHARACTERS]}
        except Exception as error:  # noqa: BLE001  # as above
            return {"unavailable": f"{type(error).__name__}: {error}"[:DETAIL_CHARACTERS]}

    def account(self, since: int) -> Json:
        """What was done under this id and higher ones, for whoever keeps the same by himself: {"version", "head", "trouble", "changes"}."""
        with self._lock:
            entries, head, trouble = self._record.since(since)[-_TOLD_ENTRIES:], self._record.head, self._record.trouble
        told = [entry.model_dump(mode="json", include=_TOLD) for entry in entries]
        return {"version": __version__, "head": head, "trouble": trouble, "changes": told}

    def _prepare(self, data: Json, root: int | None) -> Json:
        action = actions.parse(data)
        verdict = permits(self._asked(action, root))
        refusal = _said(verdict) or self._refusal(action)
        before = {} if refusal else action.remember(self._view)
        with self._lock:
            last = self._record.highest
        return {"refusal": refusal[:DETAIL_CHARACTERS], "before": before, "asks": verdict.answer == "ask", "last": last}

    def _refusal(self, action: Action) -> str:
        """Why not now. A job of systemd's own, as in a crash loop, is over in a moment, and is waited for."""
        until = time.monotonic() + _JOB_SECONDS
        while AT_WORK in (refusal := action.refusal(self._view, self._config)) and time.monotonic() < until:
            time.sleep(_JOB_PAUSE_SECONDS)
        return refusal

    def _remember(self, name: str, answered: float, *, changed: bool) -> Json:
        with self._memory:
            if not name:
                self._remembering.name_files(answered)
                return {"detail": ""}
            service = next((item for item in self._config.service if item.name == name), None)
            if service is None:
                return {"detail": f"{name} is not declared"}
            programs = self._remembering.good_files(service, self._config.server, answered, changed=changed)
            return {"detail": ""} if programs is None else {"detail": "", "programs": programs}

    def _vouch(self, door: Door, through: str | None) -> Json:
        with self._lock:
            self._doors.vouch(door, time.time(), through)
        return answer("vouched for", ok=True)

    def _approve(self, plan: list[Json], until: float, by: int, door: str | None) -> Json:
        approved = [actions.parse(item) for item in plan]
        with self._lock:
            if door is not None and not self._doors.is_known(door, time.time()):
                raise ApprovalRefused(UNKNOWN)
            self._approvals.add(approved, until, by, time.time())
        return answer(f"approved: {'; '.join(action.about() for action in approved)}", ok=True)

    def _perform(self, change_id: int, data: Json, root: int | None) -> Json:
        action = actions.parse(data)
        with held(action.targets()):  # the directory that is judged is the one that is changed
            return self._carry_out(change_id, action, root)

    def _verify(self, data: Json) -> str:
        """A proof looks wherever the action's words say; those of what was performed were judged."""
        action = actions.parse(data)
        with self._lock:
            performed = self._record.holds(whole_hash(action))
        return action.verify(self._view) if performed else "it was never performed"

    def _carry_out(self, change_id: int, action: Action, root: int | None) -> Json:
        if refusal := self._record.against(change_id):
            return refused(refusal)
        asked = self._asked(action, root)
        if refusal := _said(permits(asked)) or self._refusal(action):
            return refused(refusal)
        entry = _entry(change_id, "perform", action, action.remember(self._view))
        with self._lock:  # between the last look at the record and the new line nobody else may write one
            refusal = self._record.against(change_id) or self._begun(asked, entry, root)
            if refusal:
                return refused(refusal)
            self._under_way.add(change_id)
        try:
            return guarded(lambda: answer(action.do(self._machine), ok=True), failed)
        finally:
            with self._lock:
                self._under_way.discard(change_id)

    def _begun(self, asked: Asked, entry: Entry, root: int | None) -> str:
        """Why it may not begin after all; else it is on disk, and the word that allowed it is used up before that."""
        now = time.time()
        approval = self._approvals.of(asked.action, now)
        follows = asked.follows and self._record.followed(root, entry.targets, now) is not None
        asked = replace(asked, recent=self._record.recent(now), now=now, approved=approval is not None, follows=follows)
        if refusal := _said(permits(asked)):
            return refusal
        if approval:
            self._approvals.take(approval, now)
        by = approval.by if approval else None
        self._record.append(entry.model_copy(update={"root": root if follows else None, "approved_by": by}))
        return ""

    def _undo(self, change_id: int, data: Json, before: Json) -> Json:
        """One that a death cut short is done again from its beginning: every undo leaves alone what is already as it was."""
        action = actions.parse(data)
        entry = _entry(change_id, "undo", action, before)
        asked = self._asked(action, undoing=True)
        with self._lock:
            performed = self._record.find(change_id, "perform")
            if performed is None:
                return self._never_performed(change_id)
            if said := self._needs_no_undo(performed, entry, asked):
                return said
            self._record.append(entry)
        undone = guarded(lambda: answer(action.undo(self._machine, performed.before), ok=True), failed)
        if undone["ok"]:
            through = entry.model_copy(update={"op": "undone", "at": time.time()})
            with self._lock, suppress(RecordFailed):  # then a second undo finds nothing to do
                self._record.append(through)
            self._took_back(action, undone, through)
        return undone

    def _took_back(self, action: Action, undone: Json, through: Entry) -> None:
        """A death may have cut the first one short: it counts from there."""
        began = self._record.find(through.id, "undo") or through
        undone["span"] = [began.at, through.at]
        self._view.units.taken_back |= {name: (began.at, through.at) for verb, name in action.jobs() if verb == "start"}

    def _never_performed(self, change_id: int) -> Json:
        if self._record.has_used(change_id):
            return refused(f"what change {change_id} did is not recorded any more")
        return answer("nothing to undo: it never began", ok=True)

    def _needs_no_undo(self, performed: Entry, undo: Entry, asked: Asked) -> Json | None:
        """What is answered instead of undoing it."""
        if undo.id in self._under_way:
            return {**refused(why := f"change {undo.id} is still under way"), "unavailable": why}
        if performed.hash != undo.hash or performed.whole not in ("", undo.whole):
            return refused(f"change {undo.id} was another action")
        if through := self._record.find(undo.id, "undone"):
            self._took_back(asked.action, told := answer("it was undone before", ok=True), through)
            return told
        refusal = _not_undoable(asked.action) or _said(permits_undo(asked, performed_of(performed, asked.now)))
        return refused(refusal) if refusal else None

    def _asked(self, action: Action, root: int | None = None, *, undoing: bool = False) -> Asked:
        """All that the hands know of it, by their own looks and their own memory."""
        now, config = time.time(), self._config
        known = may_ever(action, config).answer == "allow"  # else nothing of the host changes the answer
        with self._lock:
            approved, recent = self._approvals.of(action, now) is not None, self._record.recent(now)
            followed = self._record.followed(root, action.targets(), now) if known else None
        return Asked(
            action=action,
            config=config,
            recent=recent,
            now=now,
            reach=reach(action, self._view, config, undoing=undoing) if known else Reach(),
            approved=approved,
            follows=followed is not None and belongs_to(action, followed.kind, followed.targets, self._view, config),
        )


def _entry(change_id: int, op: Op, action: Action, before: Before) -> Entry:
    return Entry(
        id=change_id,
        op=op,
        at=time.time(),
        kind=action.kind,
        targets=action.targets(),
        hash=digest(action.model_dump()),
        whole=whole_hash(action),
        before=before,
    )


def _not_undoable(action: Action) -> str:
    return "" if action.reversible else f"{action.kind} cannot be undone"


def _said(verdict: Verdict) -> str:
    return "" if verdict.answer == "allow" else f"{verdict.rule}: {verdict.reason}"
