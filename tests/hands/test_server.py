"""The hands behind a socket: who may say what, and that whatever is said ends nothing but its own connection."""

import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.hands import server
from orchestrator.hands.buckets import Pace
from orchestrator.hands.client import RemoteHands
from orchestrator.hands.hands import Hands
from orchestrator.host import Unavailable
from tests.hands.talking import BIN, DAEMON, GAMES, NOBODY, say, served

Make = Callable[..., Hands]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users")


def line(verb: str, **fields: Any) -> bytes:
    return json.dumps({"verb": verb, **fields}).encode() + b"\n"


def restore(log: Path) -> dict[str, Any]:
    return {"kind": "restore_owner_mode", "service": "shop", "path": str(log), "uid": os.geteuid(), "gid": os.getegid(), "mode": 0o2750}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_it_is_the_same_object_at_the_other_end(hands: Make, log: Path, tmp_path: Path) -> None:
    """Prepare, perform, verify and undo through a socket answer what they answer in one process."""
    here, action = hands(), restore(log)
    with served(here, tmp_path) as path:
        far = RemoteHands(path)
        before = {"uid": os.geteuid(), "gid": os.getegid(), "mode": 0o777}
        assert far.prepare(action) == here.prepare(action) == {"refusal": "", "before": before, "asks": False, "last": -1}
        assert far.verify(action) == here.verify(action)
        assert far.verify(action)["failed"]
        assert (far.perform(1, action)["ok"], mode(log), far.verify(action)) == (True, 0o2750, {"failed": ""})
        assert far.perform(1, action)["refused"]
        assert (far.undo(1, action, before)["ok"], mode(log)) == (True, 0o777)
        assert not far.away


def test_a_question_is_answered_or_unavailable(hands: Make, tmp_path: Path) -> None:
    """What nobody knows to answer is no empty answer."""
    with served(hands(), tmp_path) as path:
        assert os.getpid() in dict(RemoteHands(path).ask("programs"))[str(Path("/proc/self/exe").readlink())]
        for question, about in (("shadow", {}), ("programs", {"path": "/etc/shadow"})):
            with pytest.raises(Unavailable, match=question):
                RemoteHands(path).ask(question, **about)


@pytest.mark.parametrize(
    ("uid", "may"),
    [
        (0, {"prepare", "perform", "verify", "undo", "remember", "ask", "approve", "vouch"}),
        (NOBODY, {"prepare", "perform", "verify", "undo", "remember", "ask"}),  # the brain
        (GAMES, set()),  # the dashboard, which does not say by which door a person came
        (DAEMON, {"approve", "vouch"}),  # a member of the group
        (BIN, set()),
    ],
)
def test_who_may_say_what(hands: Make, log: Path, tmp_path: Path, uid: int, may: set[str]) -> None:
    """By the kernel's word of who it is: the brain never approves, a person never acts, a stranger is told nothing."""
    action = restore(log)
    said: dict[str, dict[str, Any]] = {
        "prepare": {"action": action},
        "perform": {"change_id": 1, "action": action},
        "verify": {"action": action},
        "undo": {"change_id": 2, "action": action, "before": {}},
        "remember": {"service": "shop"},
        "ask": {"question": "programs"},
        "approve": {"plan": [action], "until": 0.0},
        "vouch": {"door": "a" * 64},
    }
    with served(hands(), tmp_path) as path:
        answers = {verb: say(path, line(verb, **fields), uid) for verb, fields in said.items()}
    assert {verb for verb, answer in answers.items() if "error" not in answer} == may
    assert mode(log) == (0o2750 if "perform" in may else 0o777)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"{}\n",
        b"null\n",
        b"[" * 100_000 + b"\n",
        b'{"verb": "perform"}\n',
        b'{"verb": "perform", "change_id": "1", "action": {}}\n',
        b'{"verb": "perform", "change_id": 1e400, "action": {}}\n',
        b'{"verb": "perform", "change_id": ' + b"9" * 5000 + b', "action": {}}\n',
        b'{"verb": "perform", "change_id": NaN, "action": {}}\n',
        b'{"verb": "ask", "question": "../programs"}\n',
        b'{"verb": "ask", "question": "programs", "extra": 1}\n',
        b'{"verb": "ask", "question": "programs"}\n{"verb": "ask", "question": "programs"}\n',
        '{"verb": "ask", "question": "programs"}\n'.encode("utf-16"),
        b"\xff\xfe\x00\n",
        b"x" * (300 << 10),
    ],
)
def test_garbage_ends_its_own_connection_only(hands: Make, tmp_path: Path, garbage: bytes) -> None:
    """It is refused in words or cut off, never answered with a trace of the program; the next one is served."""
    with served(hands(), tmp_path) as path:
        answer = say(path, garbage, NOBODY)
        assert isinstance(answer, str) or set(answer) == {"error"}
        assert "Traceback" not in str(answer)
        assert RemoteHands(path).ask("programs")


def test_who_is_slow_is_cut_off(hands: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line holds a connection for its deadline, however it drips."""
    monkeypatch.setattr(server, "_REQUEST_SECONDS", 0.2)
    with served(hands(), tmp_path) as path, socket.socket(socket.AF_UNIX) as slow:
        slow.connect(str(path))
        slow.sendall(b'{"verb"')
        assert slow.recv(1) == b""


def test_one_who_holds_all_his_connections_locks_out_himself_alone(hands: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the most of one user the answer is `busy` at once; another user is served meanwhile."""
    monkeypatch.setattr(server, "CONNECTIONS", 3)
    with served(hands(), tmp_path) as path:
        held = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for one in held:
            one.connect(str(path))
        assert "connections" in say(path, b"", 0)["busy"]
        assert "answer" in say(path, line("ask", question="programs"), NOBODY)
        for one in held:
            one.close()


def test_who_asks_too_often_is_told_so(hands: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood empties its own bucket; it costs another user nothing."""
    monkeypatch.setitem(server._PACES, "ask", Pace(3, 0.001))
    with served(hands(), tmp_path) as path:
        said = [say(path, line("ask", question="programs"), NOBODY) for _ in range(5)]
        assert [tuple(answer) for answer in said] == [("answer",)] * 3 + [("busy",)] * 2
        assert "answer" in say(path, line("ask", question="programs"), 0)


def test_hands_that_are_not_there_are_a_clear_answer(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused or Unavailable, in one sentence; nothing is raised at the engine."""
    monkeypatch.setattr("orchestrator.hands.client._RETRY_SECONDS", 0.2)
    nobody = RemoteHands(tmp_path / "none.sock")
    action = restore(log)
    said = [nobody.prepare(action)["refusal"], nobody.verify(action)["failed"], nobody.remember("shop")["detail"]]
    for answer in (nobody.perform(1, action), nobody.undo(1, action, {}), nobody.approve([action], 0.0)):
        assert answer["refused"]
        said.append(answer["detail"])
    assert all("the hands" in words and "No such file" in words for words in said), said
    with pytest.raises(Unavailable, match="the hands"):
        nobody.ask("programs")
    assert "No such file" in nobody.away


def test_while_nobody_is_there_one_question_waits_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case has dozens of them, and a phase half a minute; the first answer ends that, and each says why there is none."""
    monkeypatch.setattr("orchestrator.hands.client._RETRY_SECONDS", 0.5)
    nobody = RemoteHands(tmp_path / "none.sock")
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(Unavailable, match="No such file"):
            nobody.ask("programs")
    assert time.monotonic() - began < 1.5
