"""What the configuration names and this host does not have. A warning here; a fault, or a blind check, at run time."""

from collections.abc import Iterator
from pathlib import Path
from shutil import which

from orchestrator.config import CommandProbe, Config, Service
from orchestrator.host import Unavailable, View
from orchestrator.model import is_unit


def missing(config: Config) -> Iterator[str]:
    """One line each: where it is named, what it is, and what is wrong with it."""
    view = View.of(config)
    for look in (_missing_units, _missing_files, _missing_mounts):
        try:
            yield from look(config, view)
        except Unavailable as trouble:
            yield f"not all could be looked for: {trouble}"
    yield from _missing_channels(config)
    for where, program in _programs(config):
        if which(program) is None:
            yield f"{where} {program!r}: no such program"
    view.close()


def _missing_units(config: Config, view: View) -> Iterator[str]:
    for where, unit in _units(config):
        found = view.units.get(unit)
        if found.load_state != "loaded":
            yield f"{where} {unit!r}: systemd says {found.load_state}{': ' + found.load_error if found.load_error else ''}"
        elif found.name != unit:
            yield f"{where} {unit!r}: that is another name of {found.name}, by which systemd tells of it: write {found.name!r}"


def _missing_files(config: Config, view: View) -> Iterator[str]:
    for where, path in _files(config):
        if view.files.look(path) is None:
            yield f"{where} {path!r}: no such file"


def _missing_mounts(config: Config, view: View) -> Iterator[str]:
    points = {mount.point for mount in view.mounts.list()}
    for disk in config.disk:
        if disk.mount not in points:
            yield f"[[disk]] mount {disk.mount!r}: nothing is mounted there"


def _missing_channels(config: Config) -> Iterator[str]:
    """What stands between a mail and the channels of [notify]."""
    if config.notify.urls_file is None:
        return
    from escalation import notify  # noqa: PLC0415
    from escalation.words import SendFailed  # noqa: PLC0415

    if not notify.is_installed():
        yield f"[notify] urls_file: {notify.NO_LIBRARY}"
    try:
        if not notify.urls_of(config.notify):
            yield f"[notify] urls_file {config.notify.urls_file!r}: no URL stands in it"
        elif Path(config.notify.urls_file).stat().st_mode & 0o077:
            yield f"[notify] urls_file {config.notify.urls_file!r} holds secrets that others can read: chmod 600"
    except SendFailed as trouble:
        yield str(trouble)


def _units(config: Config) -> Iterator[tuple[str, str]]:
    for service in config.service:
        if service.unit:
            yield f"[[service]] {service.name}: unit", service.unit
        yield from ((f"[[service]] {service.name}: depends_on", name) for name in service.depends_on if is_unit(name))
    for certificate in config.certificate:
        yield from (("[[certificate]] unit", unit) for unit in (certificate.unit, certificate.renew_unit) if unit)
    yield from (("[[log]] unit", rule.unit) for rule in config.log if rule.unit)


def _files(config: Config) -> Iterator[tuple[str, str]]:
    """A pid file or a probe's file is no part of this: it comes and goes with its service."""
    for service in config.service:
        yield from ((f"[[service]] {service.name}: config_files", path) for path in service.config_files)
        yield from ((f"[[service]] {service.name}: files", path) for path in service.files)
    yield from (("[[path]] path", item.path) for item in config.path)
    yield from (("[[certificate]] file", item.file) for item in config.certificate)
    yield from (("[[log]] file", rule.file) for rule in config.log if rule.file)
    if config.mail.enabled and config.mail.password_file:
        yield "[mail] password_file", config.mail.password_file


def _programs(config: Config) -> Iterator[tuple[str, str]]:
    for service in config.service:
        yield from ((f"[[service]] {service.name}: {key}", argv[0]) for key, argv in _argvs(service) if argv)
    yield from ((f"[[command]] {command.name}: argv", command.argv[0]) for command in config.command)


def _argvs(service: Service) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from (("config_test", service.config_test), ("start", service.start), ("stop", service.stop), ("restart", service.restart))
    yield from (("probes", probe.command) for probe in service.probes if isinstance(probe, CommandProbe))
