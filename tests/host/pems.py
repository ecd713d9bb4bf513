"""Certificates with the dates that a test wants: openssl's own little authority signs any."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_SETTINGS = """
[ca]
default_ca = own
[own]
database = {0}/index
new_certs_dir = {0}
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
"""


@dataclass(frozen=True, slots=True)
class Pem:
    file: str
    key: str


def issue(directory: Path, stem: str, name: str, days: tuple[float, float] = (-1, 89)) -> Pem:
    """A certificate of its own for `name`, good from and until so many days from now."""
    pem = Pem(str(directory / f"{stem}.pem"), str(directory / f"{stem}.key"))
    work = directory / f"{stem}.authority"
    work.mkdir()
    (work / "index").touch()
    (work / "settings").write_text(_SETTINGS.format(work))
    (work / "extensions").write_text(f"basicConstraints=CA:FALSE\nsubjectAltName=DNS:{name}\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    _openssl("req", *curve, "-nodes", "-subj", f"/CN={name}", "-keyout", pem.key, "-out", f"{work}/request")
    begins, ends = (f"{datetime.now(UTC) + timedelta(days=day):%Y%m%d%H%M%SZ}" for day in days)
    _openssl("ca", "-batch", "-notext", "-selfsign", "-config", f"{work}/settings", "-keyfile", pem.key, "-in", f"{work}/request",
             "-out", pem.file, "-extfile", f"{work}/extensions", "-startdate", begins, "-enddate", ends)  # fmt: skip
    return pem


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)
