"""The hands by themselves: what they refuse whatever they are told, and what their record keeps."""

import json
import os
import resource
import socket
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Config
from orchestrator.hands import chained
from orchestrator.hands import record as room
from orchestrator.hands.hands import Hands

Make = Callable[..., Hands]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def restore(log: Path) -> dict[str, Any]:
    return {"kind": "restore_owner_mode", "service": "shop", "path": str(log), "uid": os.geteuid(), "gid": os.getegid(), "mode": 0o2750}


BEFORE = {"uid": os.geteuid(), "gid": os.getegid(), "mode": 0o777}


def refused(answer: dict[str, Any], why: str) -> bool:
    assert why in answer["detail"], answer
    return bool(answer["refused"]) and not answer["ok"]


# ---- one id, one change ----


def test_an_action_is_performed_and_undone(hands: Make, log: Path) -> None:
    """Plain data in, plain data out, which JSON can carry."""
    ours = hands()
    done = ours.perform(1, json.loads(json.dumps(restore(log))))
    assert (json.loads(json.dumps(done))["ok"], mode(log)) == (True, 0o2750)
    assert (ours.undo(1, restore(log), BEFORE)["ok"], mode(log)) == (True, 0o777)


def test_a_used_id_is_refused(hands: Make, log: Path) -> None:
    """Also by hands that were made anew over the same record: no action runs twice."""
    assert hands().perform(7, restore(log))["ok"]
    log.chmod(0o777)
    assert refused(hands().perform(7, restore(log)), "used before")
    assert mode(log) == 0o777


def test_one_id_is_used_once_by_many_at_the_same_time(hands: Make, log: Path) -> None:
    """Lanes that race for the same change: one acts, all others are refused."""
    ours = hands()
    with ThreadPoolExecutor(8) as lanes:
        answers = list(lanes.map(lambda _: ours.perform(1, restore(log)), range(8)))
    assert [answer["ok"] for answer in answers].count(True) == 1
    assert sum(answer["refused"] for answer in answers) == 7


def test_an_undo_that_is_through_is_not_done_again(hands: Make, log: Path) -> None:
    """A later state is not thrown away by an old undo; it is answered that it was done."""
    ours = hands()
    ours.perform(1, restore(log))
    first = ours.undo(1, restore(log), BEFORE)
    log.chmod(0o700)
    assert hands().undo(1, restore(log), BEFORE) == {**first, "detail": "it was undone before"}
    assert mode(log) == 0o700


def test_an_undo_that_was_cut_short_is_finished(hands: Make, log: Path, record: Path) -> None:
    """The record says that it began and not that it ended: it is done from its beginning."""
    ours = hands()
    ours.perform(1, restore(log))
    ours.undo(1, restore(log), BEFORE)
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(b"".join(lines[:-1]))
    log.chmod(0o2750)
    assert (hands().undo(1, restore(log), BEFORE)["ok"], mode(log)) == (True, 0o777)


def test_what_never_began_needs_no_undo(hands: Make, log: Path) -> None:
    """A change that the hands refused, or that a death kept from them, is undone by doing nothing."""
    assert hands().undo(3, restore(log), BEFORE)["ok"]
    assert mode(log) == 0o777


def test_an_undo_goes_by_what_the_hands_saw(hands: Make, log: Path) -> None:
    """A brain that was taken over cannot use an undo to give a file an owner or mode of its liking, or undo another action."""
    ours = hands()
    ours.perform(1, restore(log))
    assert refused(ours.undo(1, {**restore(log), "mode": 0o700}, BEFORE), "another action")
    ours.undo(1, restore(log), {**BEFORE, "mode": 0o4777})
    assert mode(log) == 0o777


# ---- what is refused, whatever the brain says ----


@pytest.mark.parametrize(
    "garbage",
    [None, 5, "start_unit", [], {}, {"kind": "rm"}, {"kind": None}, {"kind": "start_unit", "unit": "*"},
     {"kind": "start_unit", "unit": {"a": 1}},
     {"kind": "clean_path", "path": "/var/cache/x", "pattern": "../*", "older_than_seconds": 1}],
)  # fmt: skip
def test_garbage_is_an_answer_not_an_exception(hands: Make, record: Path, garbage: Any) -> None:
    """Nothing is recorded, nothing is raised."""
    for answer in (hands().perform(1, garbage), hands().undo(1, garbage, {})):
        assert refused(answer, "not an action")
    assert not record.exists()


@pytest.mark.parametrize("change_id", [None, "1", -1, 1.5, [1]])
def test_an_id_is_a_number(hands: Make, log: Path, change_id: Any) -> None:
    """Otherwise it could not be compared with those that were used."""
    assert hands().perform(change_id, restore(log))["refused"]
    assert mode(log) == 0o777


@pytest.mark.parametrize(
    "unit", ["ssh.service", "systemd-journald.service", "dbus.service", "autonomous-orchestrator.service", "payments.service"]
)
def test_a_protected_unit_is_refused(hands: Make, unit: str) -> None:
    """The built-in ones, the daemon's own and the operator's, before systemd is even asked."""
    ours = hands(protect={"units": ["payments.service"]})
    for kind in ("restart_unit", "stop_unit", "reload_unit"):
        assert refused(ours.perform(1, {"kind": kind, "unit": unit}), "protected")


def test_what_was_never_remembered_is_refused(hands: Make, log: Path) -> None:
    """The action's own precondition is asked again here: a mode that was never good is not set."""
    assert refused(hands().perform(1, {**restore(log), "mode": 0o4755}), "while all was well")
    assert mode(log) == 0o777


def test_the_configuration_of_now_counts(hands: Make, log: Path) -> None:
    """After a reload what is declared no more is refused, and so is everything in observe mode."""
    ours = hands()
    ours.reload(Config())
    assert refused(ours.perform(1, restore(log)), "not declared")
    assert refused(hands(daemon={"mode": "observe"}).perform(1, restore(log)), "observe")


def test_an_answer_is_one_line_that_moves_no_cursor(hands: Make) -> None:
    """What a program said, or how a file is called, stands in logs and mails."""
    commands = [{"name": "x", "service": "shop", "argv": ["/bin/printf", "a\\033[2Jb\\ncritical: root"], "about": "x", "risk": "low"}]
    action = {"kind": "run_command", "name": "x", "service": "shop", "argv": commands[0]["argv"], "user": None, "timeout_seconds": 60,
              "risk": "low"}  # fmt: skip
    answer = hands(command=commands).perform(1, action)
    assert answer["ok"], answer
    assert answer["detail"] == "x ended well: ab critical: root"


def test_the_budget_is_the_hands_own(hands: Make, log: Path) -> None:
    """A brain in a loop runs into the limit, also after a restart; an undo never does."""
    limits = {"changes_per_target_per_hour": 2}
    for change_id in (1, 2):
        assert hands(limits=limits).perform(change_id, restore(log))["ok"]
        log.chmod(0o777)
    assert refused(hands(limits=limits).perform(3, restore(log)), "in the last hour")
    log.chmod(0o2750)
    assert hands(limits=limits).undo(2, restore(log), BEFORE)["ok"]


# ---- the record ----


def test_nothing_is_done_that_cannot_be_recorded(hands: Make, log: Path, record: Path) -> None:
    """Where not a byte can be written the change is refused: it would be unknown after a death. Later the same id is free."""
    ours = hands()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))  # Python ignores SIGXFSZ, so that a write fails as on a full disk
    try:
        answer = ours.perform(1, restore(log))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert refused(answer, "record cannot be written")
    assert mode(log) == 0o777
    assert hands().perform(1, restore(log))["ok"]
    assert len(record.read_bytes().splitlines()) == 1


def test_a_record_that_is_none_refuses_everything(hands: Make, log: Path, tmp_path: Path) -> None:
    """A directory in its place, or a file that no hands wrote: what was done before is unknown, so nothing is done."""
    huge = tmp_path / "huge"
    with huge.open("wb") as content:
        content.truncate(chained.MOST_BYTES + 1)
    for file, why in ((tmp_path, "cannot be read"), (huge, "never writes")):
        assert refused(hands(file).perform(1, restore(log)), why)
    assert mode(log) == 0o777


def test_the_record_is_private_and_tells_what_was_done(hands: Make, log: Path, record: Path) -> None:
    """One JSON line a change, 0600, with what the hands saw before."""
    hands().perform(5, restore(log))
    (line,) = record.read_text().splitlines()
    entry = json.loads(line)
    assert (entry["id"], entry["op"], entry["kind"], entry["targets"], entry["before"]) == (
        5,
        "perform",
        "restore_owner_mode",
        [str(log)],
        BEFORE,
    )
    assert mode(record) == 0o600


def test_a_torn_last_line_is_as_if_never_written(hands: Make, log: Path, record: Path) -> None:
    """What it tells of never began; the next line is not glued to it."""
    hands().perform(1, restore(log))
    whole = record.read_bytes()
    record.write_bytes(whole + b'{"id": 2, "op": "perf')
    log.chmod(0o777)
    assert hands().perform(2, restore(log))["ok"]
    assert [json.loads(line)["id"] for line in record.read_bytes().splitlines()] == [1, 2]


def test_a_damaged_line_frees_no_id(hands: Make, log: Path, record: Path) -> None:
    """Which id it held is unknown, so all up to the highest count as used."""
    for change_id in (1, 2, 3):
        hands().perform(change_id, restore(log))
        log.chmod(0o777)
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(lines[0] + b"\0" * 50 + b"\n" + lines[2])
    assert refused(hands().perform(2, restore(log)), "used before")
    assert hands().perform(4, restore(log))["ok"]


def test_a_rotation_frees_no_id(hands: Make, log: Path, record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old lines go when the file grew large; their ids stay used, and younger changes can still be undone."""
    ours = hands()
    for change_id in (10, 11):
        ours.perform(change_id, restore(log))
        log.chmod(0o777)
    old, young = (json.loads(line) for line in record.read_bytes().splitlines())
    old |= {"at": old["at"] - room.REMEMBERED_SECONDS - 1, "boot": "another"}
    del old["chain"], young["chain"]
    record.write_text(json.dumps(old) + "\n" + json.dumps(young) + "\n")
    monkeypatch.setattr(room, "ROTATE_BYTES", 100)
    assert hands().perform(12, restore(log))["ok"]
    lines = [json.loads(line) for line in record.read_bytes().splitlines()]
    assert (lines[0], [line["id"] for line in lines[1:]]) == ({"mark": 10, "head": lines[0]["head"]}, [11, 12])
    for used in (4, 10, 11, 12):
        assert refused(hands().perform(used, restore(log)), "used before")
    assert refused(hands().undo(10, restore(log), BEFORE), "not recorded any more")
    assert hands().undo(11, restore(log), BEFORE)["ok"]


def test_nothing_is_proved_that_was_never_done(hands: Make, tmp_path: Path) -> None:
    """A proof looks where the action's own words say: at any file, and into any socket of the brain's making."""
    ours, secret = hands(), tmp_path / "secret"
    secret.write_text("x" * 5000)
    empty = {"kind": "empty_file", "path": str(secret), "inode": 1}
    assert ours.verify(empty) == ours.verify({**empty, "path": f"{secret}.not"})
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(tmp_path / "engine"))
        engine.listen()
        engine.settimeout(0.2)
        container = {"container": "x", "id": "a" * 64, "engine": str(tmp_path / "engine"), "target": "container/x"}
        with ThreadPoolExecutor(1) as asked:
            answer = asked.submit(ours.verify, {"kind": "start_container", **container})
            with pytest.raises(TimeoutError):
                engine.accept()[0].close()
        assert answer.result()["failed"]
