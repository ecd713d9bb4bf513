"""What holds for every kind of action."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestrator import actions
from orchestrator.model import Action, Json, Risk

PLAIN: dict[str, Json] = {
    "clean_path": {"path": "/var/cache/shop", "pattern": "*.tmp", "older_than_seconds": 60},
    "configure_package": {"unit": "shop.service", "package": "shop"},
    "daemon_reload": {"units": ["shop.service"]},
    "empty_file": {"path": "/srv/logs/debug.log", "inode": 7},
    "end_job": {"unit": "shop.service", "invocation": "0123456789abcdef" * 2},
    "quarantine_file": {"service": "shop.service", "path": "/run/shop/shop.pid", "inode": 5, "device": 1},
    "release_space": {"unit": "shop.service", "point": "/srv/shop", "verb": "restart", "certain": True},
    "reload_unit": {"unit": "shop.service"},
    "renew_certificate": {"unit": "renew.service", "file": "/etc/ssl/shop.pem"},
    "remount": {"point": "/srv/shop"},
    "revive_mount": {"unit": "sshfs.service", "point": "/srv/far", "standing": "dead"},
    "reopen_logins": {"inode": 7, "device": 1},
    "reset_failed": {"unit": "shop.service"},
    "restart_service": {"name": "shop", "argv": ["shopctl", "restart"], "user": None},
    "restart_container": {"container": "shop", "id": "a1b2c3d4e5f6", "engine": "/run/docker.sock", "target": "shop"},
    "restart_unit": {"unit": "shop.service"},
    "restore_unloaded": {
        "service": "shop",
        "path": "/etc/shop.conf",
        "good_digest": "a" * 64,
        "bad_digest": "b" * 64,
        "failing": "web.service",
    },
    "make_directories": {"unit": "shop.service", "paths": ["/run/shop"]},
    "restore_config": {"service": "shop", "path": "/etc/shop.conf", "good_digest": "a" * 64, "bad_digest": ""},
    "restore_directory": {"service": "shop", "path": "/var/log/shop", "uid": 0, "gid": 0, "mode": 0o750},
    "restore_owner_mode": {"service": "shop", "path": "/var/log/shop", "uid": 0, "gid": 0, "mode": 0o750},
    "resume_timer": {"unit": "shop.timer"},
    "run_command": {"name": "requeue", "service": "shop", "argv": ["shopctl"], "user": None, "timeout_seconds": 60, "risk": "high"},
    "set_aside": {"unit": "shop.service", "path": "/var/lib/shop", "inode": 4, "device": 1, "holds_data": True},
    "start_container": {"container": "shop", "id": "a1b2c3d4e5f6", "engine": "/run/docker.sock", "target": "container/shop"},
    "start_service": {"name": "shop", "argv": ["shopctl", "start"], "user": "shop"},
    "start_unit": {"unit": "shop.service"},
    "stop_leftovers": {"unit": "shop.service", "processes": [{"pid": 42, "started_at": 1.5}]},
    "stop_process": {"unit": "shop.service", "pid": 42, "started_at": 1.5, "exe": "/usr/bin/nc", "holder": "nc.service"},
    "stop_service": {"name": "shop", "argv": ["shopctl", "stop"], "user": None},
    "stop_unit": {"unit": "shop.service"},
    "stop_writer": {
        "path": "/srv/logs",
        "file": "/srv/logs/debug.log",
        "pid": 42,
        "started_at": 1.5,
        "exe": "/bin/bash",
        "holder": "debug.service",
    },
    "vacuum_journal": {"keep_bytes": 64 << 20},
    "wait": {"target": "shop.service", "seconds": 60},
}
"""One example of each kind, as plain data."""


def example(kind: str) -> Action:
    return actions.parse({"kind": kind, **PLAIN[kind]})


def test_each_file_is_a_kind() -> None:
    """Every file here with an action is found, by its own name; there is an example of each below."""
    kinds = [str(action.model_fields["kind"].default) for action in actions.all_actions()]
    files = {path.stem for path in Path(actions.__file__).parent.glob("*.py")}
    assert kinds == sorted(PLAIN)
    assert files - set(kinds) == {"__init__", "containers", "units", "services", "good_files"}


@pytest.mark.parametrize("kind", sorted(PLAIN))
def test_it_crosses_a_socket(kind: str) -> None:
    """As JSON and back it is the same action, with targets that are no pattern, a line for people, and a risk."""
    action = example(kind)
    assert actions.parse(json.loads(action.model_dump_json())) == action
    assert actions.parse(action.model_dump(mode="json")) == action
    assert all(target.strip() and not set(target) & set("*?[") for target in action.targets())
    assert action.targets()
    assert action.about().count("\n") == 0
    assert action.level in Risk
    assert "\n" not in action.command()


def test_the_risks_are_the_designs() -> None:
    """What is irreversible or somebody else's is high; the configuration and left-overs are medium; the rest is low."""
    levels = {kind: example(kind).level for kind in PLAIN}
    assert {kind for kind, level in levels.items() if level is Risk.HIGH} == {
        "configure_package",
        "stop_process",
        "run_command",
        "stop_writer",
        "empty_file",
        "end_job",
        "reopen_logins",
        "resume_timer",
        "set_aside",
    }
    assert {kind for kind, level in levels.items() if level is Risk.MEDIUM} == {
        "remount", "restore_config", "restore_directory", "restore_unloaded", "revive_mount", "stop_leftovers",
        "stop_unit", "stop_service", "vacuum_journal",
    }  # fmt: skip


def test_what_is_reversible_has_an_undo() -> None:
    """And only that: an action without one never says that it has."""
    with_undo = {str(kind.model_fields["kind"].default) for kind in actions.all_actions() if kind.undo is not Action.undo}
    assert with_undo == {str(kind.model_fields["kind"].default) for kind in actions.all_actions() if kind.reversible}
    assert with_undo == {
        "start_unit", "stop_unit", "quarantine_file", "restore_config", "restore_owner_mode", "restore_directory", "restore_unloaded",
        "resume_timer",
        "set_aside", "remount", "reopen_logins",
    }  # fmt: skip


NO_UNITS = ["", "*", "*.service", "shop", "-H.service", "--all.service", "../x.service", "a b.service", "a;b.service",
            "shop.service\n", "[a].service", "x" * 300 + ".service"]  # fmt: skip


@pytest.mark.parametrize("unit", NO_UNITS)
@pytest.mark.parametrize("kind", [kind for kind, fields in PLAIN.items() if "unit" in fields])
def test_an_empty_or_wildcard_unit_cannot_be_said(kind: str, unit: str) -> None:
    """Law 7, by the types: neither a pattern nor an option nor a path is the name of a unit."""
    with pytest.raises(ValidationError):
        actions.parse({"kind": kind, **PLAIN[kind], "unit": unit})


@pytest.mark.parametrize("path", ["", "relative/x", "*", "/a\nb", "/a\0b", "/a\x1b[2J", "/a\u202eb", "/a\x9bb", "~/x", "/" + "x" * 5000])
@pytest.mark.parametrize("kind", [kind for kind, fields in PLAIN.items() if "path" in fields])
def test_a_path_is_absolute(kind: str, path: str) -> None:
    """An empty, relative or broken path is not even an action."""
    with pytest.raises(ValidationError):
        actions.parse({"kind": kind, **PLAIN[kind], "path": path})


@pytest.mark.parametrize(
    "data",
    [{}, {"kind": "rm"}, {"kind": "start_unit"}, {"kind": "start_unit", "unit": "a.service", "force": True}, {"kind": ["start_unit"]},
     {"kind": "daemon_reload", "units": []}, {"kind": "stop_leftovers", "unit": "a.service", "processes": []},
     {"kind": "stop_leftovers", "unit": "a.service", "processes": [{"pid": 1, "started_at": 0}]},
     {"kind": "wait", "target": "a", "seconds": 3600}, {"kind": "wait", "target": "", "seconds": 5},
     {"kind": "on_unit", "unit": "a.service"}],
)  # fmt: skip
def test_what_is_no_action_is_none(data: dict[str, object]) -> None:
    """An unknown kind, a missing or an additional field, an empty list or PID 1 is refused before anything asks the host."""
    with pytest.raises(ValidationError):
        actions.parse(data)


def test_the_schema_names_every_kind() -> None:
    """What a model may answer is told by the schema: each kind, and no additional fields."""
    schema = actions.schema()
    assert set(schema["discriminator"]["mapping"]) == set(PLAIN)
    assert all(definition.get("additionalProperties") is False for definition in schema["$defs"].values() if "properties" in definition)
