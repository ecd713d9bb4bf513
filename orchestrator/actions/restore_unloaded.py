"""Puts back a good copy of a file that was changed under a running service: some programs read a file whenever they are asked."""

from typing import ClassVar, Literal, Self

from orchestrator.actions.restore_config import JUST_BEFORE_SECONDS, RestoreConfig
from orchestrator.config import Config, Service
from orchestrator.host import FileState, GoodFile, View
from orchestrator.model import Case, Risk


class RestoreUnloaded(RestoreConfig):
    """Only where the users of a service have had no answer since that very change.

    Nothing is restarted with it: so it is this change alone that the probes judge, and it is undone if it was not the cause.
    """

    kind: Literal["restore_unloaded"] = "restore_unloaded"  # type: ignore[assignment]  # a kind of its own, so that plans can name it
    risk: ClassVar[Risk] = Risk.MEDIUM
    failing: str
    """The target whose probes have failed since."""

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        if case.fault.check != "probe_failing":
            return ()
        differing = (found.model_dump(exclude={"kind"}) for found in RestoreConfig.differing(case, view, config))
        offered = (cls.model_validate({**found, "failing": case.fault.target}) for found in differing)
        return tuple(action for action in offered if action.level is Risk.MEDIUM and not action.refusal(view, config))

    def unproved(self, view: View, config: Config, service: Service, state: FileState | None, good: GoodFile | None) -> str:
        del config, service  # its own test may pass: it is the users who tell
        answered = view.answered.get(self.failing, 0.0)
        if state is None or good is None or state.ctime <= good.loaded_at:
            return f"{self.path} was not changed while it was in use"
        if not 0 < answered < state.ctime or view.now() - state.ctime > JUST_BEFORE_SECONDS:
            return f"{self.failing} did not stop answering with the change of {self.path}"
        return ""
