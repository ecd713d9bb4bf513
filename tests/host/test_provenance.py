"""Where a program comes from, on this host's own packages and files."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.host import Unit, View
from orchestrator.host import provenance as module
from orchestrator.host.provenance import altered, package_of, programs_of, script_of, strange_place

SHELL = Path("/bin/sh").resolve()
pytestmark = pytest.mark.skipif(not Path("/usr/bin/dpkg-query").exists(), reason="there is no dpkg here")


@pytest.fixture
def view() -> Iterator[View]:
    opened = View()
    yield opened
    opened.close()


def test_a_file_belongs_to_the_package_that_brought_it(tmp_path: Path) -> None:
    """By either of its names, where /bin has become /usr/bin; a file of nobody's belongs to none, and no name is a pattern."""
    own = package_of(str(SHELL))
    assert own
    assert own == package_of(str(SHELL).removeprefix("/usr")) == package_of("/usr" + str(SHELL).removeprefix("/usr"))
    assert package_of(str(tmp_path / "mine")) == ""
    assert package_of("/bin/s*") == ""


def test_a_program_as_it_came_is_not_altered(view: View, tmp_path: Path) -> None:
    """Nor is one of which no package knows, nor one that is gone."""
    assert altered(view, str(SHELL)) == ""
    assert altered(view, str(tmp_path / "mine")) == ""


def test_another_content_than_the_packages_is_altered(view: View, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the package's own list of digests."""
    package = package_of(str(SHELL))
    (tmp_path / f"{package}.md5sums").write_text(f"{'0' * 32}  {str(SHELL).lstrip('/')}\n")
    monkeypatch.setattr(module, "_INFO", str(tmp_path))
    assert altered(view, str(SHELL)) == package


def test_a_script_is_a_program_too(tmp_path: Path) -> None:
    """Behind an interpreter and its options, or in a shell's command; what is merely read or written is none."""
    script = tmp_path / "job"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    data = tmp_path / "data"
    data.write_text("")

    def of(*argv: str) -> tuple[str, ...]:
        return programs_of(Unit(name="x.service", programs=argv[:1], exec_start=(argv,)))[1:]

    assert of("/bin/sh", str(script)) == of("/usr/bin/python3", "-u", str(script), str(data)) == (str(script),)
    assert of("/bin/sh", "-c", f"exec {script} >>{data}") == (str(script),)
    assert of("/usr/sbin/nginx", "-c", str(data)) == ()
    assert programs_of(Unit(name="x.service", programs=("/bin/sh",), own_root=True)) == ()


def test_the_script_of_a_process(view: View, tmp_path: Path) -> None:
    """As the interpreter was called."""
    script = tmp_path / "job.py"
    script.write_text("print(flush=True); input()")
    with subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()  # Popen returns before the kernel has set up what the program was called with
        found = view.processes.get(process.pid)
        assert found
        assert script_of(found) == str(script)
        process.communicate(b"\n")


def test_where_everybody_may_write_is_a_strange_place(view: View, tmp_path: Path) -> None:
    """A directory above it, or the file itself."""
    program = tmp_path / "open" / "deep" / "program"
    program.parent.mkdir(parents=True)
    shutil.copy(SHELL, program)
    program.chmod(0o757)
    assert strange_place(view, str(program)) == "everybody may write to it"
    assert strange_place(view, str(SHELL)) == ""
    program.chmod(0o755)
    (tmp_path / "open").chmod(0o1777)
    assert strange_place(view, str(program)) == f"lies beneath {tmp_path / 'open'}, where everybody may write"
