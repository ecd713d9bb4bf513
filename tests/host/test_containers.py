"""Containers as their engine tells them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.host import ChangeFailed, Container, Containers, Unavailable
from orchestrator.host.machine.containers import ContainerChanges
from tests.host.engine import ID, Told, engine


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "docker.sock"


@pytest.fixture
def told(socket: Path) -> Iterator[Told]:
    with engine(socket) as one:
        yield one


def only(socket: Path) -> Container:
    [container] = Containers().all((str(socket),))
    return container


def test_no_socket_is_no_container(socket: Path) -> None:
    """A host without engines has none; nothing is asked, and nobody is blind."""
    assert Containers().all((str(socket),)) == ()


def test_an_engine_that_does_not_answer_is_unknown(socket: Path) -> None:
    """Its socket is there, and nobody listens: that is not the same as no container."""
    with engine(socket):
        pass
    with pytest.raises(Unavailable, match="does not answer"):
        Containers().all((str(socket),))


def test_what_is_read_of_one(socket: Path, told: Told) -> None:
    """Its state, its policy, who runs it, its ports and what it mounts of the host."""
    told.has(
        "shelf",
        restarts=3,
        Health={"Status": "unhealthy", "Log": [{"ExitCode": 1, "Output": "\x1b[31mno answer\u202e\n"}]},
        policy={"Name": "on-failure", "MaximumRetryCount": 5},
        labels={"PODMAN_SYSTEMD_UNIT": "shelf.service", "com.docker.compose.project": "library"},
        ports={"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "81/tcp": None},
        mounts=[{"Type": "bind", "Source": "/srv/books"}, {"Type": "volume", "Source": "/var/lib/x"}],
    )
    one = only(socket)
    assert (one.name, one.state, one.unit, one.project) == ("shelf", "running", "shelf.service", "library")
    assert (one.policy, one.most_restarts, one.restarts) == ("on-failure", 5, 3)
    assert (one.health, one.health_exit, one.health_said) == ("unhealthy", 1, "no answer")
    assert (one.ports, one.sources) == ((8080,), ("/srv/books",))


@pytest.mark.parametrize(
    ("events", "by_hand"),
    [
        pytest.param(["start", "die"], False, id="docker: it ended"),
        pytest.param(["start", "kill", "die", "stop"], True, id="docker stop"),
        pytest.param(["start", "kill", "die"], True, id="docker kill"),
        pytest.param(["start", "die", "cleanup"], False, id="podman: it ended"),
        pytest.param(["start", "die", "cleanup", "cleanup"], True, id="podman 4 stop"),
        pytest.param(["start", "died", "stop", "cleanup"], True, id="podman 5 stop"),
        pytest.param(["kill", "die", "start", "die", "cleanup"], False, id="an earlier run was stopped"),
        pytest.param([], None, id="the engine tells nothing"),
        pytest.param(["exec_create", "cleanup", "cleanup"], None, id="no death is told"),
    ],
)
def test_who_ended_it(socket: Path, told: Told, events: list[str], by_hand: bool | None) -> None:  # noqa: FBT001  # a case's own
    """By what the engine tells of its last run; where it tells nothing, that is unknown."""
    told.has(status="exited", ExitCode=137)
    told.tells(*events)
    assert only(socket).by_hand is by_hand


def test_a_name_that_no_engine_gives_is_left_out(socket: Path, told: Told) -> None:
    """Nor one whose id could lead a request elsewhere."""
    told.has("shelf/../../etc")
    told.has("books", number="../../images/x")
    told.has("shelf; reboot", number="b" * 64)
    assert Containers().all((str(socket),)) == ()


def test_what_did_not_change_is_not_asked_about_again(socket: Path, told: Told) -> None:
    """One that ended again since, or became unhealthy, is."""
    told.has()
    containers = Containers()

    def inspected() -> bool:
        told.asked.clear()
        containers.all((str(socket),))
        return any(ID in request for request in told.asked)

    assert [inspected(), inspected()] == [True, False]
    told.tells("die", "start")
    assert [inspected(), inspected()] == [True, False]
    told.has(Health={"Status": "unhealthy"})
    assert [inspected(), inspected()] == [True, False]


def test_a_check_that_cannot_run_is_told_by_its_exit(socket: Path, told: Told) -> None:
    """Podman's own record says 1 for every failure; the event of the command has the truth."""
    told.has(Health={"Status": "unhealthy", "Log": [{"ExitCode": 1, "Output": ""}]})
    told.tells("exec_died", containerExitCode="127")
    assert only(socket).health_exit == 127


def test_its_log_comes_without_frames_and_without_control(socket: Path, told: Told) -> None:
    """Both streams in their order; what is no frame is taken as it is."""
    told.has()
    told.log = b"\x01\0\0\0\0\0\0\x05oops\n\x02\0\0\0\0\0\0\x0b\x1b[31mdead\x07\n"
    assert Containers().log(only(socket)) == "oops\ndead "
    told.log = b"plain\n"
    assert Containers().log(only(socket)) == "plain"


def test_a_start_and_what_is_refused(socket: Path, told: Told) -> None:
    """It runs afterwards; an engine that refuses is cited in its own words, and one that nobody asked yet is none."""
    told.has(status="exited", ExitCode=1)
    told.tells("start", "die")
    containers = Containers()
    changes = ContainerChanges(containers)
    with pytest.raises(ChangeFailed, match="not known as the socket"):
        changes.start(only(socket))
    containers.all((str(socket),))
    assert changes.start(only(socket)).running
    told.refuses = "statfs /srv/books: no such file or directory"
    with pytest.raises(ChangeFailed, match="statfs /srv/books"):
        changes.restart(only(socket))


def test_what_is_told_amiss_is_unknown(socket: Path, told: Told) -> None:
    """An answer that cannot be read blinds, and is no container that is well."""
    told.has()
    del told.containers[ID]["HostConfig"]
    with pytest.raises(Unavailable, match="not understood"):
        Containers().all((str(socket),))


def test_an_engine_that_did_not_answer_is_left_alone_for_a_while(socket: Path) -> None:
    """Many may ask in one moment, and none of them waits for what the first has waited for."""
    containers = Containers()
    with engine(socket) as told:
        told.has()
        del told.containers[ID]["HostConfig"]
        for _ in range(3):
            with pytest.raises(Unavailable, match="not understood"):
                containers.all((str(socket),))
    assert told.asked.count(f"GET /containers/{ID}/json") == 1
