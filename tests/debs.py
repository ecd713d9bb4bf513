"""Programs of Debian's that a test asks, taken out of their packages into build/: nothing is installed, and no server starts by itself."""

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

KEPT = Path(__file__).resolve().parents[1] / "build" / "debs"
DOWNLOAD_SECONDS = 60


@cache
def program(package: str, path: str) -> Path:
    """`path` (usr/bin/promtool) of `package`. Skips the test where the package cannot be had."""
    place = KEPT / package
    if not place.exists():
        _unpack(package, place)
    return place / path


def _unpack(package: str, place: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        pytest.skip(f"{package} comes from Debian's archive, and this is no Debian")
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT) as folder:
        got = subprocess.run(
            ["apt-get", "download", "-qq", package], cwd=folder, check=False, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS
        )
        found = sorted(Path(folder).glob("*.deb"))
        if got.returncode or not found:
            pytest.skip(f"{package} cannot be downloaded: {got.stderr.strip()[-200:]}")
        unpacked = Path(folder) / "unpacked"
        subprocess.run(["dpkg-deb", "-x", str(found[0]), str(unpacked)], check=True, capture_output=True)
        unpacked.rename(place)
