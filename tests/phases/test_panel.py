"""Who is asked."""

from collections.abc import Mapping

import pytest

from orchestrator.knowledge.evidence import all_observations
from orchestrator.knowledge.experts import Expert, load
from orchestrator.model import Case, Evidence, Fault, Incident, Scope
from phases.panel import another, panel

SOURCES = tuple(observation.name for observation in all_observations())


def _case(facts: Mapping[str, Mapping[str, str]], check: str = "unit_failed", reason: str = "ExitCode", **fault: str) -> Case:
    """A case with an observation of every source, and these facts."""
    target = fault.pop("target", "shop.service")
    seen = tuple(Evidence(id=n, source=source, text="", facts=dict(facts.get(source, {}))) for n, source in enumerate(SOURCES, 1))
    said = Fault(check=check, target=target, reason=reason, message="m", facts=fault)
    return Case(incident=Incident(id=1, fault=said, detected_at=0.0), scope=Scope(target=target), evidence=seen)


def _asked(case: Case) -> tuple[Expert, ...]:
    return panel(load(), case, lambda expert: expert.fit(case))


FAULTS = {
    "no room": (_case({"resources": {"disk.full": "/"}}, "disk_full", "NoSpace", target="/"), "storage"),
    "a crash loop": (_case({"unit_state": {"unit.exit": "error"}}, "unit_crash_loop", "CrashLoop"), "systemd"),
    "killed for memory": (_case({"memory": {"memory.oom": "own"}}, "service_down", "OutOfMemory"), "memory"),
    "a bad gateway": (_case({}, "probe_failing", "WrongStatus", status="502"), "web-server"),
    "a name that is not found": (_case({"names": {"names.cause": "x"}}, "names_fail", "NameUnknown"), "dns"),
    "an old certificate": (_case({"certificates": {"certificate.trouble": "Expired"}}, "certificate", "Expired"), "tls"),
    "a port that another holds": (_case({"listeners": {"port.foreign": "80"}}, "service_down", "ConnectionRefused"), "network"),
    "a database that is down": (_case({"unit_state": {"unit.server": "postgresql"}}, "service_down", "X1"), "database"),
    "a job that hangs": (_case({"job": {"job.unit": "x"}}, "job_stuck", "RunDoesNotEnd"), "cron-and-timers"),
    "a container": (_case({"containers": {"container.name": "x"}}, "container_unhealthy", "Unhealthy"), "containers"),
    "a clock that jumped": (_case({"clock": {"clock.stepped": "by 9 s"}}, "clock_unsynchronised", "ClockUnsynchronised"), "time"),
    "a mount that is gone": (_case({}, "mount_wrong", "MountGone", target="srv-data.mount"), "filesystem"),
    "a stranger": (_case({"intrusion": {"danger.intrusion": "x"}}, "strange_program", "StrangeProgram"), "security"),
    "open files used up": (_case({"limits": {"limits.files_full": "x"}}, "limits_met", "FilesFull"), "capacity"),
    "a mode that changed": (_case({"configuration": {"config.owner_mode": "/x"}}, "service_down", "X1"), "identity-and-permissions"),
    "a half-done package": (_case({"package": {"package.half_done": "x"}}, "service_down", "X1"), "packages"),
    "a starved service": (_case({"resources": {"cpu.busy": "yes"}}, "probe_failing", "Starved"), "cpu"),
    "mail": (_case({}, "service_down", "X1", target="postfix@-.service"), "mail"),
    "a queue": (_case({}, "service_down", "X1", target="rabbitmq-server.service"), "queue"),
    "a cache": (_case({"answers": {"answer.memory_full": "x"}}, "probe_failing", "CommandFailed"), "cache"),
    "a changed configuration": (_case({"configuration": {"config.test": "fails"}}, "service_down", "X1"), "configuration"),
    "a dying disk": (_case({"kernel_says": {"danger.device": "x"}}, "kernel_messages", "X1", target="/"), "kernel"),
}


@pytest.mark.parametrize(("case", "leader"), FAULTS.values(), ids=FAULTS)
def test_the_one_whose_field_it_is_leads(case: Case, leader: str) -> None:
    """Kinds of faults, and who is asked first; two others are asked beside him, and at most one of support."""
    asked = _asked(case)
    assert asked[0].name == leader
    assert len({expert.name for expert in asked}) == 3
    assert sum(expert.role == "support" for expert in asked) <= 1
    assert not any(expert.vetoes for expert in asked)


@pytest.mark.parametrize("case", [case for case, _ in FAULTS.values()], ids=FAULTS)
def test_three_who_are_asked_differ(case: Case) -> None:
    """Each reads at least half of what he reads alone: three who read the same are one vote."""
    read = {expert.name: {item.source for item in expert.evidence(case)} for expert in _asked(case)}
    for name, own in read.items():
        others = set().union(*(sources for other, sources in read.items() if other != name))
        assert len(own - others) >= len(own) / 2, f"{name} among {list(read)}"


def test_different_faults_have_different_panels() -> None:
    """The roster is no ornament: a score of faults, and most of the specialists are asked for some of them."""
    panels = {name: frozenset(expert.name for expert in _asked(case)) for name, (case, _) in FAULTS.items()}
    assert len(set(panels.values())) > len(panels) / 2
    assert len(frozenset.union(*panels.values())) >= 22


def test_who_has_nothing_to_read_is_not_asked() -> None:
    """However much the fault is his."""
    case = _case({}, "names_fail", "NameUnknown").model_copy(update={"evidence": (Evidence(id=1, source="unit_state", text=""),)})
    assert all(expert.evidence(case) for expert in _asked(case))


def test_a_replacement_is_somebody_else() -> None:
    """The best one who was not asked yet; nobody where there is none."""
    case = FAULTS["no room"][0]
    asked = _asked(case)
    instead = another(load(), case, lambda expert: expert.fit(case), asked)
    assert instead is not None
    assert instead not in asked
    assert another(asked, case, lambda expert: expert.fit(case), asked) is None
