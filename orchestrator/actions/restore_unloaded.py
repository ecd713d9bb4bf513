"""Puts back a good copy of a file that was changed under a running service: some programs read a file whenever they are asked."""

from typing import ClassVar, Literal, Self

from orchestrator.actions.restore_config import JUST_BEFORE_SECONDS, RestoreConfig
from orchestrator.checks.probe_failing import ask
from orchestrator.checks.unit_inactive import declared_dependencies
from orchestrator.config import Config, Service
from orchestrator.host import FileState, GoodFile, View
from orchestrator.model import Case, Risk, Told


class RestoreUnloaded(RestoreConfig):
    """Only where the users of a service have had no answer since that very change.

    Nothing is restarted with it: so it is this change alone that the probes judge, and it is undone if it was not the cause.
    """

    kind: Literal["restore_unloaded"] = "restore_unloaded"  # type: ignore[assignment]  # a kind of its own, so that plans can name it
    risk: ClassVar[Risk] = Risk.MEDIUM
    failing: Told
    """The target whose probes have failed since."""

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        if case.fault.check != "probe_failing":
            return ()
        differing = (found.model_dump(exclude={"kind"}) for found in RestoreConfig.differing(case, view, config))
        offered = (cls.model_validate({**found, "failing": case.fault.target}) for found in differing)
        return tuple(action for action in offered if action.level is Risk.MEDIUM and not action.refusal(view, config))

    def unproved(self, view: View, config: Config, service: Service, state: FileState | None, good: GoodFile | None) -> str:
        if state is None or good is None or state.ctime <= good.loaded_at:  # its own test may pass: it is the users who tell
            return f"{self.path} was not changed while it was in use"
        if not self._fell_silent(view, config, service, state.ctime) or view.now() - state.ctime > JUST_BEFORE_SECONDS:
            return f"{self.failing} did not stop answering with the change of {self.path}"
        return ""

    def _fell_silent(self, view: View, config: Config, service: Service, at: float) -> bool:
        """The hands as a program of their own never saw its answers: they ask now, and whether it needs that service at all."""
        failing = config.service_of(self.failing)
        if self.failing in view.answered or failing is None or view.probes_outside is None:
            return 0 < view.answered.get(self.failing, 0.0) < at
        declared = declared_dependencies(config)
        below = view.units.below(failing.target, declared) if failing.unit else declared.get(failing.target, ())
        return service.target in (failing.target, *below) and any(not result.ok and not result.blind for result in ask(view, failing))
