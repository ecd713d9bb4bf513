"""Which fault is the root of which."""

from orchestrator.model import Fault
from orchestrator.roots import arrange


def _fault(target: str, check: str = "unit_inactive") -> Fault:
    return Fault(check=check, target=target, reason="WentAway", message="m")


NEEDS = {
    "web.service": ("app.service", "data.mount"),
    "app.service": ("data.mount",),
    "other.service": (),
    "one.service": ("two.service",),
    "two.service": ("one.service",),
}


def _below(target: str) -> tuple[str, ...]:
    return NEEDS.get(target, ())


def test_ten_for_one_missing_mount_are_one_root() -> None:
    """Symptoms at any depth attach to the deepest fault that they need."""
    faults = (_fault("web.service"), _fault("app.service", "unit_failed"), _fault("data.mount"))
    assert arrange(faults, _below) == {
        "unit_inactive:web.service": "unit_inactive:data.mount",
        "unit_failed:app.service": "unit_inactive:data.mount",
    }


def test_a_chain_ends_at_its_root() -> None:
    """A symptom of a symptom belongs to the root itself."""
    needs = {"c.service": ("b.service",), "b.service": ("a.service",)}
    found = arrange((_fault("c.service"), _fault("b.service"), _fault("a.service")), lambda target: needs.get(target, ()))
    assert set(found.values()) == {"unit_inactive:a.service"}
    assert len(found) == 2


def test_two_independent_faults_stay_two() -> None:
    """Nothing in common: two incidents."""
    assert arrange((_fault("web.service"), _fault("other.service")), _below) == {}


def test_two_faults_of_one_target_are_one() -> None:
    """A failed unit whose probes fail too is one incident, told by the check that knows more."""
    found = arrange((_fault("web.service", "probe_failing"), _fault("web.service", "unit_failed")), _below)
    assert found == {"probe_failing:web.service": "unit_failed:web.service"}


def test_services_that_need_each_other_do_not_vanish() -> None:
    """In a circle nobody is the root, so nobody may be merged away."""
    found = arrange((_fault("one.service"), _fault("two.service")), _below)
    assert len(found) < 2


def test_a_single_fault_asks_nobody() -> None:
    """The usual case costs no question to the host."""

    def never(target: str) -> tuple[str, ...]:
        raise AssertionError(target)

    assert arrange((_fault("web.service"),), never) == {}


def test_a_socket_closed_for_its_service_is_the_symptom() -> None:
    """systemd closes the socket of a service that was started too often: the service is to be mended, and opens its door with it."""
    needs = {"door.service": ("door.socket",), "door.socket": ("door.service",)}
    failed = _fault("door.service", "unit_failed")
    closed = _fault("door.socket", "unit_failed").model_copy(update={"facts": {"result": "service-start-limit-hit"}})
    assert arrange((failed, closed), lambda target: needs[target]) == {"unit_failed:door.socket": "unit_failed:door.service"}
    broken = _fault("door.socket", "unit_failed").model_copy(update={"facts": {"result": "resources"}})
    below = {"door.service": ("door.socket",), "door.socket": ()}
    assert arrange((failed, broken), lambda target: below[target]) == {"unit_failed:door.service": "unit_failed:door.socket"}


def test_what_its_configuration_asks_may_be_why_it_does_not_answer() -> None:
    """A gateway over a service that hangs: nobody declared that it needs it, and only its probes are explained by that."""
    gateway = _fault("web.service", "probe_failing").model_copy(update={"facts": {"asks": "api.service"}})
    hung = _fault("api.service", "probe_failing")
    assert arrange((gateway, hung), _below) == {"probe_failing:web.service": "probe_failing:api.service"}
    assert arrange((gateway, _fault("other.service")), _below) == {}


def test_a_lost_name_does_not_explain_a_crash() -> None:
    """A service that was killed is started however long its names are lost; one that gave up by itself waits for them."""
    lost = _fault("/etc/resolv.conf", "names_fail")
    gave_up, killed = (
        _fault("web.service", "unit_failed").model_copy(update={"facts": {"result": result}}) for result in ("exit-code", "signal")
    )
    needs = {"web.service": ("/etc/resolv.conf",)}
    assert arrange((gave_up, lost), lambda target: needs.get(target, ())) == {"unit_failed:web.service": "names_fail:/etc/resolv.conf"}
    assert arrange((killed, lost), lambda target: needs.get(target, ())) == {}
