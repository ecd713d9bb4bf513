"""What experts remember: one memory of each word of theirs, with its record, bounded and gone after its time."""

import json
import time

import pytest

from orchestrator.model import Case, Outcome, Scope
from orchestrator.store import Lesson, Reader, Stale, Store, remembered, retention
from orchestrator.store.words import FACT_CHARACTERS, Proved
from tests.store.made import a_begun_change, a_fault, an_incident, rows


def a_case(store: Store, target: str = "web.service", service: str | None = None) -> Case:
    number = an_incident(store, a_fault(target))
    case = store.case(number)
    assert case is not None
    return case.model_copy(update={"scope": Scope(target=target, service=service)})


def a_lesson(proved: Proved = "healed", expert: str = "log-reader", fact: str = "it crashed", **fields: object) -> Lesson:
    given = {"expert": expert, "stance": "propose", "kinds": ("start_unit",), "fact": fact, "proved": proved}
    return Lesson.model_validate({**given, **fields})


def test_the_same_word_again_is_one_memory_with_a_record(store: Store) -> None:
    """Right and wrong are counted, the newest words are kept; another plan, kind of fault or expert is another memory."""
    case = a_case(store, "shop@2.service", "shop")
    store.remember(case, (a_lesson(fact="first"),))
    store.remember(case, (a_lesson("rolled_back", fact="second"), a_lesson("missed", "dns", stance="person", kinds=())))
    (memory,) = store.memories("log-reader")
    assert (memory.wins, memory.losses, memory.fact, memory.proved) == (1, 1, "second", "rolled_back")
    assert (memory.check, memory.target, memory.service, memory.incident) == ("unit_failed", "shop@.service", "shop", case.incident.id)
    assert memory.signature == case.incident.signature
    (other,) = store.memories("dns")
    assert (other.stance, other.kinds, other.losses) == ("person", (), 1)
    store.remember(case, (a_lesson(kinds=("restart_unit",)),))
    assert [one.kinds for one in store.memories("log-reader")] == [("restart_unit",), ("start_unit",)]


def test_a_fact_is_masked_one_line_and_bounded(store: Store) -> None:
    """Whatever a model, or whoever writes rows, has put there."""
    hostile = "password=hunter2 <script>\x1b[2J\u202e\nrestart ssh " + "x " * 10_000
    store.remember(a_case(store), (a_lesson(fact=hostile),))
    (row,) = rows(store, "SELECT fact FROM expert_memory")
    assert len(row["fact"]) == FACT_CHARACTERS
    assert row["fact"].startswith("password=[masked] <script> [2J restart ssh x x")
    store.ledger.run("UPDATE expert_memory SET fact = ?", (hostile,))
    (memory,) = store.memories("log-reader")
    assert (len(memory.fact), memory.fact.isprintable()) == (FACT_CHARACTERS, True)


def test_a_row_that_makes_no_sense_is_left_out(store: Store) -> None:
    """An action that is none, and too many of them, are not told to anybody."""
    for n, kinds in enumerate((["rm -rf /"], ["start_unit"] * 1000, {"a": 1})):
        store.remember(a_case(store, f"w{n}.service"), (a_lesson(),))
        store.ledger.run("UPDATE expert_memory SET kinds = ? WHERE id = ?", (json.dumps(kinds), n + 1))
    assert store.memories("log-reader") == ()


def test_an_expert_remembers_so_much_and_no_more(store: Store) -> None:
    """Beyond it the least proved goes, and is counted; the newest stays, and what others remember too."""
    case = a_case(store)
    store.remember(case, (a_lesson(expert="other"), a_lesson(kinds=("first",)), a_lesson(kinds=("first",))))
    names = [(f"kind_{chr(97 + n // 26)}{chr(97 + n % 26)}",) for n in range(remembered.MEMORIES_KEPT + 2)]
    for kinds in names:
        store.remember(case, (a_lesson(kinds=kinds),))
    kept = {memory.kinds for memory in store.memories("log-reader")}
    assert len(kept) == remembered.MEMORIES_KEPT
    assert {("first",), names[-1]} < kept
    assert len(store.memories("other")) == 1
    assert rows(store, "SELECT a, n FROM tallies WHERE name = 'memories_dropped'") == [{"a": "log-reader", "n": 3.0}]


def test_a_memory_ends(store: Store) -> None:
    """What was not verified for its time is neither recalled nor kept; a verification begins the time anew."""
    case = a_case(store)
    store.remember(case, (a_lesson(),))
    store.ledger.run("UPDATE expert_memory SET expires_at = '2020-01-01 00:00:00.000'")
    assert store.memories("log-reader") == ()
    store.remember(case, (a_lesson(),))
    assert store.memories("log-reader")[0].wins == 2
    store.tidy(time.time() + (remembered.MEMORY_DAYS - 1) * retention.DAY)
    assert len(store.memories("log-reader")) == 1
    store.tidy(time.time() + (remembered.MEMORY_DAYS + 1) * retention.DAY)
    assert rows(store, "SELECT id FROM expert_memory") == []


def test_a_relapse_revokes(store: Store) -> None:
    """Who was right by a healing that did not last was wrong, and who was wrong by it was not; once, however often it comes back."""
    case = a_case(store)
    attempt, _ = a_begun_change(store, case.incident.id)
    store.end_attempt(attempt, Outcome.HEALED, "")
    said = (a_lesson(), a_lesson("missed", "dns", kinds=("reload_unit",)), a_lesson("missed", "tls", stance="person", kinds=()))
    store.remember(case, (*said, a_lesson("no_effect", "dns", kinds=("wait",))))
    store.remember(case, (a_lesson("rolled_back", "tls", stance="propose", kinds=("wait",)),))
    store.ledger.run("UPDATE expert_memory SET losses = 2 WHERE expert = 'dns' AND kinds = '[\"reload_unit\"]'")
    for _ in range(2):
        store.revoke_memories(case.incident.id)
    (mine,) = store.memories("log-reader")
    assert (mine.wins, mine.losses, mine.proved) == (0, 1, "relapsed")
    assert {(one.kinds, one.losses, one.proved) for one in store.memories("dns")} == {
        (("reload_unit",), 1, "moot"),
        (("wait",), 1, "no_effect"),
    }
    assert [one.kinds for one in store.memories("tls")] == [("wait",)]
    store.revoke_memories(99)


def test_a_person_corrects_and_forgets(store: Store) -> None:
    """His words stay whatever is verified later, both are in the audit, and what is not there cannot be changed."""
    case = a_case(store)
    store.remember(case, (a_lesson(fact="wrong"),))
    store.correct_memory(1, "the disk\x1b[2J was full, token=abcdefgh", "eve")
    store.remember(case, (a_lesson(fact="wrong again"),))
    (memory,) = store.memories("log-reader")
    assert (memory.fact, memory.said_by, memory.wins) == ("the disk [2J was full, token=[masked]", "eve", 2)
    store.forget_memory(1, "eve")
    assert store.memories("log-reader") == ()
    told = [(row["actor"], row["what"]) for row in rows(store, "SELECT * FROM audit ORDER BY id")]
    kept = ("orchestrator", "memory kept")
    assert told == [kept, ("eve", "memory corrected"), kept, ("eve", "memory forgotten")]
    with pytest.raises(Stale, match="there is no memory 1"):
        store.forget_memory(1, "eve")
    with pytest.raises(Stale, match="there is no memory 1"):
        store.correct_memory(1, "x", "eve")


def test_a_form_that_is_sent_as_it_was_found_says_nothing(store: Store) -> None:
    """An expert's words may quote a log, and only a person's own are told to a model as they stand."""
    store.remember(a_case(store), (a_lesson(fact="the log says: restart ssh"),))
    store.correct_memory(1, "the log says: restart  ssh ", "eve")
    assert [(memory.fact, memory.said_by) for memory in store.memories("log-reader")] == [("the log says: restart ssh", "")]


def test_what_was_shown_is_counted_and_read_without_the_daemon(store: Store) -> None:
    """The reader lists them by expert, the best proved first."""
    case = a_case(store)
    store.remember(case, (a_lesson("no_effect", kinds=("wait",)), a_lesson(), a_lesson(expert="dns")))
    store.note_uses([2])
    reader = Reader(store.ledger.path.parent)
    assert [(row["expert"], row["kinds"], row["uses"]) for row in reader.memories()] == [
        ("dns", ["start_unit"], 0),
        ("log-reader", ["start_unit"], 1),
        ("log-reader", ["wait"], 0),
    ]
    assert [row["id"] for row in reader.memories("dns")] == [3]
    assert (reader.memory(2) or {})["uses"] == 1
    assert reader.memory(9) is None
