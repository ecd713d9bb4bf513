"""Frames that are none: each ends its own connection, and the hands go on."""

import json
import threading

import pytest

from orchestrator.model import Json
from tests.redteam.ground import PERSON, Ground, is_refused

GOOD: Json = {"verb": "perform", "change_id": 5000, "action": {"kind": "restart_unit", "unit": "victim.service"}}
LINE = json.dumps(GOOD).encode() + b"\n"
FRAMES = {
    "nothing": b"\n",
    "no object": b"[]\n",
    "oversized": b'{"verb": "perform", "pad": "' + b"x" * (300 << 10) + b'"}\n',
    "oversized without an end": b"{" * (2 << 20),
    "deep": b'{"verb":"perform","change_id":5000,"action":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}\n",
    "deep lists": b"[" * 200_000 + b"\n",
    "two in one": LINE + LINE,
    "one and a half": LINE + LINE[:20],
    "nul bytes": LINE.replace(b"victim", b"vic\x00tim"),
    "utf-16": LINE.decode().encode("utf-16"),
    "not utf-8": b"\xff\xfe" + LINE,
    "huge number": LINE.replace(b"5000", b"9" * 100_000),
    "not a number": LINE.replace(b"5000", b"NaN"),
    "a float": LINE.replace(b"5000", b"5000.0"),
    "a text": LINE.replace(b"5000", b'"5000"'),
    "a truth": LINE.replace(b"5000", b"true"),
    "negative": LINE.replace(b"5000", b"-1"),
    "past 64 bits": LINE.replace(b"5000", str(2**63).encode()),
    "a field too many": LINE.replace(b"}\n", b', "force": true}\n'),
    "a verb too many": LINE.replace(b'"perform"', b'"reload"'),
    "a verb of python": LINE.replace(b'"perform"', b'"__class__"'),
    "twice the same field": LINE.replace(b'{"verb": "perform"', b'{"verb": "perform", "verb": "approve"'),
    "an action that is a list": LINE.replace(b'{"kind": "restart_unit", "unit": "victim.service"}', b'[["kind", "restart_unit"]]'),
    "lone surrogates": LINE.replace(b"victim", rb"\ud800"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_that_is_none_does_nothing(ground: Ground, name: str) -> None:
    """Whatever it is: refused in words or cut off, and never a trace of the program."""
    with ground.unchanged():
        (answer,) = ground.raw(FRAMES[name])
    assert is_refused(answer), answer
    assert "Traceback" not in json.dumps(answer)


def test_half_a_frame_is_no_request(ground: Ground) -> None:
    """Though all of it but its end was a good one."""
    with ground.unchanged():
        (answer,) = ground.raw(LINE[:-1], half=True)
    assert is_refused(answer)


def test_who_is_slow_holds_up_nobody(ground: Ground) -> None:
    """Many who say nothing, and meanwhile root and a person are served."""
    slow = threading.Thread(target=lambda: ground.host.sh(_holding(60), 60, user="orchestrator"))
    slow.start()
    ground.host.wait_until(lambda: "held" in ground.host.sh("cat /tmp/held 2>/dev/null").out, 20, "connections that are held")
    try:
        ground.serves()
        assert "error" not in ground.approve({"kind": "wait", "target": "till.service", "seconds": 1}, user=PERSON)
    finally:
        slow.join()


def test_a_flood_of_connections_ends_with_whoever_sends_it(ground: Ground) -> None:
    """Hundreds at once, of which most are told that it is too much; root is served while it lasts."""
    flood = threading.Thread(target=lambda: ground.host.sh(_holding(400), 60, user="orchestrator"))
    flood.start()
    ground.host.wait_until(lambda: "held" in ground.host.sh("cat /tmp/held 2>/dev/null").out, 20, "connections that are held")
    try:
        for _ in range(3):
            ground.serves()
    finally:
        flood.join()
    with ground.unchanged():
        ground.serves()


def test_a_flood_of_requests_is_paced(ground: Ground) -> None:
    """Three thousand changes: none is done, most are not even looked at, and afterwards root is served at once."""
    with ground.unchanged():
        many = ground.flood(*[{"verb": "perform", "change_id": 6000, "action": {"kind": "stop_unit", "unit": "payments.service"}}] * 3000)
    assert all("busy" in answer or is_refused(answer) for answer in many)
    assert any("busy" in answer for answer in many)


def test_a_flood_of_questions_runs_no_flood_of_tests(ground: Ground) -> None:
    """Each look whether a restart may be asks the service's own test, as a unit of its own: who asks too often is not asked for."""
    ground.host.ok("rm -f /var/tmp/tests")
    asked = {"verb": "prepare", "action": {"kind": "restart_unit", "unit": "tested.service"}}
    answers = ground.flood(*[asked] * 900)
    assert answers[0]["refusal"] == "", answers[0]
    assert sum("busy" in answer for answer in answers) > 100
    assert int(ground.host.ok("wc -l </var/tmp/tests")) < 800


def test_no_thread_and_no_descriptor_is_left(ground: Ground) -> None:
    """After all of that the hands are as small as before."""
    pid = ground.pid("autonomous-orchestrator-hands.service")
    ground.raw(*([b"{" * 1000] * 50), half=True)

    def small() -> bool:
        threads = int(ground.host.ok(f"ls /proc/{pid}/task | wc -l"))
        return threads < 20 and int(ground.host.ok(f"ls /proc/{pid}/fd | wc -l")) < 60

    ground.host.wait_until(small, 20, "as small as before")


def _holding(number: int) -> str:
    """Connections that say nothing for some seconds."""
    program = f"""
import socket, time
held = []
for _ in range({number}):
    line = socket.socket(socket.AF_UNIX); line.settimeout(2)
    try:
        line.connect("/run/autonomous-orchestrator/hands.sock"); line.send(b"{{"); held.append(line)
    except OSError:
        pass
open("/tmp/held", "w").write("held"); time.sleep(4)
"""
    return f"rm -f /tmp/held; {ground_python()} -c '{program}'; rm -f /tmp/held"


def ground_python() -> str:
    return Ground.program("attacker").split(" ", maxsplit=1)[0]
