"""Signs of a stranger, on real processes and files; and what looks like one, and is none."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.host import Process, Unit, View
from orchestrator.knowledge.evidence import intrusion as module
from orchestrator.knowledge.evidence.intrusion import _logs_in, _preloaded, _privileges, _programs, _unknown
from orchestrator.model import Case, Fault, Incident, Scope

SLEEP = Path("/usr/bin/sleep").resolve()
pytestmark = pytest.mark.skipif(not Path("/usr/bin/dpkg-query").exists(), reason="there is no dpkg here")


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    opened = View(tmp_path / "state")
    yield opened
    opened.close()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """One that no package brought, where everybody may write."""
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o1777)
    return Path(shutil.copy(SLEEP, place / "program"))


def running(view: View, program: Path) -> Process:
    child = subprocess.Popen([program, "60"])
    try:
        found = view.processes.get(child.pid)
        assert found
        return found
    finally:
        child.kill()
        child.wait()


def remember(view: View, path: Path, digest: str = "") -> None:
    state = view.files.look(str(path))
    assert state
    view.known_good.put(str(path), b"", replace(state, kind="owned"), 1.0, digest=digest)


def unit_of(program: Path) -> Unit:
    return Unit(name="shop.service", programs=(str(program),), exec_start=((str(program), "60"),))


def case(detected_at: float) -> Case:
    fault = Fault(check="unit_failed", target="shop.service", reason="ExitCode", message="m")
    return Case(incident=Incident(id=1, fault=fault, detected_at=detected_at), scope=Scope(target="shop.service"))


def test_who_is_a_stranger(view: View, program: Path) -> None:
    """A program that no package and no service knows; not a package's, nor an older instance of the service's own."""
    stranger = running(view, program)
    assert "where everybody may write" in _unknown(view, stranger, ())
    assert _unknown(view, stranger, (str(program),)) == ""
    assert _unknown(view, running(view, SLEEP), ()) == ""


def test_a_changed_program_is_told_and_one_that_ran_well_is_not(view: View, program: Path) -> None:
    """By the digest that the service ran well with; one that answered since its start with that file was put there in good order."""
    assert "where everybody may write" in _programs(view, unit_of(program), [])[0][0]
    remember(view, program, view.files.digest(str(program)))
    assert _programs(view, unit_of(program), []) == ([], [])
    with program.open("ab") as file:
        file.write(b"more")
    assert _programs(view, unit_of(program), []) == ([], [str(program)])
    started = program.stat().st_ctime + 1
    view.answered["shop.service"] = started + 1
    assert _programs(view, Unit(name="shop.service", programs=(str(program),), main_started_at=started), []) == ([], [])


def test_new_rights_are_told(view: View, program: Path) -> None:
    """A set-user-ID bit that was not there while all was well; an old one is how it is."""
    program.chmod(0o755)
    remember(view, program)
    assert list(_privileges(view, unit_of(program), None, [])) == []
    program.chmod(0o4755)
    assert "got the mode 4755" in next(_privileges(view, unit_of(program), None, []))
    remember(view, program)
    assert list(_privileges(view, unit_of(program), None, [])) == []


def test_a_library_in_every_program_is_told_when_it_is_new_and_nobodys(
    view: View, tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of a package's, or one that was there for long, is somebody's decision."""
    preload = tmp_path / "ld.so.preload"
    monkeypatch.setattr(module, "_PRELOAD", str(preload))
    assert list(_preloaded(view, case(0.0))) == []
    preload.write_text(f"# kept\n{SLEEP}\n{program}\n")
    now = preload.stat().st_mtime
    assert next(_preloaded(view, case(now + 5))).endswith(f"load {program}, which no package brought")
    assert list(_preloaded(view, case(now + 86_400))) == []
    preload.write_text(f"{SLEEP}\n")
    assert list(_preloaded(view, case(now + 5))) == []


def test_only_what_a_person_logs_in_by_is_a_door() -> None:
    """A command that tries it, or a protected unit; a program with a start of its own is a service like others."""
    probe = {"command": ["/bin/true"]}
    config = Config.model_validate(
        {
            "service": [
                {"name": "logins", "probes": [probe]},
                {"name": "kiosk", "probes": [probe], "start": ["/bin/true"]},
                {"name": "ssh", "unit": "ssh.service"},
                {"name": "shop", "unit": "shop.service", "probes": [probe]},
            ]
        }
    )
    assert [service.name for service in config.service if _logs_in(service, config)] == ["logins", "ssh"]
