"""Crontabs as Debian's cron reads them."""

import pytest

from orchestrator.host import FileState
from orchestrator.host.crontabs import expired, is_put_aside, jobs, refused, unreadable

TAB = "/etc/cron.d/depot"
OWN = "/var/spool/cron/crontabs/ann"
LINE = "*/5 * * * * root /opt/depot/sweep --all\n"


def state(uid: int = 0, mode: int = 0o644) -> FileState:
    return FileState(kind="file", uid=uid, gid=0, mode=mode, size=1, mtime=0, ctime=0, inode=1, device=1)


@pytest.mark.parametrize(
    ("path", "uid", "mode"),
    [("/etc/cron.d/depot.sh", 0, 0o644), (TAB, 1000, 0o644), (TAB, 0, 0o666), (TAB, 0, 0o664), (OWN, 1000, 0o644), (OWN, 7, 0o600)],
)
def test_what_cron_refuses(path: str, uid: int, mode: int) -> None:
    """A name with a dot, a stranger's file, one that others may write to."""
    assert refused(path, state(uid, mode), uid=1000)


@pytest.mark.parametrize(
    ("path", "uid", "mode"), [(TAB, 0, 0o644), (TAB, 0, 0o600), (OWN, 1000, 0o600), (OWN, 0, 0o600), ("/etc/crontab", 0, 0o644)]
)
def test_what_cron_reads(path: str, uid: int, mode: int) -> None:
    """Nothing stands against these."""
    assert refused(path, state(uid, mode), uid=1000) == ""


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        "",
        "# nothing\n\n",
        "MAILTO=ann\nPATH = /bin\n" + LINE,
        "@daily root /opt/x\n",
        "0 3 1,15 jan-mar mon root /opt/x\n",
        "17 * * * * root cd / && run-parts --report /etc/cron.hourly\n",
        "*/10 8-18/2 * * 1-5 root x\n",
        "0 0 * * 7 root x\n",
    ],
)
def test_a_good_crontab_is_read(text: str) -> None:
    """All the forms that crontab(5) knows."""
    assert unreadable(TAB, text) == ""


@pytest.mark.parametrize(
    "text", [LINE.rstrip("\n"), "61 * * * * root x\n", "* * * * root\n", "@often root x\n", "x * * * * root x\n", "1 2 3 13 * root x\n"]
)
def test_one_bad_line_costs_the_whole_file(text: str) -> None:
    """cron ignores all of it."""
    assert unreadable(TAB, LINE + text)


def test_a_users_own_crontab_names_no_user() -> None:
    """The sixth word is the command there."""
    [job] = jobs(OWN, "0 1 * * * /opt/ann/run\n")
    assert (job.user, job.program) == ("", "/opt/ann/run")


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("/opt/x --y", "/opt/x"),
        ("sh /opt/x.sh", "/opt/x.sh"),
        ("/bin/bash /opt/x.sh", "/opt/x.sh"),
        ("/bin/sh -c 'x'", "/bin/sh"),
        ("test -x /opt/x && /opt/x", ""),
        ("[ -x /opt/x ] && /opt/x", ""),
        ("cd / && x", ""),
        ("/opt/$NAME/x", ""),
    ],
)
def test_what_a_job_starts(command: str, program: str) -> None:
    """Only where the line says it plainly: one that looks for itself whether its program is there is no mistake."""
    [job] = jobs(TAB, f"1 1 * * * root {command}\n")
    assert job.program == program


@pytest.mark.parametrize(("command", "cut"), [("date +%s >/run/x", True), (r"date +\%s >/run/x", False), ("mail ann%hello", False)])
def test_a_percent_sign_cuts_a_date(command: str, cut: bool) -> None:  # noqa: FBT001
    """Elsewhere it is how a job gets its input."""
    [job] = jobs(TAB, f"1 1 * * * root {command}\n")
    assert job.is_cut is cut


@pytest.mark.parametrize("name", ["depot.bak", "depot.dpkg-dist", ".placeholder", "depot~", "depot.disabled"])
def test_what_is_put_aside_is_meant_so(name: str) -> None:
    """A file that somebody switched off by its name is no fault."""
    assert is_put_aside(f"/etc/cron.d/{name}")


def test_an_account_that_has_ended() -> None:
    """By its own date; one without a date does not end."""
    shadow = "root:*:1:0:99999:7:::\nann:x:1:0:99999:7::20000:\nbob:x:1:0:99999:7:::\n"
    assert [expired(shadow, name, 20001) for name in ("root", "ann", "bob", "eve")] == [False, True, False, False]
    assert not expired(shadow, "ann", 19999)
