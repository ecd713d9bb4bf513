"""`doctor` on who may what: the configuration, the secrets, the sandboxes."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from orchestrator.cli.daemon_user import DaemonUser, daemon_user, shown, written
from orchestrator.cli.finding import HANDS, UNIT, Finding
from orchestrator.cli.options import beside_config, config_file
from orchestrator.config import Config, ConfigError, default_file
from orchestrator.host import View

_READ_ONLY = {"yes": ("/usr", "/boot", "/efi"), "full": ("/usr", "/boot", "/efi", "/etc"), "strict": ("/",)}
"""What each word of ProtectSystem= closes."""
_NO_HOME = ("/home", "/root", "/run/user")


def look_at_configuration(view: View, config: Config) -> Iterator[Finding]:
    """Whether the daemon can read it, and whether the hands believe it."""
    user, files = daemon_user(view), _files()
    closed = [path for path in files if user and user.may("r", path) is False]
    for path in closed[:3]:
        yield Finding("config", "bad", f"{path} cannot be read by {_name(user)}: the next start fails", _and_restart(_opened(user, path)))
    distrusted = _distrusted() if config.hands.socket else ""
    if distrusted:
        what, _, mend = distrusted.rpartition(": ")
        yield Finding("config", "bad", f"the hands change nothing: {what}", mend)
    if not closed and not distrusted:
        trusted = ", and the hands trust it" if config.hands.socket else ""
        yield Finding("config", "ok", f"{len(files)} files; {_name(user)} can read them{trusted}")


def look_at_secrets(view: View, config: Config) -> Iterator[Finding]:
    """Files of root's alone reach the daemon as credentials of its unit, or belong to it."""
    user = daemon_user(view)
    given = {line.partition(":")[2] for line in written(UNIT, "LoadCredential")} if user else set()
    for key, name in _secrets(config):
        path = Path(name)
        if not os.path.lexists(path):
            continue  # `declared` tells that
        if name not in given and user and user.may("r", path) is False:
            mend = f"chown {user.name}: {shlex.quote(name)} && chmod 600 {shlex.quote(name)}"
            yield Finding(
                "secrets",
                "bad",
                f"{key} {name} cannot be read by {user.name}",
                _and_restart((user.first_closed(path) and _opened(user, path)) or mend),
            )
        elif path.stat().st_mode & 0o077:
            yield Finding("secrets", "warn", f"{key} {name} can be read by others", f"chmod 600 {shlex.quote(name)}")
        else:
            yield Finding("secrets", "ok", f"{key} reaches the daemon")


def look_at_sandboxes(view: View, config: Config) -> Iterator[Finding]:
    """What the daemon and its hands must write, and their units close."""
    state = config.daemon.state_dir
    closed = []
    if view.units.get(UNIT).load_state == "loaded" and _is_closed(UNIT, state, _own_directories(UNIT)):
        closed.append(state)
        yield Finding("sandbox", "bad", f"{UNIT} may not write [daemon] state_dir {state}", _opening(UNIT, [state]))
    apart = config.hands.socket and view.units.get(HANDS).load_state == "loaded"
    paths = sorted({path for path in _declared(config) if _is_closed(HANDS, path, _own_directories(HANDS))}) if apart else []
    if paths:
        closed += paths
        yield Finding("sandbox", "warn", f"the hands may not write what is declared: {', '.join(paths[:5])}", _opening(HANDS, paths))
    if not closed:
        yield Finding("sandbox", "ok", "the units open all that is declared")


def _declared(config: Config) -> Iterator[str]:
    """Where the hands may have to put something right."""
    for service in config.service:
        yield from (*service.config_files, *service.files)
        if service.pid_file:
            yield service.pid_file
    yield from (item.path for item in config.path)


def _is_closed(unit: str, path: str, open_anyway: tuple[str, ...]) -> bool:
    """By the longest line that covers it, as systemd does."""
    rules = dict.fromkeys(_READ_ONLY.get(shown(unit, "ProtectSystem"), ()), False)
    if shown(unit, "ProtectHome") in ("yes", "read-only", "tmpfs"):
        rules |= dict.fromkeys(_NO_HOME, False)
    rules |= dict.fromkeys(_paths(unit, "ReadOnlyPaths"), False) | dict.fromkeys(_paths(unit, "InaccessiblePaths"), False)
    rules |= dict.fromkeys((*_paths(unit, "ReadWritePaths"), *open_anyway), True)
    covering = [rule for rule in rules if Path(path).is_relative_to(rule)]
    return bool(covering) and not rules[max(covering, key=len)]


def _paths(unit: str, name: str) -> tuple[str, ...]:
    return tuple(path.lstrip("-+") for path in shown(unit, name).split())


def _own_directories(unit: str) -> tuple[str, ...]:
    return tuple(f"/var/lib/{name.partition(':')[0]}" for name in shown(unit, "StateDirectory").split())


def _opening(unit: str, paths: list[str]) -> str:
    drop_in = f"/etc/systemd/system/{unit}.d/20-paths.conf"
    opened = " ".join(f"-{path}" for path in paths)
    return (
        f"mkdir -p {drop_in.rpartition('/')[0]} && printf '[Service]\\nReadWritePaths={opened}\\n' > {drop_in}"
        f" && systemctl daemon-reload && systemctl restart {unit}"
    )


def _distrusted() -> str:
    """What the hands say of the configuration: somebody else than root can write it."""
    from orchestrator.hands.settings import Settings  # noqa: PLC0415

    try:
        Settings(config_file())
    except ConfigError as error:
        return str(error)
    return ""


def _files() -> list[Path]:
    main = (config_file() or default_file()).absolute()
    folders = (main.parent / "conf.d", beside_config("runbooks.d"), beside_config("experts.d"))
    found = [main, *(path for folder in folders for path in sorted(folder.glob("*.toml")))]
    return [path for path in found if os.path.lexists(path)]


def _secrets(config: Config) -> Iterator[tuple[str, str]]:
    if config.mail.enabled and config.mail.password_file:
        yield "[mail] password_file", config.mail.password_file
    if config.notify.urls_file:
        yield "[notify] urls_file", config.notify.urls_file
    yield from (("[agents] key_file", model.key_file) for model in config.agents.models if model.key_file)


def _opened(user: DaemonUser | None, path: Path) -> str:
    return user.opened(path) if user else f"chmod a+r {shlex.quote(str(path))}"


def _and_restart(line: str) -> str:
    return f"{line} && systemctl restart {UNIT}"


def _name(user: DaemonUser | None) -> str:
    return user.name if user else "the daemon"
