"""Each backend, asked over a real network of a played model, by its real child."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.config import Backend
from phases.models import Request, Turn
from tests.models.stub import Stub

CLAUDE = Path(__file__).parents[2] / "build/claude/node_modules/.bin/claude"
KEY = "sk-made-up-4711"
SCHEMA = {"type": "object", "properties": {"cause": {"type": "string"}}, "required": ["cause"], "additionalProperties": False}
ENDLESS = 90.0
"""Seconds for what does not wait for its deadline: a library may take a while to start on a busy host."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as served:
        yield served


@pytest.fixture
def elsewhere() -> Iterator[Stub]:
    """A server that nobody should be led to."""
    with Stub() as served:
        yield served


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "model.key"
    file.write_text(KEY + "\n")
    file.chmod(0o600)
    return file


Asks = Callable[..., Request]


@pytest.fixture
def request_of(stub: Stub, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> Asks:
    """A request to the stub, ready to be asked."""

    def of(backend: Backend, **more: object) -> Request:
        if backend == "claude-code":
            with_claude(monkeypatch)
        given = {
            "backend": backend,
            "model": "claude-haiku-5-5",
            "url": stub.url + ("/v1" if backend == "openai-compatible" else ""),
            "key_file": str(key_file),
            "system": "You look at a host.",
            "turns": (Turn(role="user", text='{"log": "out of space"}'),),
            "answer_schema": SCHEMA,
            "answer_tokens": 1024,
            "seconds": ENDLESS,
        }
        return Request.model_validate({**given, **more})

    return of


def with_claude(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CLI on the PATH; or the test is skipped."""
    if not CLAUDE.exists():
        pytest.skip("the Claude CLI is not there: scripts/check fetches it where npm is")
    monkeypatch.setenv("PATH", str(CLAUDE.parent), prepend=":")
