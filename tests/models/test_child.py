"""The child of a call: what it may know, and that nothing is left of it."""

import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from orchestrator.config import Backend
from phases.models import ModelFailed
from phases.models.child import ask
from tests.models.conftest import CLAUDE, KEY, Asks
from tests.models.stub import Asked, Play, Stub

HERE = Path(__file__).parents[2]
BACKENDS: tuple[Backend, ...] = ("anthropic", "claude-code", "openai-compatible", "ollama")


@pytest.fixture
def own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the children's folders are made, and nobody else's."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def children(folder: Path) -> Iterator[Path]:
    """Whatever runs in the folder, by its place in /proc."""
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdigit() and (process / "cwd").readlink().is_relative_to(folder):
                yield process


def nothing_runs_in(folder: Path, seconds: float = 5.0) -> bool:
    """At the latest then: what was killed may take a moment to be gone."""
    for process in children(folder):
        with suppress(ProcessLookupError), os.fdopen(os.pidfd_open(int(process.name))) as ended:
            select.select([ended], [], [], seconds)
    return not list(children(folder))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_key_is_in_no_argument_and_no_environment(
    stub: Stub, request_of: Asks, own_tmp: Path, monkeypatch: pytest.MonkeyPatch, backend: Backend
) -> None:
    """Of nobody, while the call is under way; nor is what systemd or an operator's shell gave the daemon. Afterwards nothing is left."""
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY", "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "sk-of-somebody")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    seen: list[str] = []

    def look(asked: Asked) -> Play:
        del asked
        seen.extend((process / "cmdline").read_text() + (process / "environ").read_text() for process in children(own_tmp))
        return Play(play="hang")

    stub.script = look
    with pytest.raises(ModelFailed, match="late"):
        ask(request_of(backend, seconds=6.0))
    assert stub.asked[0].key == KEY
    assert len(seen) >= (2 if backend == "claude-code" else 1)
    assert not [text for text in seen if KEY in text or "sk-of-somebody" in text]
    assert nothing_runs_in(own_tmp)
    assert list(own_tmp.iterdir()) == []


def test_the_daemon_never_imports_the_library(stub: Stub, request_of: Asks, tmp_path: Path) -> None:
    """Nor anything else of the child's: after an answer there is no more in its process than before."""
    stub.script = [Play({"cause": "x"})]
    (tmp_path / "request").write_text(request_of("anthropic").model_dump_json())
    program = """
import sys
from phases.models import Request
from phases.models.child import ask
before = set(sys.modules)
assert ask(Request.model_validate_json(open(sys.argv[1]).read())).answer == {"cause": "x"}
print(*sorted(name for name in sys.modules if name.split(".")[0] in ("anthropic", "httpx2") or name.startswith("phases.backends")))
print(*sorted(name for name in set(sys.modules) - before if name.split(".")[0] not in sys.stdlib_module_names))
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "request"], cwd=HERE, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_without_its_library_a_backend_says_what_to_type(request_of: Asks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon does not need it."""
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin/python"
    without = "import runpy, sys; sys.modules['anthropic'] = None; runpy.run_module('phases.backends', run_name='__main__')"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -P -c "{without}"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ModelFailed, match="Anthropic's SDK is not installed") as failed:
        ask(request_of("anthropic"))
    assert failed.value.kind == "misconfigured"
    assert "pip install 'anthropic>=2,<3'" in failed.value.mend


@pytest.mark.parametrize("name", ["phases", "json", "anthropic", "sitecustomize"])
def test_it_runs_nothing_of_the_folder_it_was_called_in(
    stub: Stub, request_of: Asks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Root may ask wherever somebody left a file that is called like a module."""
    (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    stub.script = [Play({"cause": "x"})]
    assert ask(request_of("ollama")).answer == {"cause": "x"}
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("program", "kind", "reason"),
    [
        ("kill -9 $$", "garbage", "its child ended without an answer, and said: nothing"),
        ("echo 'Boom: password=hunter2' >&2; exit 3", "garbage", "said: Boom: password="),
        ("echo '{}'", "garbage", "its child ended"),
        ('echo \'{"failed": "nonsense", "reason": "x"}\'', "garbage", "its child ended"),
        ("head -c 9000000 /dev/zero", "cut", "it said more than 2048 KiB"),
        ("head -c 9000000 /dev/zero >&2; cat", "garbage", "its child ended"),
        ("exec sleep 600", "late", "in time"),
        ("sleep 600 & exec sleep 600", "late", "in time"),
        ("exec >&- 2>&-; exec sleep 600", "garbage", "its child ended"),
        ("trap '' TERM INT; while :; do echo -n x; sleep 0.1; done", "late", "in time"),
    ],
)
def test_whatever_becomes_of_it_is_a_failure(
    request_of: Asks, tmp_path: Path, own_tmp: Path, monkeypatch: pytest.MonkeyPatch, program: str, kind: str, reason: str
) -> None:
    """Within the deadline; what it complains of is bounded and masked, and nothing of it runs on."""
    script = tmp_path / "child"
    script.write_text(f"#!/bin/sh\n{program}\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    began = time.monotonic()
    with pytest.raises(ModelFailed) as failed:
        ask(request_of("ollama", seconds=2.0))
    assert (failed.value.kind, time.monotonic() - began < 3.0) == (kind, True)
    assert reason in failed.value.reason
    assert "hunter2" not in str(failed.value)
    assert nothing_runs_in(own_tmp)


def test_a_child_whose_daemon_was_killed_ends_by_itself(stub: Stub, request_of: Asks, tmp_path: Path) -> None:
    """Soon after its deadline, with all that it has started."""
    asked = threading.Event()

    def hang(_asked: Asked) -> Play:
        asked.set()
        return Play(play="hang")

    stub.script = hang
    backend: Backend = "claude-code" if CLAUDE.exists() else "ollama"
    request = request_of(backend, seconds=5.0)
    (tmp_path / "request").write_text(request.model_dump_json())
    program = """
import sys
from phases.models import Request
from phases.models.child import ask
ask(Request.model_validate_json(open(sys.argv[1]).read()))
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(HERE)}
    with subprocess.Popen([sys.executable, "-c", program, tmp_path / "request"], env=environment) as daemon:
        assert asked.wait(30)
        daemon.kill()
    assert list(children(tmp_path))
    assert nothing_runs_in(tmp_path, 20)
