from collections.abc import Iterator

from orchestrator.checks.clock_unsynchronised import TARGET
from orchestrator.config import Config
from orchestrator.host import View
from orchestrator.knowledge.evidence import observation
from orchestrator.model import Case, Evidence

_DAEMONS = (
    "chrony.service",
    "chronyd.service",
    "systemd-timesyncd.service",
    "ntp.service",
    "ntpd.service",
    "ntpsec.service",
    "openntpd.service",
)
_STEP_SECONDS = 5.0


@observation(early=True)
def clock(view: View, config: Config, case: Case) -> Iterator[Evidence]:
    """How the clock is kept, by whom, and whether it was set while this host was watched: told, and never mended."""
    del config
    if case.fault.target != TARGET and case.fault.check not in ("certificate", "probe_failing"):
        return
    state = "synchronised" if view.clock.synchronised() else "not synchronised"
    told = [f"the clock is {state}"]
    keepers = [line for line in view.units.named(_DAEMONS) if line.load_state == "loaded"]
    down = [f"{line.name} is {line.active_state}" for line in keepers if line.active_state != "active"]
    if keepers and len(down) == len(keepers):
        state += f", {'; '.join(down)}"
    facts = {"clock.state": state}
    if abs(step := view.clock.stepped()) > _STEP_SECONDS:
        facts["clock.stepped"] = f"by {step:.0f} s since this host is watched"
        facts["clock.state"] += f", and was set {facts['clock.stepped']}"
    told += [f"{line.name}: {line.active_state}" for line in keepers]
    yield Evidence(source="clock", text="\n".join((*told, *facts.values())), facts=facts)
