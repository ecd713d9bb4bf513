"""The story that scripts/try tells: faults are made in a throwaway host, and one sees what the daemon does about each.

Each claim is checked. The first that is not true ends the story, with exit status 1.
"""

import email
import email.policy
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

from tests.lab.base import Base, LabError, unavailable
from tests.lab.host import CHECKOUT, CONFIG, STATE, Host
from tests.lab.stage import Ending, NotAsTold, Stage, expect, prop

PARTS = f"{Path(CONFIG).parent}/conf.d"
MAILS = "/var/mail/story"

NEXT = """
Where to look next:
    README.md                                how it works, what it never does, its configuration by example
    dashboard/screenshots/                   the page that a person gets beside the mail, on port 8888
    .venv/bin/python -m tests.lab.host       a shell in such a host, to break something yourself
    scripts/check                            all tests, those on a real systemd included
    scripts/install                          installs it on a real host
"""


class Story:
    """Each public method after `tell` is a chapter."""

    def __init__(self, host: Host, out: Callable[[str], object]) -> None:
        self._host = host
        self._stage = Stage(host, out)

    def tell(self) -> None:
        """Raises NotAsTold, LabError."""
        self.beginning()
        self.crash()
        self.same_again(self.leftover())
        self.broken_configuration()
        untested = self.untested()
        damaged = self.damaged_data()
        self.reading(untested, damaged)
        self.figures()

    def beginning(self) -> None:
        self._stage.chapter("A host of its own")
        self._stage.say(
            "This is a Debian with a real systemd, in namespaces of this machine; it is gone when the story ends. The daemon runs there "
            "as its shipped unit, with this configuration:"
        )
        mailbox = f"{sys.executable} -B -m aiosmtpd -n -l 127.0.0.1:25 -c aiosmtpd.handlers.Mailbox {MAILS}/box"
        self._host.unit("mailbox.service", f"[Service]\nExecStart={mailbox}\n")
        self._host.ok(f"install -d -m 700 {MAILS} && systemctl start mailbox")
        self._stage.quote(f"# {CONFIG}\n{prop('config.toml')}")
        self._host.start_daemon(prop("config.toml"))
        self._stage.run("orchestrator status")

    def crash(self) -> None:
        self._stage.chapter("1. A web service crashes: a quick fix")
        self._stage.say("A small web service runs, and the daemon is told what its users care about:")
        self._start("docs", "docs.service", asks(8080))
        self._stage.configure("docs.toml", f"{PARTS}/docs.toml")
        self._stage.say("It is killed. From here on you read the daemon's own journal, with the seconds since the fault:")
        self._healed(self._stage.hurt("docs.service", "systemctl kill -s KILL docs", asks(8080)), phase=1)

    def leftover(self) -> Ending:
        self._stage.chapter("2. Another one crashes, and what comes to mind first does not help")
        self._stage.say("A shop, shop@1.service, has a worker beside its web server:")
        self._stage.quote(prop("shop"))
        self._host.write("/opt/shop", prop("shop"), 0o755)
        self._start("shop@1", "shop@.service", asks(8081))
        self._stage.configure("shop-1.toml", f"{PARTS}/shop-1.toml")
        self._stage.say("The web server is killed. Its worker lives on, and so no start can work:")
        ending = self._crash_shop(1)
        self._healed(ending)
        helped = [attempt["outcome"] == "healed" for attempt in ending.attempts]
        expect(helped == [False, True], "the first plan for shop@1.service does not help, and the second does")
        self._stage.say("The second plan helped. It was learned, for the fault as it first showed:")
        self._stage.run("orchestrator patterns")
        return ending

    def same_again(self, first: Ending) -> None:
        self._stage.chapter("3. The same kind of fault again: learned")
        self._stage.say(
            "A second instance, shop@2.service, is started, and the same happens to it. (Why not to the first one: the same fault of the "
            "same unit within an hour is a relapse, which takes the credit back from what seemed to have healed it.)"
        )
        self._start("shop@2", "shop@.service", asks(8082))
        self._stage.configure("shop-2.toml", f"{PARTS}/shop-2.toml")
        ending = self._crash_shop(2)
        self._healed(ending, phase=1)
        origins = [attempt["origin"].partition(":")[0] for attempt in ending.attempts]
        expect(origins == ["pattern"], f"the learned plan is the first and only one for shop@2.service; there were {origins}")
        expect(ending.waited < first.waited, f"what was learned is faster: {ending.waited:.1f} s, and {first.waited:.1f} s before")
        self._stage.say(
            f"The plan that fails was not tried again: users waited {first.waited:.1f} s the first time (3 s of it while the program hoped "
            f"for its lock), and {ending.waited:.1f} s now. Then it took phase {first.incident['phase']}, now phase 1."
        )

    def broken_configuration(self) -> None:
        self._stage.chapter("4. A configuration is broken: research")
        self._stage.say("nginx runs, and its configuration is declared:")
        self._host.ok("systemctl enable --now nginx")
        self._stage.configure("www.toml", f"{PARTS}/www.toml", "/etc/nginx/nginx.conf")
        good = self._host.read("/etc/nginx/nginx.conf")
        self._stage.say("Somebody mistypes a directive, and restarts. No start can help, so that none is tried:")
        script = "sed -i 's/worker_connections/worker_conections/' /etc/nginx/nginx.conf\nsystemctl restart nginx"
        self._healed(self._stage.hurt("nginx.service", script, asks(80)), phase=2)
        expect(self._host.read("/etc/nginx/nginx.conf") == good, "the good configuration of nginx is back")

    def untested(self) -> Ending:
        self._stage.chapter("5. A configuration is broken, and nothing can test it")
        self._stage.say("A Redis keeps sessions:")
        self._host.write("/etc/sessions.conf", prop("sessions.conf"))
        self._start("sessions", "sessions.service", pings(6379))
        self._stage.configure("sessions.toml", f"{PARTS}/sessions.toml", "/etc/sessions.conf")
        self._stage.say(
            "Again a mistyped directive, and no test says so. But it came just before the fault, the service never ran well with it, and "
            "nothing else explains the fault. So the copy of before is tried, and stays only because the service answers again:"
        )
        script = "echo 'maxmemry 100mb' >>/etc/sessions.conf\nsystemctl restart sessions"
        ending = self._stage.hurt("sessions.service", script, pings(6379))
        self._healed(ending, phase=2)
        expect(self._host.read("/etc/sessions.conf") == prop("sessions.conf"), "the good configuration of sessions.service is back")
        return ending

    def damaged_data(self) -> Ending:
        self._stage.chapter("6. Data is damaged: a person")
        self._stage.say("Another Redis keeps orders, in a file to which each is appended:")
        self._start("orders", "orders.service", pings(6380))
        self._host.ok("for n in $(seq 20); do redis-cli -e -p 6380 set order:$n paid; done")
        self._stage.configure("orders.toml", f"{PARTS}/orders.toml")
        self._stage.say(
            "Some bytes of the file are damaged, and the program crashes. A start does no harm: the program itself refuses. What would "
            "make it start is to cut the file off, and the orders with it:"
        )
        file = self._host.ok("ls /var/lib/orders/appendonlydir/*.incr.aof").strip()
        damage = f"dd if=/dev/zero of={file} bs=1 seek=200 count=40 conv=notrunc\nsha256sum {file} >/run/story/damaged"
        ending = self._stage.hurt("orders.service", f"{damage}\nsystemctl kill -s KILL orders", pings(6380))
        expect(ending.incident["status"] == "escalated", f"orders.service is escalated; it is {ending.incident['status']}")
        self._stage.say("Nobody touched the file:")
        self._stage.run("sha256sum -c /run/story/damaged")
        self._mail(ending)
        return ending

    def _mail(self, damaged: Ending) -> None:
        self._stage.say("A person was told, by a ticket and by mail:")
        self._host.wait_until(lambda: self._host.sh(f"ls {MAILS}/box/new | grep -q .").status == 0, 20, "a mail is there")
        mail = email.message_from_string(self._host.ok(f"cat {MAILS}/box/new/*"), policy=email.policy.default)
        part = mail.get_body(("plain",))
        assert part
        body, _, seen = str(part.get_content()).replace("\r\n", "\n").partition("WHAT WAS SEEN\n")
        heads = [f"{name}: {str(mail[name]).strip()}" for name in ("From", "To", "Subject")]
        self._stage.quote("\n".join([*heads, "", body.rstrip(), "", f"WHAT WAS SEEN: {len(seen.splitlines())} more lines"]))
        expect("damaged data" in body and damaged.incident["target"] in body, "the mail names what is wrong, and why it is a person's")

    def reading(self, untested: Ending, damaged: Ending) -> None:
        self._stage.chapter("7. What an operator reads")
        self._stage.say("The story of that configuration, and that of the damaged file:")
        for ending, verdict in ((untested, "HEALED by research"), (damaged, "WITH A PERSON")):
            told = self._stage.run(f"orchestrator show {ending.incident['id']}", before="WHAT WAS SEEN")
            expect(told.startswith(verdict), f"the story of {ending.incident['target']} begins with: {verdict}")
        self._stage.run("orchestrator status")

    def figures(self) -> None:
        self._stage.chapter("8. The figures")
        self._stage.say("Two files of SQLite hold all of it. The README's two queries, as a member of the group orchestrator:")
        tasks, escalations = queries()
        for name, query in (("tasks", tasks), ("escalations", escalations)):
            self._stage.run(f"sqlite3 -box {STATE}/{name}.db", given=query, user="ops")
        figures = self._host.sql(tasks), [[*row.values()] for row in self._host.sql(escalations, db="escalations")]
        expect(
            figures == ([{"total": 6, "fixed": 5, "fix_rate": 83.3}], [[1, "open"]]), f"5 of 6 are fixed, and 1 is open; it is {figures}"
        )
        self._stage.say("The sixth was made so that nobody but a person may heal it.")

    # ---- what the chapters share -------------------------------------------------------------------------------------

    def _start(self, name: str, unit: str, until: str) -> None:
        self._host.unit(unit, prop(unit))
        self._host.ok(f"systemctl enable --now {name}")
        self._host.wait_until(lambda: self._host.sh(until).status == 0, 20, f"{name} answers")

    def _crash_shop(self, instance: int) -> Ending:
        script = f"systemctl kill --kill-whom=main -s KILL shop@{instance}"
        return self._stage.hurt(f"shop@{instance}.service", script, asks(8080 + instance))

    def _healed(self, ending: Ending, *, phase: int | None = None) -> None:
        row = ending.incident
        expect(row["fix_successful"] == 1, f"{row['target']} is healed without a person; it is {row['status']}")
        expect(phase in (None, row["phase"]), f"{row['target']} is healed in phase {phase}; it was in phase {row['phase']}")
        self._stage.say(
            f"Healed in phase {row['phase']}: its users had an answer again after {ending.waited:.1f} s, and after {ending.took:.1f} s "
            "it was proved that this lasts."
        )


def asks(port: int) -> str:
    """A user's question to a web service."""
    return f"curl -sf -m 1 -o /dev/null http://127.0.0.1:{port}/"


def pings(port: int) -> str:
    """The same to a Redis."""
    return f"redis-cli -e -p {port} ping >/dev/null 2>&1"


def queries() -> tuple[str, str]:
    """The README's queries of the success figures: for tasks.db, for escalations.db."""
    block = (CHECKOUT / "README.md").read_text(encoding="utf-8").partition("```sql\n-- tasks.db\n")[2].partition("```")[0]
    tasks, _, escalations = block.partition("-- escalations.db\n")
    return tasks.strip(), escalations.strip()


def on_this_host(reason: str, out: Callable[[str], object]) -> None:
    """What can be shown without a lab: one look at this very host, which changes nothing. Raises NotAsTold."""
    out(f"No host can be broken for you here: {reason}. As root on Debian 12 you see a fault healed.\n")
    out("What can be shown: one look at this host. All that is written is in a temporary directory; nothing is done to the host.\n")
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory, "config.toml")
        config.write_text(f'[daemon]\nstate_dir = "{directory}/state"\nboot_grace_seconds = 0\n[mail]\nenabled = false\n', encoding="utf-8")
        for command in ("run --once --dry-run", "checks", "incidents"):
            out(f"\n    $ orchestrator {command}\n")
            done = subprocess.run(
                [sys.executable, "-m", "orchestrator", *command.split(), "--config", config],
                check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=CHECKOUT,
            )  # fmt: skip
            out(textwrap.indent(done.stdout, "    "))
            expect(done.returncode == 0, f"orchestrator {command} ends with 0; it was {done.returncode}")


def main() -> int:
    try:
        return _told()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever reads has seen enough; and Python, which tries once more at its end, finds somebody
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def _told() -> int:
    try:
        if reason := unavailable():
            on_this_host(reason, tell)
        else:
            tell("A throwaway host is booted. The first time, and then once a week, its packages are fetched: some minutes.\n")
            with Base() as base, Host(base) as host:
                Story(host, tell).tell()
    except (NotAsTold, LabError) as trouble:
        tell(f"\nNOT AS TOLD. What was to come: {trouble}\n")
        return 1
    tell(NEXT)
    return 0


def tell(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
