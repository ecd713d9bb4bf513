"""Which hands the daemon has."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.actions import parse
from orchestrator.config import Config
from orchestrator.daemon.loop import Daemon
from orchestrator.daemon.wiring import Wiring
from orchestrator.hands.client import RemoteHands
from orchestrator.host import Unavailable
from orchestrator.model import Json
from orchestrator.store import Reader, Store
from tests.store.made import ALLOWED, a_proposal, an_incident


@pytest.fixture
def systemd() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        yield listener


def settings(tmp_path: Path, **tables: Any) -> Config:
    return Config.model_validate({"daemon": {"state_dir": str(tmp_path / "state")}, **tables})


def cleaning(tmp_path: Path) -> tuple[dict[str, Any], Json]:
    """A file that may go, and the action that removes it."""
    (tmp_path / "old").mkdir()
    path = {"path": str(tmp_path / "old"), "pattern": "*.tmp"}
    action = {"kind": "clean_path", **path, "older_than_seconds": 3600}
    return {"path": [{**path, "remove_older_than": "1h"}]}, action


def test_a_socket_in_the_configuration_means_another_process(tmp_path: Path) -> None:
    """What this one may not see it asks there, too; and it leaves the hands' directory alone."""
    wiring = Wiring(settings(tmp_path, hands={"socket": str(tmp_path / "none.sock")}), lambda: False)
    assert isinstance(wiring.hands, RemoteHands)
    assert isinstance(wiring.view.rights, RemoteHands)
    assert list(tmp_path.iterdir()) == []
    wiring.close()


def test_there_is_one_pair_of_hands_in_a_place(tmp_path: Path) -> None:
    """Two over one record would each know half of it."""
    first = Wiring(settings(tmp_path), lambda: False)
    with pytest.raises(Unavailable, match="other hands"):
        Wiring(settings(tmp_path), lambda: False)
    first.close()
    Wiring(settings(tmp_path), lambda: False).close()


@pytest.mark.parametrize("path", [None, "none.sock"])
def test_who_only_watches_has_hands_that_refuse(
    tmp_path: Path, path: str | None, systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--dry-run`: also where others would act, and after a reload of a configuration that knows nothing of it."""
    tables, action = cleaning(tmp_path)
    systemd.bind("\0wiring")
    monkeypatch.setenv("NOTIFY_SOCKET", "@wiring")
    config = settings(tmp_path, **tables, hands={"socket": path and str(tmp_path / path)}, dashboard={"port": 1})
    daemon = Daemon(config, None, dry_run=True)
    try:
        refusals: list[Callable[[], str]] = [
            lambda: str(daemon._wiring.hands.prepare(action)["refusal"]),
            lambda: str(daemon._wiring.hands.perform(1, action)["detail"]),
        ]
        assert ["suggest" in refusal() for refusal in refusals] == [True, True]
        daemon._wiring.reload(daemon._narrowed(config))
        assert ["suggest" in refusal() for refusal in refusals] == [True, True]
    finally:
        daemon.close()
        daemon._notify.socket.close()


def test_hands_and_audit_tell_the_same_story(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At the start it is said, once, what the hands did and nobody knows of."""
    tables, action = cleaning(tmp_path)
    (tmp_path / "old" / "x.tmp").write_text("")
    os.utime(tmp_path / "old" / "x.tmp", (1, 1))
    wiring = Wiring(settings(tmp_path, **tables), lambda: False)
    (tmp_path / "state").mkdir()
    with Store(tmp_path / "state") as store:
        proposal = a_proposal()
        attempt = store.begin_attempt(an_incident(store), 1, proposal, ALLOWED, time.time())
        store.begin_change(attempt, 1, proposal.plan[0], {})
        assert wiring.hands.perform(5, action)["ok"]
        wiring.compare_once(Reader(tmp_path / "state"), time.time() + 60)
        assert "the hands did change 5 (clean_path" in caplog.text
        caplog.clear()
        wiring.compare_once(Reader(tmp_path / "state"), time.time() + 60)
        assert caplog.text == ""
    wiring.close()


def test_what_was_taken_back_in_the_ordinary_way_is_no_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A plan did not help and was undone, and both wrote that down."""
    (log := tmp_path / "log").mkdir(mode=0o750)
    wiring = Wiring(settings(tmp_path, service=[{"name": "shop", "files": [str(log)]}]), lambda: False)
    good = wiring.view.files.look(str(log))
    assert good
    wiring.view.known_good.put(str(log), b"", good, loaded_at=0.0)
    log.chmod(0o777)
    action = parse({"kind": "restore_owner_mode", "service": "shop", "path": str(log), "uid": good.uid, "gid": good.gid, "mode": good.mode})
    (tmp_path / "state").mkdir(exist_ok=True)
    with Store(tmp_path / "state") as store:
        attempt = store.begin_attempt(an_incident(store), 1, a_proposal(), ALLOWED, time.time())
        change = store.begin_change(attempt, 1, action, {})
        store.performed(change, done := wiring.hands.perform(change, action.model_dump()))
        undone = wiring.hands.undo(change, action.model_dump(), {})
        store.change_undone(change)
        assert (done["ok"], undone["ok"]) == (True, True), (done, undone)
        wiring.compare_once(Reader(tmp_path / "state"), time.time() + 60)
        assert "do not tell the same" not in caplog.text
    wiring.close()
