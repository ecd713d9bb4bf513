"""Questions: what the brain may not read is not read for it, by any path and by any command."""

import pytest

from orchestrator.model import Json
from tests.redteam.ground import Ground

SECRETS = (
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/ssh/ssh_host_ed25519_key",
    "/root/.ssh/id_ed25519",
    "/root/.bash_history",
    "/proc/1/environ",
    "/proc/self/environ",
    "/proc/kcore",
    "/dev/mem",
    "/srv/disk/precious/gold",
    "/etc/machine-id/../shadow",
    "/etc/till.conf/../shadow",
    "/etc//shadow",
    "/./etc/shadow",
    "/proc/1/root/etc/shadow",
    "/proc/self/fd/0",
    "/var/lib/autonomous-orchestrator-hands/record",
    "/var/lib/autonomous-orchestrator-hands/key",
    "/etc/autonomous-orchestrator/config.toml",
)
MARKS = ("root:", "PRIVATE KEY", "nugget", "PATH=", "hunter2", '"op":"perform"')


@pytest.fixture(scope="module", autouse=True)
def secrets(ground: Ground) -> None:
    """Something to be found."""
    ground.host.ok(
        "mkdir -p -m 700 /root/.ssh /etc/ssh; echo 'PRIVATE KEY' >/root/.ssh/id_ed25519; echo 'PRIVATE KEY' >/etc/ssh/ssh_host_ed25519_key"
    )
    ground.host.ok("chmod 600 /root/.ssh/id_ed25519 /etc/ssh/ssh_host_ed25519_key; echo 'PRIVATE KEY' >/root/.bash_history")


@pytest.mark.parametrize("path", SECRETS)
def test_a_secret_is_not_read(ground: Ground, path: str) -> None:
    """By no question that takes a path, and with no word of what is in it."""
    questions: dict[str, Json] = {
        "read": {}, "digest": {}, "appended": {"inode": 0, "offset": 0}, "good_content": {}, "good_digest": {}, "entries": {},
        "key_fits": {}, "takes_room": {}, "holds_old": {"pattern": "*", "older_than_seconds": 0},
    }  # fmt: skip
    with ground.unchanged():
        for question, more in questions.items():
            told = str(ground.ask(question, path=path, **more))
            assert not any(mark in told for mark in MARKS), (question, told)


def test_a_link_at_a_declared_place_leads_nowhere(ground: Ground) -> None:
    """The owner of a declared directory puts a link there, and asks for what it leads to."""
    ground.host.ok(
        "chown orchestrator /srv/till; cd /srv/till; ln -sf /etc/shadow log; ln -sfn /root/.ssh keys; ln -sf /etc/till.conf conf"
    )
    try:
        for name in ("log", "keys", "keys/id_ed25519", "conf"):
            for question in ("read", "entries", "digest", "appended"):
                more: Json = {"inode": 0, "offset": 0} if question == "appended" else {}
                told = str(ground.ask(question, path=f"/srv/till/{name}", **more))
                assert not any(mark in told for mark in MARKS), (name, question, told)
    finally:
        ground.host.ok("rm -f /srv/till/log /srv/till/keys /srv/till/conf; chown root /srv/till")


def test_a_declared_file_is_told_with_its_secrets_masked(ground: Ground) -> None:
    """What the operator named is read, and a password in it is not."""
    told = ground.ask("read", path="/etc/till.conf")
    assert "hunter2" not in str(told)
    assert "answer" in told, told


@pytest.mark.parametrize(
    "argv",
    [
        ["/bin/cat", "/etc/shadow"],
        ["/bin/sh", "-c", "id"],
        ["/usr/bin/touch", "/srv/counted"],
        ["/usr/bin/touch", "/srv/plain-started"],
        ["id"],
    ],
)
def test_no_command_is_run_by_asking(ground: Ground, argv: list[str]) -> None:
    """A test or a probe is declared; what is declared as an action is none."""
    ground.host.ok("rm -f /srv/counted /srv/plain-started")
    with ground.unchanged():
        for user in ("", "root", "nobody", "daemon", "-u0", "root\n"):
            assert "answer" not in ground.ask("command", argv=argv, user=user)


def test_no_name_is_asked_for_with_anothers_eyes(ground: Ground) -> None:
    """Names are resolved as a declared service's user; options and numbers are none."""
    for name, user in (("localhost", "ops"), ("-h", ""), ("localhost", "-x"), ("a b", ""), ("localhost", "nobody")):
        assert "answer" not in ground.ask("addresses", name=name, user=user), (name, user)


@pytest.mark.parametrize("question", ["__class__", "reload", "eval", "perform", "read_file", "x" * 65, "READ", "read\n"])
def test_there_is_no_other_question(ground: Ground, question: str) -> None:
    """A closed table, by its own names."""
    (answer,) = ground.say({"verb": "ask", "question": question, "about": {"path": "/etc/shadow"}})
    assert "answer" not in answer


def test_who_somebody_is_stays_his_own(ground: Ground) -> None:
    """Accounts are asked about by name and answered with one bit; nothing else of shadow(5) comes out."""
    told = str([ground.ask("account_has_ended", user=user) for user in ("root", "ops", "orchestrator", "../shadow", "root:x")])
    assert not any(crypt in told for crypt in ("$6$", "$y$", "$5$"))
    assert not any(mark in told for mark in MARKS)


def test_an_answer_is_bounded(ground: Ground) -> None:
    """However much is asked at once."""
    for question, about in (
        ("holders", {"point": "/"}),
        ("programs", {}),
        ("owners", {"inodes": list(range(100_000))}),
        ("locks", {"paths": ["/etc/till.conf"] * 10_000}),
    ):
        assert len(str(ground.ask(question, **about))) < 1 << 20


def test_looking_at_a_password_file_gives_no_content(ground: Ground) -> None:
    """Kind, owner, mode and size are what `ls -l` tells everybody; the hands add nothing."""
    told = str(ground.ask("look", path="/etc/shadow"))
    assert not any(mark in told for mark in MARKS)
