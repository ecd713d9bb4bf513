"""The dashboard as its own process, on a state directory."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

CHECKOUT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Site:
    """`orchestrator dashboard serve` with this configuration file, which names `port`."""

    def __init__(self, config_file: Path, port: int) -> None:
        self.config_file = config_file
        self._log = config_file.with_suffix(".dashboard.log")
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"http://127.0.0.1:{port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill(signal.SIGTERM)

    def start(self) -> None:
        """Returns when it answers."""
        with self._log.open("ab") as log:
            command = [*self._command, "dashboard", "serve", "--config", str(self.config_file)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=CHECKOUT)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, f"no answer within {START_SECONDS:.0f} s: {self._log.read_text(encoding='utf-8')}"
            time.sleep(0.05)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it by this signal; it may be started again."""
        if self._process:
            os.kill(self._process.pid, number)
            self._process.wait(20)
            self._process = None

    def link(self) -> str:
        """What `orchestrator dashboard url` prints: the way in, once."""
        said = self.run("dashboard", "url")
        found = re.search(r"http://\S+", said)
        assert found, said
        return found.group()

    def run(self, *words: str) -> str:
        """A command on the same state."""
        command = [*self._command, *words, "--config", str(self.config_file)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=CHECKOUT, timeout=60)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    @property
    def _command(self) -> tuple[str, ...]:
        return (sys.executable, "-m", "orchestrator")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=2) as answer:  # noqa: S310  # our own
                return int(answer.status) == 200
        except OSError:
            return False
