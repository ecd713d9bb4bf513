"""File systems without room: what the operator declared goes, and nothing else."""

from tests.lab.watched import Watched, Web

STORE = Web("store", settings="data = /srv/store/data", service="User=ops")  # root may use what is reserved for it
DECLARED = """
[[path]]
path = "/srv/store/cache"
remove_older_than = "1h"
pattern = "*.tmp"
"""


def _disk(watched: Watched) -> Web:
    """A service on a small disk of its own, with a cache that nobody needs, and data beside it."""
    watched.host.disk("/srv/store", 24)
    watched.host.ok("mkdir /srv/store/data /srv/store/cache && echo precious > /srv/store/data/book && touch /srv/store/cache/new.tmp")
    watched.host.ok("chown -R ops /srv/store")
    return watched.web(STORE)


def test_a_full_disk_is_cleaned_where_it_was_declared(watched: Watched) -> None:
    """Old files of the declared pattern go; young ones, others and the data stay, and users can write again."""
    web = _disk(watched)
    watched.declare(DECLARED)
    watched.begin()
    with watched.untouched():
        watched.host.sh("cp /srv/store/data/book /srv/store/cache/book; cat /dev/zero > /srv/store/cache/big.tmp")
        watched.host.ok("touch -d '3 hours ago' /srv/store/cache/big.tmp /srv/store/cache/book")
        assert watched.answers(web, "/write", post="x" * 100_000) == ""
        watched.healed("/srv/store", "clean_path /srv/store/cache")
    assert watched.answers(web, "/write", post="more") == "written"
    assert watched.host.ok("cd /srv/store; ls cache data").split() == ["cache:", "book", "new.tmp", "data:", "book", "data"]


def test_exhausted_inodes_are_freed_where_it_was_declared(watched: Watched) -> None:
    """No byte is missing, and still no file can be made: thousands of small old files go."""
    web = _disk(watched)
    watched.declare(DECLARED)
    watched.begin()
    with watched.untouched():
        watched.host.sh("cd /srv/store/cache && seq -f '%.0f.tmp' 1 9000 | xargs touch -d '3 hours ago' 2>/dev/null")
        watched.host.ok("! touch /srv/store/data/other")
        watched.healed("/srv/store", "clean_path /srv/store/cache")
    assert watched.host.ok("touch /srv/store/data/other; cd /srv/store; ls cache").split() == ["new.tmp"]
    assert watched.answers(web) == "hello"


def test_what_died_for_want_of_room_comes_back_after_the_cleaning(watched: Watched) -> None:
    """It cannot start on a full disk, so room is made first, and then it is started: one incident, one repair."""
    watched.host.disk("/srv/store", 24)
    watched.host.ok("mkdir /srv/store/cache && chown -R ops /srv/store")
    watched.host.write("/opt/lab/first-write", "#!/bin/sh\nhead -c 100000 /dev/zero > /srv/store/first\n", 0o755)
    web = watched.web(Web("store", service="User=ops\nWorkingDirectory=/srv/store\nExecStartPre=/opt/lab/first-write"))
    watched.declare(DECLARED)
    watched.begin()
    with watched.untouched(web.target):
        fill = "cat /dev/zero > /srv/store/cache/big.tmp; touch -d '3 hours ago' /srv/store/cache/big.tmp"
        watched.host.sh(f"{fill}; systemctl kill -s KILL store")
        watched.healed(web.target, "clean_path /srv/store/cache", "start_unit store.service")
    assert watched.answers(web) == "hello"


def test_a_full_disk_with_nothing_declared_is_a_persons(watched: Watched) -> None:
    """What nobody declared is never deleted: a person hears what is full."""
    web = _disk(watched)
    watched.begin()
    with watched.untouched():
        watched.host.sh("cat /dev/zero > /srv/store/data/big")
        escalation = watched.escalated("/srv/store")
    assert "/srv/store" in escalation["title"]
    assert watched.host.ok("cd /srv/store; ls cache data").split() == ["cache:", "new.tmp", "data:", "big", "book", "data"]
    assert watched.answers(web) == "hello"
