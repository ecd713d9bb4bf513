"""When a unit was reloaded last."""

from collections.abc import Sequence

from orchestrator.host.durations import RELOADED
from orchestrator.host.journal import Journal, Line
from orchestrator.host.kernel import Kernel
from orchestrator.host.reloads import Reloads, last_reload
from orchestrator.host.unit import Unit


def _line(at: float, result: str = "done", kind: str = RELOADED) -> Line:
    return Line(at=at, message="Reloaded", trusted=True, fields={"MESSAGE_ID": kind, "JOB_RESULT": result})


class Written(Journal):
    """A journal with these lines, that counts how often it is asked."""

    def __init__(self, *lines: Line) -> None:
        super().__init__(Kernel())
        self.lines, self.asked = lines, 0

    def manager_lines(self, unit: str | Sequence[str], since: float, lines: int = 200, *, boot_only: bool = True) -> tuple[Line, ...]:
        del unit, lines, boot_only
        self.asked += 1
        return tuple(line for line in self.lines if line.at >= since)


def _unit(*, reloaded_at: float = 0.0, run: str = "a" * 32) -> Unit:
    return Unit(
        name="front.service", active_state="active", can_reload=True, invocation_id=run, main_started_at=50.0, reloaded_at=reloaded_at
    )


def test_what_systemd_forgot_the_journal_tells() -> None:
    """The last reload of this run that ended well; asked once."""
    journal = Written(_line(10.0), _line(60.0), _line(70.0, "failed"))
    reloads = Reloads(journal)
    assert [reloads.last(_unit()) for _ in range(3)] == [60.0] * 3
    assert journal.asked == 1


def test_what_systemd_knows_is_kept_over_its_forgetting() -> None:
    """A daemon-reload takes the time away from systemd, and not from us."""
    journal = Written()
    reloads = Reloads(journal)
    assert [reloads.last(_unit(reloaded_at=80.0)), reloads.last(_unit())] == [80.0, 80.0]
    assert journal.asked == 0


def test_a_new_run_has_its_own() -> None:
    """What an earlier run was told is nothing to this one."""
    reloads = Reloads(Written())
    reloads.last(_unit(reloaded_at=80.0))
    assert reloads.last(_unit(run="b" * 32)) == 0.0


def test_only_a_reload_counts() -> None:
    """Other lines of PID 1 are none."""
    assert last_reload([_line(10.0, kind="39f53479d3a045ac8e11786248231fbf")]) == 0.0
