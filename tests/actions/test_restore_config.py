"""Bringing a good configuration back, where a service without a unit reads it; with units: tests/lab/test_actions.py."""

import os
import time
from pathlib import Path

import pytest

from orchestrator.actions.good_files import is_unit_file, tried_at
from orchestrator.actions.restore_config import RestoreConfig, ran_with_it
from orchestrator.config import Config
from orchestrator.host import ChangeFailed, Unit, View
from orchestrator.host.machine import Machine
from tests.actions.conftest import case_of, settings
from tests.host.nobody import NOBODY

GOOD, BAD = "nameserver 127.0.0.1\n", "nameserver 192.0.2.1\n"


@pytest.fixture
def resolv(tmp_path: Path, view: View) -> Path:
    """A file that was remembered as good, and was then changed."""
    path = tmp_path / "resolv.conf"
    path.write_text(GOOD)
    path.chmod(0o644)
    remember(path, view)
    path.write_text(BAD)
    path.chmod(0o600)
    return path


def remember(path: Path, view: View) -> None:
    state = view.files.look(str(path))
    assert state
    view.known_good.put(str(path), b"" if path.is_symlink() else path.read_bytes(), state, loaded_at=state.ctime)


def declared(path: Path, *test: str) -> Config:
    return settings(service=[{"name": "names", "config_files": [str(path)], "config_test": list(test)}])


def offered(path: Path, view: View, config: Config) -> tuple[RestoreConfig, ...]:
    return RestoreConfig.candidates(case_of("names", path), view, config)


def test_a_changed_file_is_restored_and_undone(resolv: Path, view: View, machine: Machine) -> None:
    """Content, owner and mode come back; undo puts the other version back byte for byte, and its mode."""
    (action,) = offered(resolv, view, declared(resolv))
    before = action.remember(view)
    action.do(machine)
    assert (action.verify(view), resolv.read_text(), resolv.stat().st_mode & 0o777) == ("", GOOD, 0o644)
    for _ in range(2):
        action.undo(machine, before)
        assert (resolv.read_text(), resolv.stat().st_mode & 0o777) == (BAD, 0o600)


def test_the_content_is_not_in_what_is_remembered(resolv: Path, view: View) -> None:
    """A configuration may hold a password; a database row must not."""
    (action,) = offered(resolv, view, declared(resolv))
    assert "192.0.2.1" not in str(action.remember(view)) + action.model_dump_json()


def test_a_missing_file_comes_back_and_goes_again(resolv: Path, view: View, machine: Machine) -> None:
    """Undo brings back the absence; a file that somebody changed since stays."""
    resolv.unlink()
    (action,) = offered(resolv, view, declared(resolv))
    before = action.remember(view)
    action.do(machine)
    assert resolv.read_text() == GOOD
    action.undo(machine, before)
    assert not resolv.exists()
    action.do(machine)
    resolv.write_text("by hand")
    with pytest.raises(ChangeFailed, match="it stays"):
        action.undo(machine, before)
    assert resolv.read_text() == "by hand"


def test_a_link_comes_back_as_a_link(tmp_path: Path, view: View, machine: Machine) -> None:
    """What was a link while all was well is one again, and undo brings the file back that stood in its place."""
    path = tmp_path / "site.conf"
    path.symlink_to("available/site.conf")
    remember(path, view)
    path.unlink()
    path.write_text(BAD)
    (action,) = offered(path, view, declared(path))
    before = action.remember(view)
    action.do(machine)
    assert path.readlink() == Path("available/site.conf")
    action.undo(machine, before)
    assert (path.is_symlink(), path.read_text()) == (False, BAD)


def test_a_file_that_passes_its_test_is_not_proved_bad(resolv: Path, view: View) -> None:
    """An administrator's change that the service's own test accepts is left alone; one that it refuses is not."""
    contains = ("/bin/grep", "-q")
    assert offered(resolv, view, declared(resolv, *contains, "192.0.2.1", str(resolv))) == ()
    assert len(offered(resolv, view, declared(resolv, *contains, "127.0.0.1", str(resolv)))) == 1


def test_a_test_that_cannot_be_run_proves_nothing(resolv: Path, view: View) -> None:
    """Our own trouble is not the configuration's fault (law 1)."""
    assert offered(resolv, view, declared(resolv, "/nonexistent/checker")) == ()


def test_a_file_changed_again_is_refused(resolv: Path, view: View, machine: Machine) -> None:
    """What was judged is what runs: an edit since then ends the plan, and nothing is written over."""
    (action,) = offered(resolv, view, declared(resolv))
    resolv.write_text("an edit under way")
    assert "changed since" in action.refusal(view, declared(resolv))
    with pytest.raises(ChangeFailed, match="changed meanwhile"):
        action.do(machine)
    assert resolv.read_text() == "an edit under way"


def test_only_declared_files_that_differ_are_offered(resolv: Path, view: View) -> None:
    """Not one outside the scope, not one that nobody remembered, not one that is as it was."""
    config = declared(resolv)
    assert RestoreConfig.candidates(case_of("names", "/elsewhere"), view, config) == ()
    (action,) = offered(resolv, view, config)
    assert "not declared" in action.model_copy(update={"path": "/etc/passwd"}).refusal(view, config)
    resolv.write_text(GOOD)
    assert offered(resolv, view, config) == ()


NOW = time.time()
HOUR = 3600


@pytest.mark.parametrize(
    ("changed", "unit", "innocent"),
    [
        (NOW - 60, Unit("a.service", active_state="active", active_enter_at=NOW - 9 * HOUR), "runs with what it loaded before"),
        (NOW - 60, Unit("a.service", active_state="failed", active_enter_at=NOW - 9 * HOUR, active_exit_at=NOW - 30), ""),
        (NOW - 60, Unit("a.service", active_state="active", active_enter_at=NOW - 30), ""),
        (NOW - 9 * HOUR, Unit("a.service", active_state="active", active_enter_at=NOW - 8 * HOUR), "ran with it for 8.0 hours"),
        (
            NOW - 9 * HOUR,
            Unit("a.service", active_state="failed", active_enter_at=NOW - 8 * HOUR, active_exit_at=NOW),
            "ran with it for 8.0",
        ),
        (NOW - 60, Unit("a.service", active_state="active", active_enter_at=NOW - 9 * HOUR, reloaded_at=NOW - 50), ""),
        (
            NOW - 60,
            Unit("a.service", active_state="active", active_enter_at=NOW - 9 * HOUR, reloaded_at=NOW - 50, exec_statuses={"ExecReload": 1}),
            "runs with what it loaded before",
        ),
    ],
    ids=["not loaded", "ended since", "started since", "long ago", "long ago, ended", "reloaded", "in vain reloaded"],
)
def test_a_change_is_suspect_only_if_it_was_loaded(changed: float, unit: Unit, innocent: str) -> None:
    """A service that runs well beside a broken file is told of, never touched; nor is a version blamed that it ran with for hours."""
    said = ran_with_it(unit, changed, NOW)
    assert said.startswith(f"a.service {innocent}") if innocent else said == ""


@pytest.mark.parametrize(
    ("path", "unit", "part"),
    [
        ("/etc/systemd/system/shop.service", "shop.service", True),
        ("/etc/systemd/system/shop@.service", "shop@1.service", True),
        ("/etc/systemd/system/shop.service.d/limits.conf", "shop.service", True),
        ("/etc/systemd/system/shop@.service.d/limits.conf", "shop@a-b.service", True),
        ("/etc/systemd/system/shop.service.d/limits.conf", "other.service", False),
        ("/etc/systemd/system/shop.service", "shop.socket", False),
        ("/etc/shop/shop.service", "shop.service", False),
        ("/etc/default/shop", "shop.service", False),
    ],
)
def test_a_units_own_files_are_known(path: str, unit: str, part: bool) -> None:  # noqa: FBT001  # a column of a table
    """Its file, its template's and the drop-ins of both: also when systemd has already forgotten them."""
    assert is_unit_file(path, unit) is part


def test_a_file_that_was_not_there_while_all_was_well_is_taken_out(resolv: Path, view: View, machine: Machine, tmp_path: Path) -> None:
    """A new part of the configuration goes, and is kept: undo brings it back byte for byte."""
    resolv.write_text(GOOD)
    new = tmp_path / "new.conf"
    new.write_text(BAD)
    config = settings(service=[{"name": "names", "config_files": [str(resolv), str(new)]}])
    (action,) = RestoreConfig.candidates(case_of("names", new), view, config)
    assert action.added
    before = action.remember(view)
    action.do(machine)
    assert (action.verify(view), new.exists()) == ("", False)
    for _ in range(2):
        action.undo(machine, before)
        assert new.read_text() == BAD


def test_where_nothing_was_remembered_nothing_is_new(view: View, tmp_path: Path) -> None:
    """A host that was never seen well tells of no file that it came since; nor one of which the copy was taken after it came."""
    first, second = tmp_path / "first.conf", tmp_path / "second.conf"
    first.write_text(GOOD)
    second.write_text(BAD)
    config = settings(service=[{"name": "names", "config_files": [str(first), str(second)]}])
    assert RestoreConfig.candidates(case_of("names", first, second), view, config) == ()
    state = view.files.look(str(first))
    assert state
    view.known_good.put(str(first), GOOD.encode(), state, loaded_at=time.time() + 1)
    assert RestoreConfig.candidates(case_of("names", first, second), view, config) == ()


@pytest.mark.parametrize(
    ("unit", "tried"),
    [
        (Unit(name="a.service", active_state="active", main_started_at=5.0, inactive_enter_at=3.0), 5.0),
        (Unit(name="a.service", active_state="active", main_started_at=5.0, reloaded_at=8.0), 8.0),
        (Unit(name="a.service", active_state="active", main_started_at=5.0, reloaded_at=8.0, exec_statuses={"ExecReload": 1}), 5.0),
        (Unit(name="a.service", active_state="failed", main_started_at=5.0, inactive_enter_at=9.0, exec_statuses={"ExecStart": 134}), 5.0),
        (Unit(name="a.service", active_state="failed", main_started_at=5.0, inactive_enter_at=9.0, exec_statuses={"ExecStartPre": 1}), 9.0),
        (Unit(name="a.service", active_state="failed", main_started_at=5.0, inactive_enter_at=9.0, result="resources"), 9.0),
        (Unit(name="a.service", active_state="failed", type="forking", main_started_at=5.0, inactive_enter_at=9.0,
              exec_statuses={"ExecStart": 1}), 9.0),
    ],
)  # fmt: skip
def test_a_start_that_failed_has_read_its_configuration(unit: Unit, tried: float) -> None:
    """A crash hours after the start has not read what was changed meanwhile; a refused start has."""
    assert tried_at(unit) == tried


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
@pytest.mark.parametrize("owner", [0, NOBODY])
def test_a_link_of_a_services_user_declares_no_file_of_another(resolv: Path, view: View, tmp_path: Path, owner: int) -> None:
    """A file that somebody else's link leads to is none of the service's configuration: it is not taken out, nor put back."""
    resolv.unlink()
    foreign = tmp_path / "foreign"
    foreign.write_text(BAD)
    resolv.symlink_to("foreign")
    os.chown(resolv, owner, owner, follow_symlinks=False)
    config = settings(service=[{"name": "names", "config_files": [str(resolv)], "config_test": ["/bin/false"]}])
    offers = {action.path: action for action in RestoreConfig.candidates(case_of("names", resolv, foreign), view, config)}
    assert (str(foreign) in offers) == (owner == 0)
    added = RestoreConfig(service="names", path=str(foreign), good_digest="", bad_digest=view.known_good.digest(str(foreign)), added=True)
    assert ("not declared" in added.refusal(view, config)) == (owner != 0)
