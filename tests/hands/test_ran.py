"""What ran here, by the hands' own looks."""

from pathlib import Path

from orchestrator.hands.ran import KEPT_SECONDS, Ran, _seen
from orchestrator.host import View


def test_what_was_seen_is_kept_for_days(tmp_path: Path) -> None:
    """Also by hands that were started again; a file that is none is as if nothing was seen."""
    file = tmp_path / "baseline"
    view = View(tmp_path)
    ran = Ran(file, view)
    ran._units, ran._mounts = {"shop.service": view.now()}, {"/srv": view.now()}
    ran._write(view.now())
    again = View(tmp_path)
    Ran(file, again)
    assert (again.baseline.active, again.baseline.mounts) == (frozenset({"shop.service"}), frozenset({"/srv"}))
    for garbage in ("", "[]", '{"units": 5}', '{"units": {"x": "y"}, "mounts": {}}'):
        file.write_text(garbage)
        Ran(file, again)
        assert again.baseline.active == frozenset()
    view.close()
    again.close()


def test_what_is_gone_for_long_is_not_missed() -> None:
    """And a clock that was set back forgets nothing."""
    assert _seen({"old": 0.0, "young": KEPT_SECONDS}, ["new"], KEPT_SECONDS + 1) == {"young": KEPT_SECONDS, "new": KEPT_SECONDS + 1}
    assert set(_seen({"a": 5000.0}, [], 1000.0)) == {"a"}
