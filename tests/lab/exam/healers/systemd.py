"""systemd alone, told to restart every declared service for ever."""

from tests.lab.exam.healers.base import Healer

_DROP_IN = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart={restart}\nRestartSec=1\n"


class Systemd(Healer):
    name = "systemd"

    def begin(self) -> None:
        for service in self.case.declared().service:
            if service.unit and service.unit.endswith(".service"):
                oneshot = self.host.show(service.unit, "Type")["Type"] == "oneshot"  # systemd refuses `always` there
                text = _DROP_IN.format(restart="on-failure" if oneshot else "always")
                self.host.write(f"/etc/systemd/system/{service.unit}.d/exam-restart.conf", text)
        self.host.ok("systemctl daemon-reload")
