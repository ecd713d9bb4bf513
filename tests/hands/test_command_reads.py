"""What the hands run to look: a service's own test and its probes as their own user, and no other command of anybody's."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator.actions.units import config_test
from orchestrator.checks.certificate_standing import trouble
from orchestrator.checks.probe_failing import ask
from orchestrator.host import Unavailable, Unit, View, databases
from orchestrator.host.setting_up import account_ended
from orchestrator.knowledge.evidence.intrusion import _accounts
from tests.hands.closed import SECRET, Place
from tests.host.pems import issue
from tests.knowledge.test_intrusion import case

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has what others may not see")


def script(place: Place, text: str) -> list[str]:
    return ["/bin/sh", place.file("look.sh", text)]


# ---- as root == as an ordinary user with hands; without them a test is not failed but unknown ----


def test_a_configuration_is_not_broken_because_its_test_may_not_read_it(place: Place) -> None:
    """`nginx -t` of an ordinary user says of a key that he may not read what it says of one that is broken."""
    place.service["config_test"] = ["/usr/bin/grep", "-q", "host", place.conf]

    def look(view: View) -> Any:
        result = config_test(view, place.config, Unit(name="shop"))
        assert result
        return [result.ok, result.blind]

    assert place.as_user(look) == look(place.view) == [True, False]
    assert place.alone(look) == [False, True]
    Path(place.conf).write_text("nothing\n")
    place.forget()
    assert place.as_user(look) == look(place.view) == [False, False]
    assert place.alone(look) == [False, True]


def test_a_probe_asks_as_its_own_user(place: Place) -> None:
    """One that nobody may ask here is blind: the service is neither well nor failing."""
    place.service["probes"] = [{"command": ["/bin/cat", place.conf]}, {"file": place.conf, "max_age_seconds": 60}]

    def look(view: View) -> Any:
        return [[result.ok, result.blind] for result in ask(view, place.config.service[0])]

    assert place.as_user(look) == look(place.view) == [[True, False], [True, False]]
    assert place.alone(look) == [[False, True], [False, True]]


def test_what_a_test_says_is_masked_and_bounded(place: Place) -> None:
    """It often repeats the line that it does not like."""
    place.service["config_test"] = script(place, f"yes x | head -n 5000; echo password={SECRET}; exit 1")
    said = place.ask("command", argv=place.service["config_test"])
    assert said["exit"] == 1
    assert SECRET not in said["output"]
    assert len(said["output"]) < 5000


def test_a_database_is_asked_by_whoever_may(place: Place) -> None:
    """What nobody may read is not sound."""
    base = place.closed / "shop.db"
    with sqlite3.connect(base) as made:
        made.execute("CREATE TABLE t (v TEXT)")
        made.executemany("INSERT INTO t VALUES (?)", [("x" * 100,)] * 2000)
    made.close()
    with base.open("r+b") as file:
        file.seek(4096 * 5)
        file.write(b"\xa5" * 4096 * 10)

    def look(view: View) -> Any:
        return list(databases.troubles(view, "shop", place.config.service[0]))

    (found,) = look(place.view)
    assert found[1]
    assert place.as_user(look) == [list(found)]
    with pytest.raises(Unavailable):
        place.alone(look)


def test_a_key_stays_where_it_is_and_still_is_compared(place: Place) -> None:
    """Whether it belongs to its certificate is told; without hands the certificate's own days still are."""
    good, other = issue(place.closed, "shop", "shop.example"), issue(place.closed, "other", "shop.example")
    old = issue(place.root, "old", "shop.example", (-90, -1))
    Path(old.key).chmod(0o600)
    tables = [{"file": good.file, "key": good.key}, {"file": good.file, "key": other.key}, {"file": old.file, "key": old.key}]
    place.more = {"certificate": tables}

    def look(view: View) -> Any:
        verdicts = [trouble(view, declared) for declared in place.config.certificate]
        return [verdict.reason if verdict else "" for verdict in verdicts]

    def the_old(view: View) -> Any:
        verdict = trouble(view, place.config.certificate[2])
        return verdict.reason if verdict else ""

    assert look(place.view)[0] == ""
    assert place.as_user(look) == look(place.view)
    assert place.alone(the_old) == the_old(place.view) == "Expired"
    with pytest.raises(Unavailable):
        place.alone(lambda view: view.certificates.holds_key(good.key))
    assert "PRIVATE KEY" in place.text(good.key)
    assert len(place.text(good.key)) < 60
    assert place.text(good.file) == Path(good.file).read_text()


def test_an_account_that_ended_is_told_and_no_more_of_it(place: Place) -> None:
    """cron starts nothing for it; the rest of shadow(5) stays where it is."""
    assert place.as_user(lambda view: account_ended(view, "nobody")) is account_ended(place.view, "nobody") is False
    with pytest.raises(Unavailable):
        place.alone(lambda view: account_ended(view, "nobody"))


def test_one_closed_place_does_not_hide_the_others(place: Place) -> None:
    """Of the accounts what may be looked at is, and what may not is noted."""

    def look(view: View) -> Any:
        unread: list[str] = []
        return [_accounts(view, case(view.now()), unread), bool(unread)]

    assert place.alone(look)[1] is True
    assert place.as_user(look)[1] is False


# ---- attacks: each is refused ----


@pytest.mark.parametrize(
    ("argv", "user"),
    [
        (["/bin/sh", "-c", "id"], ""),
        (["/usr/bin/grep", "-q", "host", "/etc/shadow"], ""),
        (["/usr/bin/grep", "-q", "host"], ""),
        (["{test}", "{more}"], ""),
        (["{test}"], "nobody"),
        (["{test}"], "0"),
        (["systemctl", "poweroff"], ""),
    ],
)
def test_no_free_command(place: Place, argv: list[str], user: str) -> None:
    """Not another word, not a word more or less, not another user."""
    place.service["config_test"] = ["/usr/bin/true", place.conf]
    words = [part for word in argv for part in ({"{test}": place.service["config_test"], "{more}": ["x"]}.get(word, [word]))]
    assert place.ask("command", argv=place.service["config_test"])["exit"] == 0
    with pytest.raises(Unavailable):
        place.ask("command", argv=words, user=user)


@pytest.mark.parametrize("name", ["-h", "--help", "a b", "$(id)", "a;id", "/etc/shadow", "..", "", "x" * 300])
def test_a_name_is_a_name(place: Place, name: str) -> None:
    """No option, no path, no second word."""
    with pytest.raises(Unavailable):
        place.ask("addresses", name=name)


@pytest.mark.parametrize("user", ["nobody", "daemon", "-x", "root;id"])
def test_only_a_services_own_user_looks_a_name_up(place: Place, user: str) -> None:
    """Who runs no declared service is nobody's to be."""
    with pytest.raises(Unavailable):
        place.ask("addresses", name="localhost", user=user)


@pytest.mark.parametrize(("certificate", "key"), [("{cert}", "/etc/shadow"), ("/etc/shadow", "{key}"), ("{cert}", "{cert}/../other.key")])
def test_only_a_declared_pair_is_compared(place: Place, certificate: str, key: str) -> None:
    """Else the hands would tell which key is where."""
    good = issue(place.closed, "shop", "shop.example")
    place.more = {"certificate": [{"file": good.file, "key": good.key}]}
    with pytest.raises(Unavailable):
        place.ask("key_fits", certificate=certificate.format(cert=good.file), key=key.format(cert=good.file, key=good.key))


def test_a_flood_of_questions_runs_one_command(place: Place) -> None:
    """The same one never twice at once, and its answer counts for some seconds."""
    runs = place.root / "runs"
    place.service["config_test"] = script(place, f"echo x >> {runs}; sleep 0.1")
    config = place.config
    with ThreadPoolExecutor(16) as pool:
        said = list(pool.map(lambda _: place.ask_of(config, "command", argv=place.service["config_test"])["exit"], range(64)))
    assert set(said) == {0}
    assert runs.read_text() == "x\n"


def test_many_different_questions_have_a_pace(place: Place) -> None:
    """Each name is another question; who asks for hundreds at once is told to wait, and no run begins for him."""
    config = place.config

    def asked(number: int) -> str:
        try:
            place.ask_of(config, "addresses", name=f"n{number}.localhost")
        except Unavailable as trouble:
            return str(trouble)
        return ""

    with ThreadPoolExecutor(64) as pool:
        said = list(pool.map(asked, range(400)))
    assert said.count("") >= 100
    assert any("too many looks" in one for one in said)
