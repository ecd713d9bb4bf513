"""Certificates: as they lie on disk, and as they are served.

What a certificate says is read by openssl(1), once for each: it never changes, and neither a library of 17 MiB in the daemon nor a
parser of our own is needed for that. The handshake is the standard library's.
"""

import binascii
import contextlib
import hashlib
import ipaddress
import math
import os
import re
import ssl
import time
from dataclasses import dataclass
from typing import Any

from orchestrator.host.commands import CommandResult, run
from orchestrator.host.errors import Late, Unavailable
from orchestrator.host.files import Files, FileState
from orchestrator.host.helper import Helper
from orchestrator.host.rights import Own, Rights
from orchestrator.host.web import connect

HANDSHAKE_SECONDS = 3.0
FILE_BYTES = 1 << 20
_OPENSSL_SECONDS = 5.0
_CHAIN = 10
_KEPT = 500
_PEM = re.compile(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----(.+?)-----END (?:TRUSTED |X509 )?CERTIFICATE-----", re.DOTALL)
_PUBLIC = re.compile(_PEM.pattern + rb"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----", re.DOTALL)
_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")


@dataclass(frozen=True, slots=True)
class Certificate:
    digest: str
    """SHA-256 in hex of the whole certificate."""
    not_before: float
    not_after: float
    subject: str
    issuer: str
    names: tuple[str, ...] = ()
    """Who it is for: its alternative names, or where it has none the common name."""

    def is_for(self, name: str) -> bool:
        """RFC 6125: the name itself, or one label in place of the star at its beginning."""
        wanted = _normal(name)
        return any(wanted == own or (own.startswith("*.") and wanted.partition(".")[2] == own[2:]) for own in map(_normal, self.names))


class Certificates:
    """Thread-safe. Raises Unavailable when something cannot be told."""

    def __init__(self, files: Files, helper: Helper, rights: Rights | None = None) -> None:
        self._files = files
        self._helper = helper
        self._rights = rights or Own()
        self._read: dict[str, Certificate] = {}
        self._pairs: dict[tuple[str, str, float, int], bool | None] = {}
        self._on_disk: dict[str, tuple[FileState | None, tuple[Certificate, ...]]] = {}
        self._keys: dict[str, tuple[FileState, bool]] = {}
        self._served: dict[tuple[str, str | None], tuple[float, Certificate | None]] = {}

    def on_disk(self, path: str) -> tuple[Certificate, ...]:
        """The certificates of a PEM file in their order, the service's own first; none when it holds none, or is not there."""
        state = self._files.look(path, follow=True)
        if state is None:
            return ()
        if self._on_disk.get(path, (None, ()))[0] != state:
            self._on_disk[path] = (state, self.among(self._files.read(path, FILE_BYTES)))
        return self._on_disk[path][1]

    def among(self, content: bytes) -> tuple[Certificate, ...]:
        """The certificates of PEM text."""
        found = []
        for match in list(_PEM.finditer(content))[:_CHAIN]:
            try:
                one = self._certificate(binascii.a2b_base64(match[1]))
            except binascii.Error:
                one = None
            if one is None:  # damaged: what stands behind it is not what a server would send either
                break
            found.append(one)
        return tuple(found)

    def served(self, endpoint: str, server_name: str | None, *, not_older: float = 0.0) -> Certificate | None:
        """What a client is shown who asks for `server_name`; None when nobody there speaks TLS, which is another check's question.

        `not_older`: an answer of so many seconds ago will do; no answer is asked for again, since a busy server is soon less busy.
        """
        asked = (endpoint, server_name)
        at, known = self._served.get(asked, (-math.inf, None))
        if known is None or time.monotonic() - at > not_older:
            known = self._shake_hands(endpoint, server_name)
            self._served[asked] = (time.monotonic(), known)
        return known

    def _shake_hands(self, endpoint: str, server_name: str | None) -> Certificate | None:
        host, _, port = endpoint.rpartition(":")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # it is judged here, not trusted
        deadline = time.monotonic() + HANDSHAKE_SECONDS
        try:
            with contextlib.closing(connect(host.strip("[]"), int(port), self._helper, deadline)) as plain:
                plain.settimeout(max(0.05, deadline - time.monotonic()))
                with context.wrap_socket(plain, server_hostname=server_name or _as_name(host)) as secure:
                    der = secure.getpeercert(binary_form=True)
        except (OSError, Late):
            return None
        return self._certificate(der) if der else None

    def belongs(self, certificate: str, key: str) -> bool | None:
        """Whether the private key in the one file belongs to the certificate in the other; None when that cannot be told (it is locked).

        A key that this process may not read stays where it is: whoever may read it says whether it fits.
        """
        chain, state = self.on_disk(certificate), self._files.look(key, follow=True)
        if not chain or state is None:
            return None
        known = (chain[0].digest, key, max(state.mtime, state.ctime), state.inode)
        if known not in self._pairs:
            _make_room(self._pairs)
            self._pairs[known] = self._fits(certificate, key)
        return self._pairs[known]

    def _fits(self, certificate: str, key: str) -> bool | None:
        if os.access(key, os.R_OK, effective_ids=True):
            return same_key(self._files.read(certificate, FILE_BYTES), key)
        fits: bool | None = self._rights.ask("key_fits", certificate=certificate, key=key)
        return fits

    def holds_key(self, path: str) -> bool:
        """Whether a file holds a private key, by its own first words."""
        state = self._files.look(path, follow=True)
        if state is None or state.kind != "file" or state.size > FILE_BYTES:
            return False
        if path not in self._keys or self._keys[path][0] != state:
            self._keys[path] = (state, bool(_KEY.search(self._files.read(path, FILE_BYTES))))
        return self._keys[path][1]

    def changed_at(self, path: str) -> float:
        """When the file, or the link that leads to it, became what it is; 0.0 when it is not there. A copy keeps its date: so ctime too."""
        states = (self._files.look(path), self._files.look(path, follow=True))
        return max((_changed(state) for state in states if state), default=0.0)

    def _certificate(self, der: bytes) -> Certificate | None:
        """None for what is no certificate."""
        digest = hashlib.sha256(der).hexdigest()
        if digest not in self._read:
            asked = ("-dates", "-subject", "-issuer", "-nameopt", "RFC2253", "-ext", "subjectAltName")
            result = _openssl("x509", "-inform", "DER", "-noout", *asked, given=der)
            if result.exit != 0:
                return None
            _make_room(self._read)
            self._read[digest] = _parsed(digest, result.output)
        return self._read[digest]


def _changed(state: FileState) -> float:
    return max(state.mtime, state.ctime)


def _make_room(kept: dict[Any, Any]) -> None:
    if len(kept) >= _KEPT:
        kept.clear()


def _openssl(*words: str, given: bytes = b"") -> CommandResult:
    result = run(["openssl", *words], timeout=_OPENSSL_SECONDS, given=given)
    if result.exit is None:
        raise Unavailable(f"openssl {words[0]}: {result.output.strip()[:200] or 'no answer in time'}")
    return result


def outline(content: bytes) -> bytes:
    """What of PEM text is no secret: its certificates as they are, and that a private key stands there."""
    return b"".join(match[0] + b"\n" for match in _PUBLIC.finditer(content))


def same_key(certificate: bytes, key: str) -> bool | None:
    """By the public half of both. A locked key is not asked for its password."""
    own = _openssl("x509", "-noout", "-pubkey", given=certificate)
    found = _openssl("pkey", "-in", key, "-pubout", "-passin", "pass:")
    return _public(own.output) == _public(found.output) if own.exit == found.exit == 0 else None


def _public(text: str) -> str:
    return text[text.find("-----BEGIN PUBLIC KEY") :].strip()


def _parsed(digest: str, text: str) -> Certificate:
    """What `openssl x509` prints: `notAfter=Nov 10 22:44:52 2026 GMT`, and the names on the line after their title."""
    fields = dict(line.split("=", 1) for line in text.splitlines() if re.match(r"(notBefore|notAfter|subject|issuer)=", line))
    names = re.findall(r"(?:DNS|IP Address):([^,\s]+)", text.partition("Subject Alternative Name")[2])
    common = re.findall(r"(?:^|,)CN=([^,]+)", fields["subject"])
    try:
        begins, ends = ssl.cert_time_to_seconds(fields["notBefore"]), ssl.cert_time_to_seconds(fields["notAfter"])
    except (KeyError, ValueError):
        raise Unavailable(f"openssl tells no dates of a certificate: {text[:200]!r}") from None
    return Certificate(digest, begins, ends, fields.get("subject", ""), fields.get("issuer", ""), tuple(names or common))


def _as_name(host: str) -> str | None:
    """An address is no name: a server is not asked for it."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host
    return None


def _normal(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.rstrip(".").lower()
