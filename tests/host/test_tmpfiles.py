"""Directories that the host declares and that are gone."""

from pathlib import Path

import pytest

from orchestrator.host import View, tmpfiles
from orchestrator.host.tmpfiles import DeclaredDirectory, missing_directories


def test_only_what_is_declared_and_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the operator's hides the shipped one of its name; links, boot-only lines and specifiers are passed over."""
    own, shipped = tmp_path / "etc", tmp_path / "usr"
    for folder in (own, shipped, tmp_path / "there"):
        folder.mkdir()
    (own / "a.conf").write_text(f"d {tmp_path}/gone 0750 ferry ferry -\n# d {tmp_path}/comment\nd {tmp_path}/there - - - -\n")
    (shipped / "a.conf").write_text(f"d {tmp_path}/hidden\n")
    (shipped / "b.conf").write_text(f"D {tmp_path}/bare/\nd! {tmp_path}/boot\nd {tmp_path}/%b\nL {tmp_path}/link - - - - x\n\n")
    monkeypatch.setattr(tmpfiles, "_FOLDERS", (str(own), str(shipped)))
    view = View(tmp_path)
    found = missing_directories(view)
    view.close()
    assert found == (DeclaredDirectory(f"{tmp_path}/gone", "ferry"), DeclaredDirectory(f"{tmp_path}/bare", ""))
