"""The version before this one, built from the repository's own history, and wheels of versions that go wrong."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.host import CHECKOUT, Host

WHEELS = CHECKOUT / "build" / "wheels"
COMMIT = "28370eae137a1184e47515985484cb07a7bc0fea"
"""The last one in which the daemon was root and its own hands: the longest way that an upgrade goes."""

_DOCTOR = """
import sys, zipfile, pathlib
folder, place, more = sys.argv[1:]
wheel = next(pathlib.Path(folder).glob("autonomous_orchestrator-*.whl"))
sound = zipfile.ZipFile(wheel)
files = {name: sound.read(name) for name in sound.namelist()}
files[place] += b"\\n" + more.encode() + b"\\n"
with zipfile.ZipFile(wheel, "w") as broken:
    for name, content in files.items():
        broken.writestr(name, content)
"""


def wheels() -> Path:
    """Those of the checkout; scripts/check makes them."""
    if not list(WHEELS.glob("autonomous_orchestrator-*.whl")):
        pytest.skip("build/wheels is empty: scripts/check builds the wheels")
    return WHEELS


def previous() -> Path:
    """The checkout of the version before, with a folder `wheels` in it."""
    there = CHECKOUT / "build" / f"previous-{COMMIT[:8]}"
    if not (there / "wheels").exists():
        known = subprocess.run(["git", "-C", CHECKOUT, "cat-file", "-e", f"{COMMIT}^{{commit}}"], check=False, capture_output=True)
        if known.returncode:
            pytest.skip("the repository has no history of the version before")
        shutil.rmtree(there, ignore_errors=True)
        there.mkdir(parents=True)
        archive = subprocess.run(["git", "-C", CHECKOUT, "archive", COMMIT], check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", there], input=archive.stdout, check=True)
        made = there / "wheels.new"
        others = [wheel for wheel in wheels().glob("*.whl") if not wheel.name.startswith("autonomous_orchestrator-")]
        made.mkdir()
        for wheel in others:
            shutil.copy(wheel, made)
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(made), "."]
        subprocess.run(pip, cwd=there, check=True)
        made.rename(there / "wheels")
    return there


def doctored(host: Host, place: str, more: str) -> str:
    """A folder of wheels on the host in which `more` stands at the end of the module at `place`."""
    host.ok(f"rm -rf /var/tmp/wheels && cp -r {WHEELS} /var/tmp/wheels")
    host.write("/var/tmp/doctor.py", _DOCTOR)
    host.ok(f"python3 /var/tmp/doctor.py /var/tmp/wheels {place} {shlex.quote(more)}")
    return "/var/tmp/wheels"
