"""Files: by traversal, by links, by races while deleting, by actions that were meant for others."""

from collections.abc import Iterator

import pytest

from orchestrator.model import Json
from tests.redteam.ground import Ground

CLEAN: Json = {"kind": "clean_path", "path": "/srv/disk/cache", "pattern": "*.tmp", "older_than_seconds": 0}
KEPT = "/var/lib/autonomous-orchestrator-hands/approvals"
RECORD = "/var/lib/autonomous-orchestrator-hands/record"


@pytest.fixture
def roomy(ground: Ground) -> Iterator[Ground]:
    """A declared place that belongs to another user, and budgets that are not met."""
    ground.settings(per_target=1000)
    ground.host.ok("rm -rf /srv/disk/cache && install -d -o orchestrator /srv/disk/cache")
    yield ground
    ground.host.ok("rm -rf /srv/disk/cache && mkdir /srv/disk/cache")
    ground.settings()


@pytest.mark.parametrize(
    "more",
    [
        {"path": "/srv/disk/precious"},
        {"path": "/srv/disk/cache/../../../srv/disk/precious"},
        {"path": "/srv/disk/cache/."},
        {"path": "/var/cache//till"},
        {"path": "/srv/disk/cache/"},
        {"path": "/var/cache"},
        {"path": "/"},
        {"path": "/srv/disk/cache%2f..%2f.."},
        {"path": "/srv/disk/cache\x00/srv"},
        {"path": "/proc/1/root/srv/disk/precious"},
        {"path": "var/cache/till"},
        {"pattern": "*"},
        {"pattern": "../*"},
        {"pattern": "../../../srv/disk/precious/*"},
        {"pattern": ".*"},
        {"older_than_seconds": -1},
    ],
)
def test_nothing_is_removed_where_nobody_declared_it(ground: Ground, more: Json) -> None:
    """Exactly the declared place, pattern and age; encoded, doubled, climbing and relative ones are others."""
    with ground.unchanged(KEPT):
        ground.approve({**CLEAN, **more})
        ground.refused({**CLEAN, **more})


def test_links_are_not_followed_while_removing(roomy: Ground) -> None:
    """A link to a directory, to a file, and one that is called as the pattern wants."""
    links = "ln -s /srv/disk/precious dir.tmp; ln -s /srv/disk/precious/gold file.tmp; mkdir d; ln -s /srv/disk/precious d/x.tmp"
    made = f"cd /srv/disk/cache; {links}; touch -d '1 hour ago' old.tmp; ln old.tmp hard.tmp"
    roomy.host.ok(made, user="orchestrator")
    roomy.perform(CLEAN)
    assert roomy.host.ok("cat /srv/disk/precious/gold") == "nugget\n"


RACE = """
cd /srv/disk/cache
mkdir -p a && touch a/gold a/gold.tmp
while :; do
    mkdir -p a; touch -d '1 hour ago' a/gold.tmp a/gold
    mv -T a b 2>/dev/null; ln -sfn /srv/disk/precious a; rm -rf a; mv -T b a 2>/dev/null
done
"""


def test_a_directory_that_is_exchanged_while_it_is_emptied_leads_nowhere(roomy: Ground) -> None:
    """A real race: the owner of the place swaps a directory for a link to what is precious, as fast as he can, a hundred times."""
    roomy.host.ok("touch -d '1 hour ago' /srv/disk/precious/gold.tmp && chmod 755 /srv/disk/precious")
    roomy.host.write("/tmp/race", RACE, 0o755)
    roomy.host.ok("systemd-run --quiet --uid=orchestrator --unit=race bash /tmp/race")
    try:
        answers = roomy.perform(*([CLEAN] * 100))
    finally:
        roomy.host.ok("systemctl stop race")
    assert roomy.host.ok("ls /srv/disk/precious").split() == ["gold", "gold.tmp"]
    assert sum(bool(answer["ok"]) for answer in answers) > 10, answers[:5]
    roomy.host.ok("rm /srv/disk/precious/gold.tmp; chmod 700 /srv/disk/precious")


def test_a_place_that_is_exchanged_leads_nowhere(roomy: Ground) -> None:
    """The declared place itself a link, by whoever may write above it."""
    roomy.host.ok("touch -d '1 hour ago' /srv/disk/precious/gold.tmp; rm -rf /srv/disk/cache; ln -s /srv/disk/precious /srv/disk/cache")
    with roomy.unchanged():
        roomy.refused(CLEAN)
    roomy.host.ok("rm /srv/disk/cache /srv/disk/precious/gold.tmp; mkdir /srv/disk/cache")


@pytest.mark.parametrize(
    "path", ["/etc/shadow", "/etc/till.conf", "/etc/passwd", "/root/.ssh/authorized_keys", "/etc/cron.d/x", "/srv/disk/precious/gold"]
)
def test_no_file_gets_another_content(ground: Ground, path: str) -> None:
    """What is put back is what the hands themselves have kept, of files that are declared; a digest is no content."""
    restore: Json = {"kind": "restore_config", "service": "till", "path": path, "good_digest": "a" * 64, "bad_digest": "b" * 64}
    with ground.unchanged(KEPT):
        for more in ({}, {"added": True}, {"half": True}, {"release": True}, {"good_digest": ""}):
            ground.approve({**restore, **more})
            ground.refused({**restore, **more})


@pytest.mark.parametrize("path", ["/etc/shadow", "/usr/bin/sleep", "/srv/till/sales", "/srv/disk/precious/gold", "/etc/till.conf"])
def test_no_file_gets_another_owner_or_mode(ground: Ground, path: str) -> None:
    """No setuid bit, no owner of the brain's, no opening for others: only as it was while all was well."""
    mode: Json = {"kind": "restore_owner_mode", "service": "till", "path": path, "uid": 0, "gid": 0, "mode": 0o4755}
    brain = int(ground.host.ok("id -u orchestrator"))
    with ground.unchanged(KEPT):
        for more in ({}, {"uid": brain, "mode": 0o644}, {"mode": 0o666}, {"mode": 0o2755, "gid": brain}):
            ground.approve({**mode, **more})
            ground.refused({**mode, **more})


def test_no_file_is_emptied_or_moved_for_no_reason(ground: Ground) -> None:
    """With a person's word neither: there is no full disk, no stale file, nothing in a unit's way."""
    paths = ("/etc/fstab", "/etc/till.conf", "/srv/disk/precious/gold", "/srv/till/sales", "/var/log/wtmp", "/etc/passwd")
    plan: list[Json] = []
    for path in paths:
        inode, device = map(int, ground.host.ok(f"touch -a {path}; stat -c '%i %d' {path}").split())
        known = {"path": path, "inode": inode, "device": device}
        plan += [
            {"kind": "empty_file", "path": path, "inode": inode},
            {"kind": "quarantine_file", "service": "till.service", **known},
            {"kind": "set_aside", "unit": "till.service", "holds_data": True, **known},
        ]
    plan += [
        {"kind": "make_directories", "unit": "till.service", "paths": ["/srv/disk/precious/new", "/etc/cron.d/new"]},
        {"kind": "vacuum_journal", "keep_bytes": 16 << 20},
        {"kind": "remount", "point": "/"},
        {"kind": "revive_mount", "unit": "victim.service", "point": "/", "standing": "dead"},
    ]
    with ground.unchanged(KEPT):
        for action in plan:
            ground.approve(action)
        ground.refused(*plan)


def test_the_pid_file_of_one_that_runs_stays(ground: Ground) -> None:
    """A service's own configuration may name anybody's: one with the number of a unit that runs is that unit's."""
    before = ground.host.ok("cat /etc/till.conf")
    ground.host.ok(f"echo 'peer = /run/victim.pid' >>/etc/till.conf; echo {ground.pid('victim.service')} >/run/victim.pid")
    ground.host.ok("systemctl kill -s KILL till; until systemctl is-failed -q till; do sleep 0.1; done")
    try:
        inode, device = map(int, ground.host.ok("stat -c '%i %d' /run/victim.pid").split())
        ground.refused({"kind": "quarantine_file", "service": "till.service", "path": "/run/victim.pid", "inode": inode, "device": device})
        assert ground.host.sh("test -e /run/victim.pid").status == 0
    finally:
        ground.host.write("/etc/till.conf", before, 0o640)
        ground.host.ok("rm -f /run/victim.pid; systemctl reset-failed till; systemctl start till")


def test_no_other_command_runs(ground: Ground) -> None:
    """Only the words that are declared, as the user that is declared, of the risk that is declared."""
    run: Json = {"kind": "run_command", "name": "count", "service": "till", "argv": ["/usr/bin/touch", "/srv/counted"], "risk": "low",
                 "user": None, "timeout_seconds": 60.0}  # fmt: skip
    start: Json = {"kind": "start_service", "name": "plain", "argv": ["/usr/bin/touch", "/srv/plain-started"], "user": None}
    plan: list[Json] = [
        {**run, "argv": ["/bin/sh", "-c", "id >/srv/x"]},
        {**run, "argv": ["/usr/bin/touch", "/srv/counted", "/srv/more"]},
        {**run, "name": "other"},
        {**run, "service": "base"},
        {**run, "user": "nobody"},
        {**start, "argv": ["/bin/sh"]},
        {**start, "argv": []},
        {**start, "name": "till"},
        {**start, "user": "daemon"},
        {**start, "kind": "stop_service"},
        {**start, "kind": "restart_service"},
    ]
    with ground.unchanged(KEPT):
        for action in plan:
            ground.approve(action)
        ground.refused(*plan)


def test_no_process_of_another_ends(ground: Ground) -> None:
    """Not the first one, not the hands, not a foreign service's, not what a running unit has: by whatever reason the brain gives."""
    pids = [1, *map(ground.pid, ("victim.service", "till.service", "payments.service", "autonomous-orchestrator-hands.service"))]
    plan: list[Json] = []
    for pid in pids:
        ticks = ground.host.ok(f"awk '{{print $22}}' /proc/{pid}/stat").strip()
        started = float(ground.host.ok("awk '/btime/ {print $2}' /proc/stat")) + int(ticks) / 100
        exe = ground.host.ok(f"readlink /proc/{pid}/exe").strip()
        for unit in ("till.service", "victim.service"):
            plan += [
                {
                    "kind": "stop_process",
                    "unit": unit,
                    "pid": max(pid, 2),
                    "started_at": started,
                    "exe": exe,
                    "holder": "",
                    "has": "port 80",
                },
                {"kind": "stop_leftovers", "unit": unit, "processes": [{"pid": max(pid, 2), "started_at": started}]},
            ]
        plan.append({"kind": "stop_writer", "path": "/", "file": "/etc/till.conf", "pid": max(pid, 2), "started_at": started, "exe": exe})
    with ground.unchanged(KEPT):
        for action in plan:
            ground.approve(action)
        ground.refused(*plan)


def test_no_engine_of_the_brains_is_spoken_to(ground: Ground) -> None:
    """A socket that it made itself is no container engine, and no file is one."""
    plan: list[Json] = [
        {"kind": kind, "container": "x", "id": "a" * 64, "engine": engine, "target": target}
        for kind in ("start_container", "restart_container")
        for engine in ("/tmp/own.sock", "/run/docker.sock/../../tmp/own.sock", "/etc/passwd", "/run/autonomous-orchestrator/hands.sock")
        for target in ("container/x", "till.service")
    ]
    with ground.unchanged(KEPT):
        for action in plan:
            ground.approve(action)
        ground.refused(*plan)


def test_what_is_declared_is_done(roomy: Ground) -> None:
    """Else these walls would only be closed doors."""
    roomy.host.ok("rm -f /srv/counted; touch -d '1 hour ago' /srv/disk/cache/a.tmp /srv/disk/cache/b")
    run: Json = {"kind": "run_command", "name": "count", "service": "till", "argv": ["/usr/bin/touch", "/srv/counted"], "risk": "low"}
    done = roomy.perform(CLEAN, {**run, "user": None, "timeout_seconds": 60.0})
    assert [answer["ok"] for answer in done] == [True, True], done
    assert roomy.host.ok("ls /srv/disk/cache; ls /srv/counted").split() == ["b", "/srv/counted"]
