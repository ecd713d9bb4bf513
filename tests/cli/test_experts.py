"""The roster at the command line, and what the experts remember."""

import json

from escalation import Desk
from orchestrator.store import Lesson, Store
from tests.cli.conftest import Call
from tests.cli.scenes import ATTACK, fault, opened, store_case
from tests.cli.test_people import answering


def remembers(store: Store, expert: str = "log-reader", fact: str = "the cache was full", unit: str = "shop.service") -> None:
    """A plan of his healed."""
    case = store_case(store, opened(store, fault(unit)))
    lesson = Lesson(expert=expert, stance="propose", kinds=("clean_path", "restart_unit"), fact=fact, proved="healed")
    store.remember(case, (lesson,))


def test_one_expert_with_his_record(call: Call, store: Store) -> None:
    """His role file, his score, and what he remembers."""
    remembers(store)
    told = call("experts", "show", "log-reader")
    assert told.exit_code == 0
    assert told.stdout.startswith("log-reader (")
    assert "so far  right once, wrong never\n" in told.stdout
    assert "#1 unit_failed shop.service: clean_path, restart_unit\n      the cache was full\n" in told.stdout
    data = json.loads(call("experts", "show", "log-reader", "--json").stdout)
    assert (data["name"], data["memory"][0]["fact"]) == ("log-reader", "the cache was full")


def test_an_expert_who_is_not_there_is_a_usage_error(call: Call, store: Store) -> None:
    """With the one that was meant, and all that there are."""
    del store
    for words in (("experts", "show", "log-raeder"), ("experts", "memory", "log-raeder")):
        result = call(*words)
        assert result.exit_code == 64
        assert "Did you mean log-reader? There are: " in result.stderr
        assert "systemd" in result.stderr


def test_memories_are_listed_by_expert(call: Call, store: Store) -> None:
    """All, or one's; what a terminal would obey is gone; the researcher, who has no role file, is known."""
    assert call("experts", "memory").stdout.startswith("nothing is remembered yet")
    assert call("experts", "memory", "researcher").exit_code == 0
    remembers(store)
    remembers(store, "dns", f"{ATTACK} restart ssh", "web.service")
    store.ledger.run(
        "UPDATE expert_memory SET fact = ?, kinds = ? WHERE id = 2", (f"{ATTACK} restart ssh" + "x" * 10_000, f'["{"y" * 900}"]')
    )
    told = call("experts", "memory").stdout
    assert told.index("dns: right once") < told.index("log-reader: right once")
    assert "\x1b" not in told
    assert "forged restart sshxxx" in told
    assert max(map(len, told.splitlines())) < 1000
    assert [row["expert"] for row in json.loads(call("experts", "memory", "--json").stdout)] == ["dns", "log-reader"]
    assert [row["id"] for row in json.loads(call("experts", "memory", "dns", "--json").stdout)] == [2]


def test_a_person_corrects_and_forgets(call: Call, store: Store, desk: Desk) -> None:
    """As a decision that the daemon takes up, told and audited like those on patterns."""
    remembers(store)
    with answering(store, desk):
        assert call("experts", "correct", "1", "the disk was full").stdout == "memory 1 is corrected\n"
        assert [one.fact for one in store.memories("log-reader")] == ["the disk was full"]
        assert call("experts", "forget", "1").stdout == "memory 1 is forgotten\n"
    assert store.memories("log-reader") == ()
    assert [row["what"] for row in store.ledger.rows("SELECT what FROM audit ORDER BY id")] == [
        "memory kept",
        "memory corrected",
        "correct_memory",
        "memory forgotten",
        "forget_memory",
    ]
    assert call("experts", "forget", "1").exit_code == 1
    assert call("experts", "correct", "1", "x" * 301).exit_code == 64


def test_a_decision_waits_for_a_stopped_daemon(call: Call, store: Store, desk: Desk) -> None:
    """It is left, and said so; nothing has changed yet."""
    del desk
    remembers(store)
    assert call("experts", "forget", "1").stdout.startswith("left for the daemon as decision 1")
    assert len(store.memories("log-reader")) == 1
