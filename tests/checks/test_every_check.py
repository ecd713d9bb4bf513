"""What holds for every check."""

from pathlib import Path

from orchestrator import checks


def test_a_checks_name_is_its_files() -> None:
    """Faults are stored under the name that the file bears: under another one no incident of it would ever clear."""
    files = {path.stem for path in Path(checks.__file__).parent.glob("*.py")}
    assert {name: check.look.__module__.rpartition(".")[2] for name, check in checks.all_checks().items()} == {
        name: name for name in checks.all_checks()
    }
    assert set(checks.all_checks()) <= files
