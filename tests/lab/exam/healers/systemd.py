"""systemd alone, told to restart every service for ever: the declared ones, and all that are enabled."""

from tests.lab.exam.healers.base import Healer

_DROP_IN = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart={restart}\nRestartSec=1\n"


class Systemd(Healer):
    name = "systemd"

    def begin(self) -> None:
        for unit in self.units():
            if unit.endswith(".service"):
                oneshot = self.host.show(unit, "Type")["Type"] == "oneshot"  # systemd refuses `always` there
                text = _DROP_IN.format(restart="on-failure" if oneshot else "always")
                self.host.write(f"/etc/systemd/system/{unit}.d/exam-restart.conf", text)
        self.host.ok("systemctl daemon-reload")
