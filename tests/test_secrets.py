"""Which file a secret is read from."""

from pathlib import Path

import pytest

from orchestrator.config import DEFAULT_FILE, secret_file

NAMED = str(DEFAULT_FILE.parent / "model.key")


def test_without_credentials_it_is_the_file_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As root, by hand or as one process."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert secret_file(NAMED) == NAMED


def test_the_units_copy_counts_for_the_file_beside_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same name elsewhere is another secret, and is not read in its place."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "model.key").write_text("sk-1\n")
    assert secret_file(NAMED) == str(tmp_path / "model.key")
    assert secret_file("/etc/other/model.key") == "/etc/other/model.key"


def test_the_stand_in_of_an_absent_file_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error then names the file that the operator named."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "model.key").write_text("\n")
    assert secret_file(NAMED) == NAMED
