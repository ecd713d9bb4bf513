"""`doctor` on the mail: the server, its encryption and login, the addresses, and what has waited for long."""

import shlex
import socket
from collections.abc import Iterator

from orchestrator.cli.finding import UNIT, Finding
from orchestrator.cli.options import config_file, reader
from orchestrator.config import Config, Mail, default_file
from orchestrator.host import Unavailable, View
from orchestrator.store.times import age, lasting

_OLD_MAIL_SECONDS = 900.0
_HERE = ("localhost", "127.0.0.1", "::1")
_SERVERS = ("postfix.service", "exim4.service", "opensmtpd.service", "sendmail.service")
"""Of this host, where the configuration names no other."""


def look_at_mail(view: View, config: Config) -> Iterator[Finding]:
    mail = config.mail
    if not mail.enabled:
        file = shlex.quote(str(config_file() or default_file()))
        mend = f"sed -i '/^\\[mail\\]/,/^\\[/s/^enabled *= *false/enabled = true/' {file} && systemctl reload {UNIT}"
        yield Finding("mail", "warn", "is off: escalations wait to be looked for", mend)
        return
    from escalation.mail import Server  # noqa: PLC0415
    from escalation.words import SendFailed  # noqa: PLC0415

    try:
        with Server(mail, socket.gethostname()) as server:
            refused = server.refused()
    except SendFailed as error:
        yield Finding("mail", "bad", f"{error}; escalations reach nobody by mail", _mend(view, mail, str(error)))
        return
    where = f"{mail.host}:{mail.port}"
    if refused:
        yield Finding("mail", "bad", f"{where} takes no mail: {refused}", _set("to", '["root@localhost"]'))
    else:
        yield Finding("mail", "ok", f"{where} answers; whether it arrives: orchestrator test-alert")
    if mail.user and mail.tls == "none" and mail.host not in _HERE:
        yield Finding("mail", "warn", f"the password for {where} goes over the network for everybody to read", _set("tls", '"starttls"'))


def look_at_outbox(view: View, config: Config) -> Iterator[Finding]:
    """What is on its way for long: nobody has heard of it."""
    del view, config
    waiting = reader().status()["mail"]
    if waiting["waiting"] and (old := age(waiting["oldest"])) > _OLD_MAIL_SECONDS:
        many = waiting["waiting"] > 1
        what = f"{waiting['waiting']} mails wait, the oldest for {lasting(old)}" if many else f"1 mail waits, for {lasting(old)}"
        yield Finding("outbox", "bad", what, "orchestrator test-alert")


def _mend(view: View, mail: Mail, error: str) -> str:
    """By what went wrong: nobody is there, the encryption, the login."""
    if "certificate" in error.lower() or "ssl" in error.lower():
        return f"openssl s_client -connect {mail.host}:{mail.port} {'-starttls smtp ' if mail.tls == 'starttls' else ''}</dev/null"
    if mail.user and ("535" in error or "auth" in error.lower()) and mail.password_file:
        file = shlex.quote(mail.password_file)
        return (
            f"read -rsp 'password of {mail.user}: ' it && printf '%s\\n' \"$it\" > {file} && chmod 600 {file} && systemctl restart {UNIT}"
        )
    if mail.host in _HERE:
        for name in _SERVERS:
            if _is_here(view, name):
                return f"systemctl enable --now {name}"
        return "DEBIAN_FRONTEND=noninteractive apt-get install -y exim4-daemon-light"
    return f"getent hosts {mail.host} && nc -vz -w 5 {mail.host} {mail.port}"


def _is_here(view: View, name: str) -> bool:
    try:
        return view.units.get(name).load_state == "loaded"
    except Unavailable:
        return False


def _set(key: str, value: str) -> str:
    """In the file that says so already, or in one beside it."""
    main = config_file() or default_file()
    files = f"{shlex.quote(str(main))} {shlex.quote(str(main.parent))}/conf.d/*.toml"
    beside = shlex.quote(str(main.parent / "conf.d" / "50-mail.toml"))
    return (
        f"if grep -qs '^{key} *=' {files}; then sed -i '/^\\[mail\\]/,/^\\[/s|^{key} *=.*|{key} = {value}|' {files};"
        f" else printf '[mail]\\n{key} = {value}\\n' > {beside}; fi; systemctl reload {UNIT}"
    )
