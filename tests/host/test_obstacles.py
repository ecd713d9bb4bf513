"""What stands in the way of a start: the very path, found without a log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.host import Unit, View
from orchestrator.host.obstacles import gap, obstacles, output_files
from orchestrator.host.program import unusable_program
from orchestrator.host.properties import unit_from


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    opened = View(tmp_path / "state")
    yield opened
    opened.close()


def script(path: Path, text: str = "#!/bin/sh\n", mode: int = 0o755) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    path.chmod(mode)
    return str(path)


def found(view: View, **fields: object) -> list[tuple[str, str, str]]:
    unit = Unit(name="web.service", load_state="loaded", **fields)  # type: ignore[arg-type]  # each field by its own type
    return [(item.step, item.kind, item.path) for item in obstacles(view, unit)]


def test_a_unit_with_all_that_it_needs_has_none(view: View, tmp_path: Path) -> None:
    """A program that can run, directories that are there, and those that systemd makes itself."""
    program = script(tmp_path / "web")
    made = str(tmp_path / "not-there-yet")
    assert found(view, programs=(program,), working_directory=made, state_directories=(made,), sandbox_paths=(str(tmp_path),)) == []


def test_what_the_unit_names_and_nobody_makes_is_told(view: View, tmp_path: Path) -> None:
    """Each with systemd's own word for the step at which it fails."""
    gone = str(tmp_path / "gone")
    assert found(view, programs=(gone,)) == [("EXEC", "gone", gone)]
    assert found(view, working_directory=gone) == [("CHDIR", "gone", gone)]
    assert found(view, working_directory=gone, may_lack_working_directory=True) == []
    assert found(view, sandbox_paths=(gone,)) == [("NAMESPACE", "gone", gone)]
    assert found(view, needed_environment_files=(gone,)) == [("RESOURCES", "gone", gone)]
    assert found(view, credentials=(gone,)) == [("CREDENTIALS", "gone", gone)]
    assert found(view, programs=(gone,), own_root=True) == []


def test_a_file_in_the_place_of_a_directory_is_told(view: View, tmp_path: Path) -> None:
    """Also a link that leads nowhere; a link to a directory is one."""
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "link").symlink_to(tmp_path)
    taken = [str(tmp_path / "file"), str(tmp_path / "nowhere")]
    assert found(view, state_directories=(*taken, str(tmp_path / "link"))) == [("STATE_DIRECTORY", "taken", path) for path in taken]


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        ("#!/bin/sh\n", 0o755, ""),
        ("#!/usr/bin/env python3\n", 0o755, ""),
        ("#!/no/such/shell -e\n", 0o755, "not there: /no/such/shell"),
        ("#!/bin/sh\r\necho\r\n", 0o755, "DOS line ends"),
        ("", 0o755, "is empty"),
        ("echo hello\n", 0o755, "neither a program nor a script"),
    ],
)
def test_what_the_kernel_cannot_run_is_told(view: View, tmp_path: Path, text: str, mode: int, told: str) -> None:
    """The interpreter that a script names, and what is no program at all."""
    said = unusable_program(view, script(tmp_path / "web", text, mode))
    assert told in said
    assert bool(said) == bool(told)


def test_a_program_of_another_machine_is_told(view: View, tmp_path: Path) -> None:
    """By its header: the rest need not be read."""
    own = Path("/proc/self/exe").read_bytes()[:256]
    for machine, said in ((own[18:20], False), (b"\xff\xff", True)):
        (tmp_path / "web").write_bytes(own[:18] + machine + own[20:])
        assert bool(unusable_program(view, str(tmp_path / "web"))) == said


def test_the_gap_in_a_path_is_named(view: View, tmp_path: Path) -> None:
    """The first directory that is not there, or the link that leads to where nothing is."""
    (tmp_path / "r2").mkdir()
    (tmp_path / "live").symlink_to("r2")
    (tmp_path / "dead").symlink_to("r3")
    assert gap(view, f"{tmp_path}/a/b") == f"{tmp_path}/a is not there"
    assert gap(view, f"{tmp_path}/live/bin/web") == f"{tmp_path}/live is a link to r2: {tmp_path}/r2/bin is not there"
    assert gap(view, f"{tmp_path}/dead/web") == f"{tmp_path}/dead is a link to r3, which is not there"


def test_output_files_are_read_from_the_unit_file(view: View, tmp_path: Path) -> None:
    """systemd does not tell them; one with a specifier is left to it."""
    unit_file = tmp_path / "web.service"
    unit_file.write_text("[Service]\nStandardOutput=append:/var/log/web/out\nStandardError = file:/var/log/web/%n\nStandardInput=null\n")
    assert output_files(view, Unit(name="web.service", fragment_path=str(unit_file))) == ("/var/log/web/out",)


def test_the_sandbox_is_read_without_what_may_be_missing() -> None:
    """`-` lets a path be missing, `+` means another root; a bind mount needs its source."""
    unit = unit_from({
        "Id": ("s", "web.service"),
        "ReadWritePaths": ("as", ["/a", "-/b", "+/c"]),
        "BindPaths": ("a(ssbt)", [("/d", "/x", False, 0), ("/e", "/x", True, 0)]),
        "LoadCredential": ("a(ss)", [("k", "/f")]),
    })  # fmt: skip
    assert (unit.sandbox_paths, unit.credentials) == (("/a", "/d"), ("/f",))
