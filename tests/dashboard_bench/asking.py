"""A server under load: several clients at once, each over one connection that stays open."""

import http.client
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.dashboard_bench.servers import Server


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of each answer, what one cost the server's processor, and how long the last one was in bytes."""

    seconds: tuple[float, ...]
    spent: float
    bytes: int

    @property
    def p50(self) -> float:
        return 1000 * median(self.seconds)

    @property
    def p95(self) -> float:
        return 1000 * sorted(self.seconds)[int(0.95 * (len(self.seconds) - 1))]

    @property
    def slowest(self) -> float:
        return 1000 * max(self.seconds)


def measure(server: Server, path: str, headers: Mapping[str, str], *, clients: int, times: int) -> Measured:
    """Raises RuntimeError for an answer that is not 200."""
    before = _spent(server.pid)
    with ThreadPoolExecutor(clients) as pool:
        done = list(pool.map(lambda _client: _ask(server.port, path, headers, times), range(clients)))
    spent = (_spent(server.pid) - before) / (clients * (times + 1))
    return Measured(tuple(second for seconds, _ in done for second in seconds), spent, done[0][1])


def _ask(port: int, path: str, headers: Mapping[str, str], times: int) -> tuple[list[float], int]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    seconds, size = [], 0
    for n in range(times + 1):  # the first one is not counted: it opens the connection, and what is read but once
        began = time.perf_counter()
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
        size = len(body)
        if n:
            seconds.append(time.perf_counter() - began)
    connection.close()
    return seconds, size


def _spent(pid: int) -> float:
    """Seconds of processor: fields 14 and 15 of proc(5)'s stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> dict[str, float]:
    """MB: what it holds now, its share of that, and the most that it ever held."""
    rollup = _fields(Path(f"/proc/{pid}/smaps_rollup"))
    return {"rss": rollup["Rss"], "pss": rollup["Pss"], "peak": _fields(Path(f"/proc/{pid}/status"))["VmHWM"]}


def _fields(path: Path) -> dict[str, float]:
    rows: list[Sequence[str]] = [line.split() for line in path.read_text().splitlines()]
    return {row[0].rstrip(":"): int(row[1]) / 1024 for row in rows if len(row) == 3 and row[2] == "kB"}
