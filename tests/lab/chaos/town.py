"""The host of a chaos run, and what its users, its mailbox and its files say, whatever the daemon says of itself."""

import email
import email.policy
import hashlib
import sys
from email.message import EmailMessage

from tests.lab.host import CONFIG, DAEMON, HANDS, STATE, Host
from tests.lab.watched import Web

STARTS, BROKEN, DEEDS, MAILS = "/srv/starts", "/srv/broken", "/srv/deeds", "/srv/mail"
_COUNTED = f"ExecStartPre=/bin/sh -c 'date +%%s.%%N >>{STARTS}/%N'"
"""Each start of a service leaves a line, whoever began it."""

STALLS = tuple(
    Web(
        f"stall-{number}",
        7200 + number,
        settings=f"pid_file = /run/stall-{number}.pid" if number % 2 else "",
        service=_COUNTED,
        declared=f'pid_file = "/run/stall-{number}.pid"' if number % 2 else "",
    )
    for number in range(8)
)
"""What is hurt, and can be healed. Every other one leaves a stale pid file behind when it is killed."""
ASKING = Web("stall-asking", 7290, service=_COUNTED, declared='mode = "approve"')
"""Healed only after a person has said yes."""
WELLS = tuple(f"well-{number}.service" for number in range(4))
"""What nobody may heal by force: its data is gone."""
NEIGHBOURS = tuple(f"neighbour-{number}.service" for number in range(3))
SPOILT = "port = none\n"
"""What the rain adds to a configuration."""
RESTING, MASKED = "resting.service", "masked.service"
"""Stopped by the admin, and masked: to be left so."""

SETTINGS = """
[daemon]
poll_seconds = 2
settle_seconds = 1
boot_grace_seconds = 0
relapse_seconds = 1
[limits]
changes_per_target_per_hour = 1000
changes_per_host_per_hour = 10000
[mail]
host = "127.0.0.1"
port = 25
first_wait_seconds = 1
group_seconds = 2
per_hour = 1000
digest = "off"
[dashboard]
port = 8888
"""
"""No budget ends the rain early, and a mail goes for nearly every telling: as many chances as there can be to do something twice."""
_SLEEPS = "[Service]\nExecStart=/bin/sleep infinity\n{more}\n[Install]\nWantedBy=multi-user.target\n"
_LOSES_ITS_DATA = f"exec 3<> <(:); while [[ ! -e {BROKEN}/%N ]]; do read -rt 0.5 -u 3; done; echo the data file is corrupted >&2; exit 1"


class Town:
    def __init__(self, host: Host) -> None:
        self.host = host
        self.config = SETTINGS

    def build(self) -> None:
        """Everything runs, is declared, and remembered as good; the daemon has begun."""
        host = self.host
        host.ok(f"install -d -m 777 {STARTS} {BROKEN} {DEEDS} && seq 20000 >{DEEDS}/register && cp {DEEDS}/register {DEEDS}/copy")
        post = f"{sys.executable} -B -m aiosmtpd -n -l 127.0.0.1:25 -c aiosmtpd.handlers.Mailbox {MAILS}"
        host.write("/etc/systemd/system/post.service", f"[Service]\nExecStart={post}\n")
        for web in (*STALLS, ASKING):
            host.write(web.config_file, f"port = {web.port}\n{web.settings}\n")
            host.write(web.unit_file, web.unit_text)
            self.config += web.declaration
        for unit in (*NEIGHBOURS, RESTING):
            host.write(f"/etc/systemd/system/{unit}", _SLEEPS.format(more=_COUNTED))
        host.write(f"/usr/lib/systemd/system/{MASKED}", _SLEEPS.format(more=""))
        for unit in WELLS:
            host.write(
                f"/etc/systemd/system/{unit}",
                f"[Service]\nExecStart=/bin/bash -c '{_LOSES_ITS_DATA}'\n[Install]\nWantedBy=multi-user.target\n",
            )
        self.config += "".join(f'[[service]]\nname = "{unit}"\nunit = "{unit}"\n' for unit in (*WELLS, *NEIGHBOURS, RESTING))
        stalls = [web.target for web in (*STALLS, ASKING)]
        host.ok(
            f"systemctl daemon-reload && systemctl start post && systemctl enable --now {' '.join([*stalls, *WELLS, *NEIGHBOURS, RESTING])}"
        )
        host.wait_until(lambda: len(self.answering()) == len(stalls), 30, "every stall answers")
        host.disk(STATE, 400)
        host.disk(HANDS, 48)
        host.start_daemon(self.config)
        good = [f"{HANDS}/known-good/paths/{hashlib.sha256(web.config_file.encode()).hexdigest()}.json" for web in (*STALLS, ASKING)]
        host.wait_until(lambda: host.sh(f"ls {' '.join(good)}").status == 0, 60, "good copies")
        host.wait_until(lambda: host.sql("SELECT 1 FROM baseline"), 30, "a baseline")
        host.wait_until(lambda: host.sh(f"ls {STATE}/backup/*Z/escalations.db").status == 0, 30, "a copy, as of last night")
        host.ok(f"systemctl stop {RESTING}; systemctl mask {MASKED}")
        host.start_dashboard()
        self.before = self._untouched()

    # What a user sees

    def answering(self) -> set[str]:
        """The stalls that serve now, by their units."""
        webs = {web.port: web.target for web in (*STALLS, ASKING)}
        ask = "; ".join(f"(curl -sf -m 1 -o /dev/null http://127.0.0.1:{port}/health && echo {port}) &" for port in webs).replace("&;", "&")
        return {webs[int(port)] for port in self.host.sh(f"{ask} wait").out.split()}

    def starts(self, unit: str) -> int:
        return int(self.host.sh(f"cat {STARTS}/{unit.removesuffix('.service')} 2>/dev/null | wc -l").out)

    def mails(self, since: float = 0.0) -> list[EmailMessage]:
        """All that the server took since then. A file of a Maildir begins with the time of its arrival."""
        names = [name for name in self.host.sh(f"ls -tr {MAILS}/new").out.split() if float(name.partition(".")[0]) > since]
        return [email.message_from_string(self.host.read(f"{MAILS}/new/{name}"), policy=email.policy.default) for name in names]

    # What nobody may touch

    def harm(self) -> list[str]:
        """Whatever is not as it was, of what nobody may touch."""
        after = self._untouched()
        changed = [f"{name}: {was} became {after[name]}" for name, was in self.before.items() if after[name] != was]
        return [
            *changed,
            *(f"{web.config_file} is not the operator's: {text}" for web in (*STALLS, ASKING) if (text := self._altered(web))),
        ]

    def _altered(self, web: Web) -> str:
        """What is neither the operator's own nor as the rain left it."""
        own, found = f"port = {web.port}\n{web.settings}\n", self.host.sh(f"cat {web.config_file} 2>/dev/null").out
        return "" if found.replace(SPOILT, "") in ("", own) else found[:200]

    def _untouched(self) -> dict[str, str]:
        seen = {
            unit: self.host.ok(f"systemctl show {unit} -p MainPID,ActiveState,NRestarts,LoadState")
            for unit in (*NEIGHBOURS, RESTING, MASKED)
        }
        seen |= {f"starts of {unit}": str(self.starts(unit)) for unit in (*NEIGHBOURS, RESTING)}
        for place in (
            f"{DEEDS}/*",
            "/etc/passwd",
            "/etc/shadow",
            "/etc/group",
            "/etc/fstab",
            "/etc/ssh/*",
            "/etc/cron*/*",
            CONFIG,
            "/usr/bin/*",
        ):
            seen[place] = self.host.sh(f"cat {place} 2>/dev/null | sha256sum").out
        seen["enabled units"] = self.host.ok("systemctl list-unit-files --state=enabled,masked --no-legend --no-pager | sort")
        return seen

    def story(self) -> str:
        """The daemon's own words, for whoever reads why a count is not zero."""
        return self.host.sh(f"journalctl --no-pager -o short-precise -u {DAEMON} -u 'autonomous-orchestrator-hands*'").out
