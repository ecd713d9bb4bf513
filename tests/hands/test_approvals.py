"""A person's word, as the hands keep it: of exactly one action, used once, on disk before it counts, and not for ever."""

import stat
import time
from pathlib import Path

import pytest

from orchestrator.actions import parse
from orchestrator.hands.approvals import LONGEST_SECONDS, MOST, Approval, ApprovalRefused, Approvals
from orchestrator.model import Action, Json
from tests.hands.conftest import Make
from tests.hands.test_hands import mode, refused, restore

NOW = 1_000_000.0


def action(n: int = 0) -> Action:
    return parse({"kind": "wait", "target": f"shop{n}.service", "seconds": 5})


def standing(approvals: Approvals) -> Approval:
    approval = approvals.of(action(), NOW)
    assert approval is not None
    return approval


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hands" / "approvals"


def test_it_survives_a_restart_and_is_used_once(file: Path) -> None:
    """By whichever process: what was taken is gone on disk too."""
    Approvals(file).add([action()], NOW + 60, 1000, NOW)
    again = Approvals(file)
    approval = again.of(action(), NOW)
    assert approval is not None
    assert approval.by == 1000
    again.take(approval, NOW)
    assert again.of(action(), NOW) is None
    assert Approvals(file).of(action(), NOW) is None


def test_it_is_of_exactly_one_action(file: Path) -> None:
    """Another field is another action."""
    Approvals(file).add([action(1)], NOW + 60, 1000, NOW)
    assert Approvals(file).of(action(2), NOW) is None


def test_the_same_said_twice_is_one_word(file: Path) -> None:
    """An impatient finger allows nothing twice; a plan that has an action twice does."""
    approvals = Approvals(file)
    approvals.add([action()], NOW + 60, 1000, NOW)
    approvals.add([action()], NOW + 90, 1001, NOW)
    approvals.take(standing(approvals), NOW)
    assert approvals.of(action(), NOW) is None
    approvals.add([action(), action()], NOW + 60, 1000, NOW)
    approvals.take(standing(approvals), NOW)
    assert approvals.of(action(), NOW)


def test_it_expires(file: Path) -> None:
    """To the second, also for who was started since."""
    Approvals(file).add([action()], NOW + 60, 1000, NOW)
    assert Approvals(file).of(action(), NOW + 61) is None


@pytest.mark.parametrize("until", [NOW, NOW - 1, NOW + LONGEST_SECONDS + 1, float("inf"), float("nan")])
def test_it_has_an_end_within_days(file: Path, until: float) -> None:
    """Whatever number was sent."""
    with pytest.raises(ApprovalRefused):
        Approvals(file).add([action()], until, 1000, NOW)
    assert not file.exists()


def test_their_number_is_bounded(file: Path) -> None:
    """What expired makes room; a plan without an end is none."""
    approvals = Approvals(file)
    for n in range(MOST):
        approvals.add([action(n)], NOW + 60, 1000, NOW)
    with pytest.raises(ApprovalRefused):
        approvals.add([action(MOST)], NOW + 60, 1000, NOW)
    approvals.add([action(MOST)], NOW + 160, 1000, NOW + 61)
    with pytest.raises(ApprovalRefused):
        approvals.add([action()] * 51, NOW + 60, 1000, NOW)
    with pytest.raises(ApprovalRefused):
        approvals.add([], NOW + 60, 1000, NOW)


def test_what_cannot_be_kept_was_not_said(file: Path) -> None:
    """It counts when it is on disk; the person is told."""
    file.parent.write_text("a file where the directory should be")
    approvals = Approvals(file)
    with pytest.raises(ApprovalRefused, match="cannot be written"):
        approvals.add([action()], NOW + 60, 1000, NOW)
    assert approvals.of(action(), NOW) is None


@pytest.mark.parametrize("content", [b"", b"{}", b'[{"hash": "x"}]', b"\xff" * 100])
def test_a_file_that_is_none_allows_nothing(file: Path, content: bytes) -> None:
    """People are asked again."""
    file.parent.mkdir()
    file.write_bytes(content)
    assert Approvals(file).of(action(), NOW) is None


def test_it_is_private(file: Path) -> None:
    """0600, in a directory of 0700."""
    Approvals(file).add([action()], NOW + 60, 1000, NOW)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent)] == [0o600, 0o700]


# ---- by the hands ----


def test_the_hands_act_on_a_word_once_and_remember_whose_it_was(hands: Make, log: Path, record: Path) -> None:
    """In the mode approve nothing is done without; after it was used it must be said again."""
    ours, undo_me = hands(daemon={"mode": "approve"}), restore(log)
    assert refused(ours.perform(1, undo_me), "no approval")
    assert ours.prepare(undo_me)["asks"]
    assert ours.approve([undo_me], time.time() + 60, by=1234)["ok"]
    assert hands(daemon={"mode": "approve"}).perform(1, undo_me)["ok"]
    assert '"approved_by":1234' in record.read_text()
    log.chmod(0o777)
    assert refused(hands(daemon={"mode": "approve"}).perform(2, undo_me), "no approval")
    assert mode(log) == 0o777


@pytest.mark.parametrize("plan", [None, 5, [], [{}], [{"kind": "rm"}], "start_unit", [["start_unit"]]])
def test_garbage_is_no_approval(hands: Make, plan: Json) -> None:
    """It is answered, and never raises."""
    assert hands().approve(plan, time.time() + 60)["refused"]  # type: ignore[arg-type]  # as a hostile frame might say it
