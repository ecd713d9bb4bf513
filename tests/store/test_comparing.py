"""The brain's word against the hands' own record."""

from orchestrator.model import Json, utc
from orchestrator.store.comparing import Done, brain_of, compared

NOW = 2e9


def said(what: str, at: float = NOW - 1000, **detail: object) -> Json:
    return {"at": utc(at), "what": what, "detail": detail}


def begun(change: int, at: float = NOW - 1000) -> Json:
    return said("change begun", at, change=change, kind="start_unit", targets=["web.service"], hash="a")


def done(change: int, at: float = NOW - 900, *, undone_at: float = 0.0) -> Done:
    return Done(id=change, at=at, kind="start_unit", targets=("web.service",), hash="a", undone_at=undone_at)


def test_what_both_tell_alike_is_no_word() -> None:
    """Done, taken back, gone wrong, and one that is under way just now; by the audit as it is kept, and with the newest row first."""
    audit = [begun(1), said("change done", change=1), begun(2), said("change done", change=2), said("change undone", change=2)]
    audit += [begun(3), said("change failed", change=3)]
    record = [done(1), done(2, undone_at=NOW - 800), done(3), done(4, NOW - 1)]
    for rows in (audit, audit[::-1]):
        assert compared(brain_of(rows), record, NOW) == ()


def test_what_the_hands_took_back_by_themselves_is_told() -> None:
    """The audit ends with it done; what was taken back just now it is about to hear."""
    brain = brain_of([begun(1), said("change done", change=1)])
    (line,) = compared(brain, [done(1, undone_at=NOW - 800)], NOW)
    assert line.endswith("and took it back, and the audit does not know that")
    assert compared(brain, [done(1, undone_at=NOW - 1)], NOW) == ()


def test_what_never_reached_the_hands_is_not_asked_of_their_record() -> None:
    """A death came before they heard of it, or they refused it: taking it back was no work, and no line."""
    audit = [begun(1), said("change done", change=1), begun(2), said("change undone", change=2)]
    audit += [begun(3), said("change failed", change=3), said("change undone", change=3)]
    assert compared(brain_of(audit), [done(1)], NOW) == ()


def test_a_change_that_the_audit_does_not_know_is_told() -> None:
    """Somebody told the hands, and wrote it nowhere; only what was done before the audit began it cannot know."""
    (line,) = compared(brain_of([begun(1)]), [done(1), done(2), done(3, NOW - 5000)], NOW)
    assert line.startswith("the hands did change 2 (start_unit web.service)")
    assert line.endswith("and the audit does not know of it")


def test_what_went_with_a_damaged_file_is_no_lie() -> None:
    """Its row tells from when to when nothing is known."""
    lost = said("file put back", after=3, lost_from=utc(NOW - 950), lost_to=utc(NOW - 850))
    assert compared(brain_of([begun(1), lost]), [done(1), done(2)], NOW) == ()
    assert len(compared(brain_of([begun(1), lost]), [done(1), done(2, NOW - 800)], NOW)) == 1


def test_what_the_record_does_not_reach_back_to_is_not_asked_of_it() -> None:
    """It keeps the newest; a hole among those is told."""
    audit = [line for n in (1, 5, 7) for line in (begun(n), said("change done", change=n))]
    (line,) = compared(brain_of(audit), [done(4, NOW - 5000), done(7)], NOW)
    assert line == "the audit says that change 5 is done, and the hands' record has none of that number"
    assert compared(brain_of(audit), [], NOW) == ()


def test_a_hostile_detail_ends_nothing() -> None:
    """The file is one that others may write: what is no change is passed over."""
    assert compared(brain_of([said("change begun", change="x"), said("change done", change=[1])]), [done(1)], NOW) != ("crash",)
