"""The hands' record: what it shows of those who change it, and that no clock makes it forget."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.hands import record as room
from orchestrator.hands.chained import Chained
from orchestrator.hands.hands import Hands
from orchestrator.hands.record import Entry, Record, RecordFailed

Make = Callable[..., Hands]


def entry(number: int, **more: Any) -> Entry:
    values = {"id": number, "op": "perform", "at": time.time(), "kind": "wait", "targets": ("x",), "hash": "0" * 16, "before": {}}
    return Entry.model_validate(values | more)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three changes."""
    file = tmp_path / "record"
    record = Record(file)
    for number in (1, 2, 3):
        record.append(entry(number))
    return file


def lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True)


def test_it_goes_on_where_it_was(file: Path) -> None:
    """Opened again the chain has the same head, and nothing to complain of."""
    again = Record(file)
    assert (again.trouble, again.highest) == ("", 3)
    again.append(entry(4))
    assert (Record(file).trouble, Record(file).head) == ("", again.head)


def changed(kept: list[bytes]) -> list[bytes]:
    return [kept[0], kept[1].replace(b'"id":2', b'"id":7'), kept[2]]


def without_digest(kept: list[bytes]) -> list[bytes]:
    data = json.loads(kept[1])
    del data["chain"]
    return [kept[0], json.dumps(data).encode() + b"\n", kept[2]]


@pytest.mark.parametrize(
    "forge",
    [
        changed,
        without_digest,
        lambda kept: [kept[0], kept[2]],
        lambda kept: [kept[1], kept[2]],
        lambda kept: [kept[1], kept[0], kept[2]],
        lambda kept: [kept[0], kept[0], kept[1], kept[2]],
        lambda kept: [kept[0], b"{}\n", kept[2]],
        lambda kept: [kept[0], b"[" * 100_000 + b"\n", kept[2]],
    ],
)
def test_a_forged_line_shows(file: Path, forge: Callable[[list[bytes]], list[bytes]]) -> None:
    """Changed, taken out, put in, moved: it is told where; all ids up to the highest stay used, and it goes on from there."""
    file.write_bytes(b"".join(forge(lines(file))))
    record = Record(file)
    assert f"of {file}" in record.trouble
    assert all(record.has_used(number) for number in (1, 2, 3))
    record.append(entry(8))
    assert Record(file).trouble == record.trouble


def test_a_file_from_before_is_taken_over(file: Path) -> None:
    """Lines without digests are believed as they are, and count into the digest of the first that has one."""
    old = [{key: value for key, value in json.loads(line).items() if key not in ("chain", "boot", "up")} for line in lines(file)]
    file.write_text("".join(json.dumps(data) + "\n" for data in old))
    record = Record(file)
    assert (record.trouble, record.highest) == ("", 3)
    record.append(entry(4))
    assert Record(file).trouble == ""
    file.write_bytes(b"".join(lines(file)[1:]))
    assert Record(file).trouble


def test_a_rotation_keeps_the_chain(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left still is what the journal heard the heads of; and it is never more than is read again."""
    record = Record(file)
    monkeypatch.setattr(room, "ROTATE_BYTES", 100)
    monkeypatch.setattr(room, "KEPT_BYTES", 600)
    young = lines(file)[-1]
    record.append(entry(4))
    first, *rest = lines(file)
    assert set(json.loads(first)) == {"mark", "head"}
    assert json.loads(first)["mark"] == 4 - len(rest)
    assert rest[-2] == young
    assert (Record(file).trouble, Record(file).head) == ("", record.head)
    assert all(record.has_used(number) and Record(file).has_used(number) for number in (1, 2, 3, 4))


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Neither read nor written: what it leads to is somebody else's."""
    target = tmp_path / "target"
    target.write_text("")
    (tmp_path / "record").symlink_to(target)
    with pytest.raises(RecordFailed, match="cannot be read"):
        Record(tmp_path / "record").append(entry(1))
    assert target.read_text() == ""


def test_what_cannot_be_remembered_is_not_done(file: Path) -> None:
    """A record that grows by a file's content would be too large to be read one day, and no hands would act any more."""
    with pytest.raises(RecordFailed, match="more than can be remembered"):
        Record(file).append(entry(4, before={"content": "x" * room.BEFORE_BYTES}))


@pytest.mark.parametrize("stepped", [-90 * 86_400.0, 90 * 86_400.0])
def test_a_clock_that_was_set_forgets_no_budget(file: Path, monkeypatch: pytest.MonkeyPatch, stepped: float) -> None:
    """What was done a moment ago was done a moment ago, whatever the clock says; also when it was opened meanwhile."""
    now = time.time() + stepped
    for record in (Record(file), Record(file)):
        ages = [now - done.at for done in record.recent(now)]
        assert len(ages) == 3
        assert all(0 <= age < 60 for age in ages)
    monkeypatch.setattr(room, "_boot", lambda: "the next")  # of a boot before nothing but the clock is known
    assert len(Record(file).recent(now)) == (3 if stepped < 0 else 0)


def test_the_lines_say_where_they_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The head goes to the journal now and then, and at each start: an end that was cut off is missed there."""
    caplog.set_level("INFO")
    chained = Chained(tmp_path / "lines")
    for number in range(100):
        chained.append({"n": number})
    assert f"100 lines, head {chained.head}" in caplog.text
    caplog.clear()
    again = Chained(tmp_path / "lines")
    assert len(again.read()) == 100
    assert f"100 lines, head {chained.head}" in caplog.text


def test_what_is_under_way_is_not_undone(hands: Make, tmp_path: Path) -> None:
    """Whoever lost sight of a change asks again later: an undo beside it would be overtaken by it."""
    gate = tmp_path / "gate"
    command = {"name": "slow", "service": "shop", "argv": ["/bin/sh", "-c", f"mkfifo {gate}; read word <{gate}"], "risk": "low"}
    ours = hands(command=[{**command, "about": "takes its time", "timeout_seconds": 30}])
    action = {"kind": "run_command", "user": None, "timeout_seconds": 30.0, **command}
    done: list[Any] = []
    slow = threading.Thread(target=lambda: done.append(ours.perform(1, action)))
    slow.start()
    while not gate.exists():
        slow.join(0.01)
        assert slow.is_alive(), done
    said = ours.undo(1, action, {})
    gate.write_text("go\n")
    slow.join()
    assert "still under way" in said["unavailable"]
    assert done[0]["ok"]


def test_they_give_an_account(hands: Make, log: Path) -> None:
    """For whoever keeps the same by himself: what was done since, with a digest of the whole action."""
    ours = hands()
    for number in (4, 5):
        assert ours.perform(number, {"kind": "restore_owner_mode", "service": "shop", "path": str(log), "uid": 0, "gid": 0, "mode": 0o2750})
        log.chmod(0o777)
    account = ours.account(5)
    assert [(one["id"], one["op"], one["kind"], one["targets"]) for one in account["changes"]] == [
        (5, "perform", "restore_owner_mode", [str(log)])
    ]
    assert (account["trouble"], len(account["head"])) == ("", 32)
