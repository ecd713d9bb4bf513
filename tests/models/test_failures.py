"""Whatever a model or its server does, it ends as a failure of the right kind, or as data."""

import time

import pytest

from orchestrator.config import Backend
from phases.models import ModelFailed
from phases.models.child import ask
from tests.models.conftest import KEY, Asks
from tests.models.stub import Play, Stub

ANSWER = {"cause": "the disk is full"}
BY_THE_SERVER = {
    "401": "misconfigured",
    "404": "misconfigured",
    "400": "misconfigured",
    "429": "busy",
    "529": "busy",
    "500": "unreachable",
    "html": "garbage",
    "huge": "cut",
    "dropped": "cut",
    "redirect": "misconfigured",
}
BY_THE_MODEL = dict.fromkeys(("prose", "list", "deep", "odd", "empty", "silent"), "garbage") | {"refusal": "refused", "cut": "cut"}
TABLE = {
    "anthropic": BY_THE_SERVER | BY_THE_MODEL,
    "openai-compatible": BY_THE_SERVER | BY_THE_MODEL,
    "ollama": BY_THE_SERVER | BY_THE_MODEL | {"refusal": "garbage"},  # it has no word for it
    # The CLI looks at the schema itself, asks again by itself where it must, and goes where it is sent.
    "claude-code": BY_THE_SERVER | BY_THE_MODEL | {"cut": "garbage", "wrong": "garbage", "extra": "garbage", "redirect": "unreachable"},
}
ROWS = [(backend, play, kind) for backend, rows in TABLE.items() for play, kind in rows.items()]
LATE = [(backend, play) for backend in TABLE for play in ("hang", "drip")]
_FREE = ("misconfigured", "busy", "unreachable")


@pytest.mark.parametrize(("backend", "play", "kind"), ROWS, ids=[f"{backend}-{play}" for backend, play, _ in ROWS])
def test_each_failure_is_one_of_a_kind(stub: Stub, elsewhere: Stub, request_of: Asks, backend: Backend, play: str, kind: str) -> None:
    """And says why in one line that holds no key; nobody is led elsewhere with it but by the CLI."""
    stub.script = [Play(ANSWER, play=play, times=0, to=f"{elsewhere.url}/v1/messages")]
    with pytest.raises(ModelFailed) as failed:
        ask(request_of(backend))
    assert (failed.value.kind, len(stub.asked) in {1, 2}) == (kind, True), failed.value
    assert failed.value.reason.isprintable()
    assert len(failed.value.reason) <= 400
    assert KEY not in str(failed.value)
    if backend != "claude-code":
        assert not elsewhere.asked
    if play in BY_THE_MODEL and play != "empty":
        assert failed.value.used, "what it has cost was told, and is counted"


@pytest.mark.parametrize(("backend", "play"), LATE, ids=["-".join(row) for row in LATE])
def test_the_deadline_holds(stub: Stub, request_of: Asks, backend: Backend, play: str) -> None:
    """In wall time, whether the server is silent or gives a byte now and then."""
    stub.script = [Play(ANSWER, play=play, times=0)]
    began = time.monotonic()
    with pytest.raises(ModelFailed) as failed:
        ask(request_of(backend, seconds=3.0))
    assert failed.value.kind == "late"
    assert time.monotonic() - began < 4.0


@pytest.mark.parametrize("backend", ["anthropic", "openai-compatible", "ollama"])
@pytest.mark.parametrize("play", ["wrong", "extra"])
def test_another_object_than_was_asked_for_is_data(stub: Stub, request_of: Asks, backend: Backend, play: str) -> None:
    """Where the server does not hold its model to the schema, the asker sees what it said, and refuses it himself."""
    stub.script = [Play(ANSWER, play=play)]
    assert ask(request_of(backend)).answer in ({"surprise": True}, {**ANSWER, "shell": "rm -rf /"})


@pytest.mark.parametrize("backend", list(TABLE))
def test_nobody_listens(stub: Stub, request_of: Asks, backend: Backend) -> None:
    """A server that is down is told as one."""
    stub.shutdown()
    stub.server_close()
    with pytest.raises(ModelFailed) as failed:
        ask(request_of(backend))
    assert failed.value.kind == "unreachable"


@pytest.mark.parametrize("url", ["http://192.0.2.1/v1", "ftp://127.0.0.1/", "http://127.0.0.1.example/", "http:///x", "http://[::2]/"])
@pytest.mark.parametrize("backend", ["ollama", "openai-compatible"])
def test_neither_https_nor_loopback_is_not_asked(request_of: Asks, backend: Backend, url: str) -> None:
    """The child looks itself, whatever let the address through before."""
    with pytest.raises(ModelFailed) as failed:
        ask(request_of(backend, url=url))
    assert failed.value.kind == "misconfigured"
    assert "neither https nor on this host's loopback" in failed.value.reason
