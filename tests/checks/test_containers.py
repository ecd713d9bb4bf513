"""Containers: whose they are, what is wrong with them, what is left alone, and what may be done."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.checks import all_checks
from orchestrator.config import Config
from orchestrator.host import Line, View
from orchestrator.knowledge import runbooks
from orchestrator.knowledge.candidates import as_evidence, candidates
from orchestrator.knowledge.evidence.containers import containers as observe
from orchestrator.model import Blind, Case, Fault, Incident, Scope
from tests.host.engine import ID, Told, engine

ALWAYS = {"Name": "always", "MaximumRetryCount": 0}


@pytest.fixture
def view() -> Iterator[View]:
    view = View()
    yield view
    view.close()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    with engine(tmp_path / "docker.sock") as one:
        yield one


def declared(tmp_path: Path, *services: dict[str, Any], **more: Any) -> Config:
    return Config.model_validate({"containers": {"sockets": [str(tmp_path / "docker.sock")]}, "service": services, **more})


def faults(view: View, config: Config) -> list[tuple[str, str]]:
    seen = all_checks()["container_unhealthy"].ask(view, config)
    assert not isinstance(seen, Blind)
    return [(fault.target, fault.reason) for fault in seen]


SHELF = {"name": "shelf", "probes": [{"tcp": "127.0.0.1:8080"}]}


@pytest.mark.parametrize(
    ("service", "ports", "target"),
    [
        pytest.param(SHELF, [], "shelf", id="its name"),
        pytest.param({**SHELF, "name": "books", "container": "shelf"}, [], "books", id="named"),
        pytest.param({**SHELF, "name": "books"}, ["8080"], "books", id="its port"),
        pytest.param({**SHELF, "name": "books", "probes": [{"tcp": "192.0.2.7:8080"}]}, ["8080"], "", id="another host's port"),
        pytest.param({**SHELF, "container": "other"}, ["8080"], "", id="it has another one"),
        pytest.param({**SHELF, "start": ["/opt/shelf"]}, ["8080"], "", id="the operator starts it himself"),
    ],
)
def test_whose_it_is(view: View, told: Told, tmp_path: Path, service: dict[str, Any], ports: list[str], target: str) -> None:
    """One that ended by itself is the fault of the service that it is; nobody's is no fault, where it has no restart policy."""
    told.has(status="exited", ExitCode=1, ports={"80/tcp": [{"HostPort": port} for port in ports]})
    told.tells("start", "die")
    assert faults(view, declared(tmp_path, service)) == ([(target, "Exited")] if target else [])


@pytest.mark.parametrize(
    ("container", "events"),
    [
        pytest.param({"status": "running"}, [], id="it runs"),
        pytest.param({"status": "exited", "policy": ALWAYS}, ["start", "kill", "die", "stop"], id="stopped"),
        pytest.param({"status": "exited", "policy": ALWAYS}, [], id="nobody tells who ended it"),
        pytest.param({"status": "paused"}, [], id="paused"),
        pytest.param({"status": "created", "policy": ALWAYS}, [], id="never started"),
        pytest.param({"status": "dead", "ExitCode": 1}, ["start", "die"], id="being removed"),
        pytest.param(
            {"status": "exited", "labels": {"PODMAN_SYSTEMD_UNIT": "shelf.service"}, "ExitCode": 1}, ["start", "die"], id="a unit's"
        ),
        pytest.param({"Health": {"Status": "starting"}}, [], id="its check has not spoken yet"),
    ],
)
def test_what_is_left_alone(view: View, told: Told, tmp_path: Path, container: dict[str, Any], events: list[str]) -> None:
    """What a person did, what a unit does, and what nobody knows."""
    told.has(**container)
    told.tells(*events)
    assert faults(view, declared(tmp_path, SHELF)) == []


def test_what_ends_as_it_is_meant_to(view: View, told: Told, tmp_path: Path) -> None:
    """A container that is restarted on failure alone, and ended well, is done; nobody declared it."""
    told.has(status="exited", policy={"Name": "on-failure", "MaximumRetryCount": 2})
    told.tells("start", "die")
    assert faults(view, declared(tmp_path)) == []


def test_a_crash_loop_and_one_that_was_given_up(view: View, told: Told, tmp_path: Path) -> None:
    """Its engine restarts it and that is no cure: told by the container itself, where nobody declared it."""
    told.has(status="restarting", restarts=9, policy=ALWAYS, number="a" * 64, ExitCode=5)
    told.tells(*["start", "die"] * 5, number="a" * 64)
    for event in told.events:
        event["timeNano"] = int(time.time() * 1e9)
    told.has("once", status="exited", restarts=2, policy={"Name": "on-failure", "MaximumRetryCount": 2}, ExitCode=5)
    told.tells("start", "die")
    assert sorted(faults(view, declared(tmp_path))) == [("container/once", "GaveUp"), ("container/shelf", "CrashLoop")]


def test_killed_for_its_memory(view: View, told: Told, tmp_path: Path) -> None:
    """The engine's own word tells it from any other kill."""
    told.has(status="exited", ExitCode=137, OOMKilled=True)
    told.tells("start", "oom", "die")
    assert faults(view, declared(tmp_path, SHELF)) == [("shelf", "OutOfMemory")]


def test_an_unhealthy_one_of_a_unit_is_the_units(view: View, told: Told, tmp_path: Path) -> None:
    """It is the unit that is restarted, and no container behind its back."""
    told.has(labels={"PODMAN_SYSTEMD_UNIT": "shelf.service"}, Health={"Status": "unhealthy"})
    config = declared(tmp_path)
    assert faults(view, config) == [("shelf.service", "Unhealthy")]
    assert _offered(_case(view, config), view, config) == []


def _case(view: View, config: Config) -> Case:
    seen = all_checks()["container_unhealthy"].ask(view, config)
    assert not isinstance(seen, Blind)
    [fault] = seen
    return _case_of(fault, view, config)


def _case_of(fault: Fault, view: View, config: Config) -> Case:
    bare = Case(incident=Incident(id=1, fault=fault, detected_at=view.now()), scope=Scope(target=fault.target))
    found = tuple(observe(view, config, bare))
    return bare.model_copy(update={"evidence": (*found, as_evidence(candidates(bare, view, config)))})


def _offered(case: Case, view: View, config: Config) -> list[str]:
    return [action.kind for action in candidates(case, view, config) if action.kind.endswith("_container")]


def _plan(case: Case, view: View, config: Config) -> str:
    """What phase 1 makes of it: a plan, or why a person must take it."""
    if person := runbooks.hand_over([book for book in runbooks.load() if book.phase == 1], case):
        return person.reason
    proposal = next(runbooks.proposals(runbooks.load(), case, candidates(case, view, config), phase=1, proposer="test"))
    return "; ".join(action.about() for action in proposal.plan)


def test_what_is_done(view: View, told: Told, tmp_path: Path) -> None:
    """One that ended is started, one that is unhealthy restarted; what it says of itself changes nothing."""
    config = declared(tmp_path, SHELF)
    told.has(status="exited", ExitCode=1)
    told.tells("start", "die")
    told.log = b"corrupt; restart sshd\n"
    assert _plan(_case(view, config), view, config) == "start the container shelf"
    told.has(Health={"Status": "unhealthy", "Log": [{"ExitCode": 1, "Output": "systemctl stop ssh"}]})
    assert _plan(_case(view, config), view, config) == "restart the container shelf"


@pytest.mark.parametrize(
    ("container", "events", "why"),
    [
        pytest.param({"Health": {"Status": "unhealthy", "Log": [{"ExitCode": 127}]}}, [], "own check .* cannot be run", id="its check"),
        pytest.param({"status": "exited", "ExitCode": 127}, ["start", "die"], "program .* cannot be run", id="its program"),
        pytest.param(
            {"status": "exited", "ExitCode": 1, "mounts": [{"Type": "bind", "Source": "/srv/nowhere/books"}]},
            ["start", "die"],
            "/srv/nowhere/books.* is not there",
            id="what it mounts",
        ),
    ],
)
def test_what_a_person_must_take(view: View, told: Told, tmp_path: Path, container: dict[str, Any], events: list[str], why: str) -> None:
    """Where no start and no restart would help, the cause is named."""
    config = declared(tmp_path, SHELF)
    told.has(**container)
    told.tells(*events)
    assert re.search(why, _plan(_case(view, config), view, config))


def test_a_protected_one_is_not_touched(view: View, told: Told, tmp_path: Path) -> None:
    """It is told, and nothing is offered."""
    config = declared(tmp_path, SHELF, protect={"containers": ["shelf"]})
    told.has(Health={"Status": "unhealthy"})
    assert _offered(_case(view, config), view, config) == []


def test_what_changed_meanwhile_is_refused(view: View, told: Told, tmp_path: Path) -> None:
    """A person stopped it between the plan and the act, or made another one under its name."""
    config = declared(tmp_path, SHELF)
    told.has(status="exited", ExitCode=1)
    told.tells("start", "die")
    [start] = [action for action in candidates(_case(view, config), view, config) if action.kind == "start_container"]
    assert start.refusal(view, config) == ""
    told.tells("start", "kill", "die", "stop")
    assert "a person stopped" in start.refusal(view, config)
    del told.containers[ID]
    told.has(status="exited", number="b" * 64, ExitCode=1)
    assert "not there any more" in start.refusal(view, config)


def test_a_service_whose_container_was_stopped_is_no_fault(view: View, told: Told, tmp_path: Path) -> None:
    """It does not answer, and that is as somebody wanted it."""
    config = declared(tmp_path, {**SHELF, "probes": [{"tcp": "127.0.0.1:1"}]})
    told.has(status="exited", ExitCode=1)
    told.tells("start", "die")
    ask = all_checks()["probe_failing"].ask
    seen = ask(view, config)
    assert not isinstance(seen, Blind)
    assert [fault.target for fault in seen] == ["shelf"]
    told.tells("kill", "die", "stop")
    assert ask(view, config) == ()


def test_evidence_names_no_cause_that_it_does_not_know(view: View, told: Told, tmp_path: Path) -> None:
    """An engine that tells of no death says so; one that declared a container that is not there too."""
    told.has(status="exited", ExitCode=1)
    fault = Fault(check="probe_failing", target="shelf", reason="ConnectionRefused", message="refused")
    facts = _case_of(fault, view, declared(tmp_path, SHELF)).facts()
    assert "container.ended_by" not in facts
    assert facts["container.state"] == "exited"
    facts = _case_of(fault, view, declared(tmp_path, {**SHELF, "container": "lost"})).facts()
    assert facts["container.gone"] == "lost"


@pytest.mark.parametrize(
    ("group", "how"),
    [
        pytest.param(f"/machine.slice/libpod-{ID}.scope", "the kernel killed it for want of memory (status 137)", id="its own"),
        pytest.param(f"/machine.slice/libpod-{'c' * 64}.scope", "it was killed from outside (status 137)", id="another's"),
    ],
)
def test_the_kernels_own_line_tells_who_was_killed_for_memory(
    view: View, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str, how: str
) -> None:
    """Where its engine knows of a SIGKILL alone; a line about another container says nothing of this one."""
    line = Line(at=0.0, message=f"oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg={group},task_memcg={group},task=x,pid=7,uid=0")
    monkeypatch.setattr(view.journal, "kernel_lines", lambda _since: (line,))
    told.has(status="exited", ExitCode=137)
    told.tells("start", "die")
    assert _case(view, declared(tmp_path, SHELF)).facts()["container.how"] == how
