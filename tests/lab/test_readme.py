"""What the README teaches, done to the letter."""

import re
import sys

import pytest

from tests.lab.host import CHECKOUT, DAEMON, Host
from tests.lab.watched import SETTINGS, Watched

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
EXAMPLES: dict[str, str] = dict(re.findall(r"```(?:python|toml)\n# (\S+/\S+)\n(.+?)```", README, re.DOTALL))
COPY = "/opt/product"


@pytest.mark.parametrize("place", EXAMPLES)
def test_each_example_is_short(place: str) -> None:
    """A check, an action, a runbook, an expert: 10 to 40 lines at most each, whole."""
    assert len(EXAMPLES[place].splitlines()) <= 40


def test_a_check_an_action_and_a_runbook_are_one_file_each(lab: Host) -> None:
    """Put there as shown, and nothing else edited: the new fault is seen, the new plan healed it, the new action is undoable."""
    assert {place.split("/")[-2] for place in EXAMPLES} == {"checks", "actions", "runbooks.d", "experts.d"}
    lab.ok(f"mkdir {COPY} && cp -r {CHECKOUT}/orchestrator {CHECKOUT}/phases {CHECKOUT}/escalation {CHECKOUT}/dashboard {COPY}")
    for place, code in EXAMPLES.items():
        lab.write(f"/etc/autonomous-orchestrator/{place}" if place.startswith(("runbooks.d", "experts.d")) else f"{COPY}/{place}", code)
    lab.write(f"/etc/systemd/system/{DAEMON}.d/product.conf", f"[Service]\nWorkingDirectory={COPY}\n")
    lab.start_daemon(SETTINGS)
    watched = Watched(lab)
    lab.ok("chmod 755 /tmp")
    row = watched.healed("/tmp", "open_tmp /tmp", timeout=90)
    assert (row["check_name"], lab.ok("stat -c %a /tmp").strip()) == ("tmp_mode", "1777")
    test = f"runbooks test /etc/autonomous-orchestrator/runbooks.d/tmp.toml --incident {row['id']}"
    told = lab.sh(f"cd {COPY} && PYTHONDONTWRITEBYTECODE=1 {sys.executable} -m orchestrator {test}")
    assert "fits tmp-closed" in told.out
