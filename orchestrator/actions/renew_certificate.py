"""Runs the unit that the operator declared for renewing a certificate, now."""

import time
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from orchestrator.actions.units import OnUnit, against_start
from orchestrator.checks.certificate_standing import due
from orchestrator.config import Certificate, Config
from orchestrator.host import ChangeFailed, View
from orchestrator.model import AbsolutePath, Before, Case, Job, Risk

if TYPE_CHECKING:
    from orchestrator.host.machine import Machine

_RUN_SECONDS = 180.0
"""An issuer that has to look first takes a minute. A oneshot is waited for by systemd itself, with the unit's own time-out."""
_PAUSE_SECONDS = 0.2


class RenewCertificate(OnUnit):
    """Proved by the file: an exit status of 0 renews nothing. What an issuer has issued is issued: there is no undo."""

    kind: Literal["renew_certificate"] = "renew_certificate"
    risk: ClassVar[Risk] = Risk.LOW
    reversible: ClassVar[bool] = False
    file: AbsolutePath

    @classmethod
    def candidates(cls, case: Case, view: View, config: Config) -> tuple[Self, ...]:
        declared = (item for item in config.certificates_of(case.scope.target) if item.renew_unit and due(view, item))
        found = (cls(unit=item.renew_unit, file=item.file) for item in declared if item.renew_unit)
        return tuple(action for action in found if not action.refusal(view, config))

    def jobs(self) -> tuple[tuple[Job, str], ...]:
        return (("start", self.unit),)

    def about(self) -> str:
        return f"renew {self.file} by {self.unit}"

    def command(self) -> str:
        return f"systemctl start {self.unit}"

    def refusal(self, view: View, config: Config) -> str:
        declared = self._declared(config)
        if declared is None:
            return f"{self.unit} is not declared to renew {self.file}"
        if not due(view, declared):
            return f"{self.file} is not due"
        unit = view.units.get(self.unit)
        return f"{self.unit} is at work" if unit.running else against_start(view, config, unit)

    def remember(self, view: View) -> Before:
        return {"digest": _digest(view, self.file)}

    def do(self, machine: "Machine") -> str:
        view, before = machine.view, _digest(machine.view, self.file)
        machine.units.reset_failed(self.unit)
        after = machine.units.job("start", view.units.get(self.unit))
        deadline = time.monotonic() + _RUN_SECONDS
        while after.running and not after.remain_after_exit and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
            after = view.units.get(self.unit)
        if after.active_state == "failed" or after.result not in ("success", ""):
            raise ChangeFailed(f"{self.unit} failed: {after.dead_reason}")
        if _digest(view, self.file) == before:
            raise ChangeFailed(f"{self.unit} ended well, and {self.file} is the same as before")
        return f"{self.unit} renewed {self.file}"

    def verify(self, view: View) -> str:
        """Whether it stands well now is the check's question: a renewed one still has to be loaded."""
        return "" if view.certificates.on_disk(self.file) else f"{self.file} holds no certificate"

    def _declared(self, config: Config) -> Certificate | None:
        return next((item for item in config.certificate if (item.file, item.renew_unit) == (self.file, self.unit)), None)


def _digest(view: View, file: str) -> str:
    chain = view.certificates.on_disk(file)
    return chain[0].digest if chain else ""
