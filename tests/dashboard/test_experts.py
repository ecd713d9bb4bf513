"""The experts for people and for programs: who is asked, how that stood up, and a person's word on what they remember."""

from pathlib import Path

import pytest

from dashboard.app import create
from dashboard.pages.looks import look
from escalation import Desk
from escalation.doors import Doors
from orchestrator.config import Config
from orchestrator.model import Minute
from orchestrator.store import Lesson, Store
from tests.cli.scenes import opened, store_case
from tests.cli.test_people import answering
from tests.dashboard.conftest import Browser
from tests.dashboard.markup import Markup


@pytest.fixture
def number(store: Store, desk: Desk) -> int:
    """log-reader was asked three times, failed once, was right once and wrong once."""
    number = opened(store)
    case = store_case(store, number)
    lesson = Lesson(expert="log-reader", stance="propose", kinds=("restart_unit",), fact="it lost its database", proved="healed")
    for taught in (lesson, lesson.model_copy(update={"kinds": ("wait",), "proved": "no_effect"})):
        desk.minutes(number, (Minute(expert="log-reader", stance="propose"),))
        desk.proved(number, (taught,))
        store.remember(case, (taught,))
    desk.minutes(number, (Minute(expert="log-reader", stance="failed"),))
    return number


def test_each_expert_has_his_record(anna: Browser, number: int) -> None:
    """Asked, right and wrong in the list; on his own page what he remembers, in his own words, and what it does not do."""
    cells = anna.get("/experts").text.split('href="/experts/log-reader"')[1].split("</tr>")[0]
    assert [f'data-label="{name}">{n}' in cells for name, n in (("asked", 3), ("right", 1), ("wrong", 1), ("remembers", 2))] == [True] * 4
    assert "1 failed" in cells
    page = Markup(anna.get("/experts/log-reader").text)
    for words in ("it lost its database", "restart unit", f"incident #{number}", "it chooses nothing"):
        assert words in page.text
    assert "/experts/researcher" in Markup(anna.get("/experts").text).links
    assert anna.get("/experts/nobody").status_code == 404


def test_a_person_corrects_and_forgets(anna: Browser, store: Store, desk: Desk, number: int) -> None:
    """Only a page of its own does it, the daemon takes it up, and the correction can be taken back."""
    assert number
    assert ("post", "/memories/1/forget") in Markup(anna.get("/memories/1/forget").text).forms
    with answering(store, desk):
        anna.act("/memories/1/correct", fact="<b>its disk</b> was full", next="/experts/log-reader")
        page = anna.get("/experts/log-reader").text
        assert "&lt;b&gt;its disk&lt;/b&gt; was full" in page
        assert "corrected by anna" in page
        assert 'name="fact" value="it lost its database"' in page, "the way back"
        anna.act("/memories/1/forget", next="/experts/log-reader")
    assert {memory.id for memory in store.memories("log-reader")} == {2}
    assert anna.get("/memories/1/forget").status_code == 404
    assert anna.act("/memories/2/correct", fact="x" * 301).status_code == 422


def test_every_proof_has_its_look() -> None:
    """A word, an icon and a colour for each way in which a memory stood up."""
    for proved in ("healed", "missed", "no_effect", "rolled_back", "stranded", "relapsed", "moot"):
        assert look("proved", proved).icon != look("proved", "unheard of").icon


def test_a_program_reads_and_acts_alike(stranger: Browser, doors: Doors, store: Store, desk: Desk, number: int) -> None:
    """Lists, one memory, and both acts; who may only read cannot act."""
    assert number
    token = {name: {"Authorization": f"Bearer {doors.create_token(name, name, 'anna')}"} for name in ("read", "write")}
    experts = {row["name"]: row for row in stranger.get("/api/v1/experts", token["read"]).get_json()["rows"]}
    assert (experts["log-reader"]["asked"], experts["log-reader"]["wins"], experts["log-reader"]["losses"]) == (3, 1, 1)
    assert "researcher" in experts
    rows = stranger.get("/api/v1/memories", token["read"]).get_json()["rows"]
    assert [(row["id"], row["kinds"], row["proved"]) for row in rows] == [(1, ["restart_unit"], "healed"), (2, ["wait"], "no_effect")]
    assert stranger.get("/api/v1/memories/2", token["read"]).get_json()["fact"] == "it lost its database"
    assert stranger.get("/api/v1/memories/9", token["read"]).status_code == 404
    assert stranger.post("/api/v1/memories/2/forget", headers=token["read"], json={}).status_code == 403
    with answering(store, desk):
        said = stranger.post("/api/v1/memories/2/correct", headers=token["write"], json={"fact": "it only looked so"})
        assert (said.status_code, said.get_json()["text"]) == (200, "memory 2 is corrected")
        assert said.get_json()["undo"] == {
            "of": "memory",
            "verb": "correct",
            "number": 2,
            "fields": {"fact": "it lost its database", "his": True},
        }
        assert store.memories("log-reader")[1].said_by != ""
        undone = stranger.post("/api/v1/memories/2/correct", headers=token["write"], json=said.get_json()["undo"]["fields"])
        assert undone.status_code == 200
        taken_back = store.memories("log-reader")[1]
        assert (taken_back.fact, taken_back.said_by) == ("it lost its database", ""), "retold to a model, as it was before"
        assert stranger.post("/api/v1/memories/2/forget", headers=token["write"], json={}).status_code == 200
    assert [memory.id for memory in store.memories("log-reader")] == [1]


def test_a_role_file_that_cannot_be_read_is_told(desk: Desk, config: Config, state_dir: Path, tmp_path: Path) -> None:
    """On the page, and not as a fault of ours; the API says that it cannot now."""
    del desk
    (tmp_path / "config.toml").write_text(f'[daemon]\nstate_dir = "{state_dir}"\n')
    (tmp_path / "experts.d").mkdir()
    (tmp_path / "experts.d" / "own.toml").write_text('name = "own"\nabout = "<b>me</b>"\nwrong = 1\n')
    anna = Browser(create(config, tmp_path / "config.toml"))
    with Doors(state_dir) as doors:
        anna.post("/login", {"token": doors.invite("anna")})
        token = {"Authorization": f"Bearer {doors.create_token('p', 'read', 'anna')}"}
    page = anna.get("/experts")
    assert page.status_code == 200
    assert "A role file cannot be read" in page.text
    assert "experts.d/own.toml" in page.text
    assert anna.get("/experts/log-reader").status_code == 404
    assert anna.get("/api/v1/experts", token).status_code == 503
