"""What lines of a log say about the kind of a fault."""

from orchestrator.knowledge.signs import signs_in

LOG = """\
12:00:01 loading the append only file
12:00:02 # Bad file format reading the append only file orders.1.aof: make a backup
12:00:03 exiting
"""


def test_a_sign_names_its_line_as_it_was_written() -> None:
    """A person who is woken reads the program's own words."""
    line = "12:00:02 # Bad file format reading the append only file orders.1.aof: make a backup"
    assert signs_in(LOG) == {"danger.corruption": line}


def test_the_last_line_of_a_sign_counts() -> None:
    """What the program said last is nearest to its end."""
    assert signs_in("port 80 already in use\nport 81 already in use") == {"log.address_in_use": "port 81 already in use"}


def test_an_endless_line_is_cut() -> None:
    """A fact is bounded, whatever a program writes."""
    assert len(signs_in("No space left on device " * 1000)["log.no_space"]) == 300
