"""The played model itself: what other tests lean on."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.models import stub as program
from tests.models.stub import Play, Stub


def post(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Authorization": "Bearer k"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        return json.load(response)


def chat(stub: Stub, text: str) -> str:
    said = post(stub.url + "/api/chat", {"model": "m", "messages": [{"role": "user", "content": text}]})
    return str(said["message"]["content"])


def test_a_script_is_played_in_order_and_its_last_play_for_ever() -> None:
    """What fits and is not used up comes first."""
    script = [Play({"n": 1}), Play({"n": 2}, times=2), Play({"n": "b"}, when=["bee"]), Play({"n": 3})]
    with Stub(script) as stub:
        said = [json.loads(chat(stub, text))["n"] for text in ("a", "bee", "a", "bee", "a", "bee", "a")]
    assert said == [1, 2, 2, "b", 3, 3, 3]
    assert [one.key for one in stub.asked] == ["k"] * 7


def test_an_answer_names_what_it_found_in_the_question() -> None:
    """So a script chooses by id what code has put on the list."""
    find = {"A": r'"(a\d+)": "restart', "B": r"log: (.*)", "N": r'"a(\d+)": "restart'}
    script = [Play({"plan": ["$A"], "why": "$B", "number": "#N"}, find=find)]
    with Stub(script) as stub:
        assert json.loads(chat(stub, '{"a1": "stop", "a2": "restart shop"}\nlog: a "quoted" word')) == {
            "plan": ["a2"],
            "why": 'a "quoted" word',
            "number": 2,
        }


def test_it_runs_as_a_program(tmp_path: Path) -> None:
    """On a host where nothing of ours is installed; what it was asked can be asked for."""
    script = tmp_path / "plays.json"
    script.write_text('[{"answer": {"n": 1}}]')
    with Stub() as free:
        port = free.server_port
    command = [sys.executable, "-I", str(program.__file__), "--port", str(port), "--script", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert post(url + "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "x"}]})["choices"]
        with urllib.request.urlopen(url + "/asked", timeout=10) as response:  # noqa: S310
            told = json.load(response)
        process.kill()
    assert (told["calls"], told["most_at_once"], told["asked"][0]["turns"]) == (1, 1, ["x"])
