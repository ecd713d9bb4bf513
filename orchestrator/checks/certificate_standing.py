"""How a declared certificate stands: what lies on disk, what a client is shown, and what of that is to be mended first."""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from orchestrator.config import Certificate as Declared
from orchestrator.config import Config
from orchestrator.host import Certificate, NoRight, Unavailable, Unit, View
from orchestrator.model import Severity, utc

DAY = 86_400.0
AGREED_SECONDS = 60.0
"""While disk and server agree, clients need not be played more often."""
_GRACE_SECONDS = 10.0
"""A renewal writes several files, and reloads by itself: so long it is not interrupted."""
_LIFETIME_SHARE = 3
"""A certificate of a short life is due in the last third of it, whatever `min_days` says of the usual ones."""
UNUSABLE = ("CertificateMissing", "KeyMismatch")
"""With these on disk a server does not come up."""
HARMS_CLIENTS = ("Expired", "NotYetValid", "WrongName")
"""With these clients turn away, however well the server runs."""
_GENERIC = ("cert", "fullchain", "chain", "certificate", "server", "tls")
"""Names that say only what a file is: its key lies beside it under such a name too."""
_GENERIC_KEYS = ("privkey.pem", "key.pem", "server.key", "tls.key")


@dataclass(frozen=True, slots=True)
class Seen:
    """One certificate as it stands now."""

    chain: tuple[Certificate, ...]
    """On disk, the service's own first."""
    served: Certificate | None = None
    key: str = ""
    """A private key that does not belong to it."""
    changed_at: float = 0.0
    loaded_at: float = 0.0
    """When the server read its files last; 0.0 when that is not known."""
    fuller: bool = False
    """The last good copy of the file held what led from this certificate to its issuer, and the file does not any more."""
    blind: str = ""
    """Why nobody can say whether its key belongs to it, or whether its chain is whole: then nobody says that it is well."""

    @property
    def own(self) -> Certificate | None:
        return self.chain[0] if self.chain else None


@dataclass(frozen=True, slots=True)
class Verdict:
    reason: str
    message: str
    severity: Severity = Severity.HIGH


def trouble(view: View, declared: Declared) -> Verdict | None:
    """What is wrong with one declared certificate now. Raises Unavailable."""
    seen = look(view, declared)
    verdict = judged(declared, seen, view.now())
    if verdict is None and seen.blind:
        raise Unavailable(seen.blind)
    return verdict


def look(view: View, declared: Declared) -> Seen:
    """The host's side of the question. Who loaded it, and when, is asked only where that decides."""
    files = view.certificates
    chain, served = files.on_disk(declared.file), _shown(view, declared)
    key, foreign, blind = _key(view, declared) if chain else ("", "", "")
    fuller = False
    try:
        fuller = len(chain) == 1 and _was_fuller(view, declared.file, chain[0])
    except NoRight as trouble:
        blind = blind or str(trouble)
    agreed = bool(chain) and not foreign and (served is None or served.digest == chain[0].digest)
    return Seen(
        chain=chain,
        served=served,
        key=foreign,
        changed_at=0.0 if agreed else max(files.changed_at(path) for path in (declared.file, key) if path),
        loaded_at=0.0 if agreed else loaded_at(unit_of(view, declared)),
        fuller=fuller,
        blind=blind,
    )


def _key(view: View, declared: Declared) -> tuple[str, str, str]:
    """Its key, the same again where it is not its own, and why that cannot be told."""
    key = declared.key or ""
    try:
        key = key_of(view, declared)
        return key, key if key and view.certificates.belongs(declared.file, key) is False else "", ""
    except Unavailable as trouble:
        return key, "", str(trouble)


def _shown(view: View, declared: Declared) -> Certificate | None:
    """What is served; as of a minute ago if that was the one on disk, and well."""
    if not declared.endpoint:
        return None
    ask = partial(view.certificates.served, declared.endpoint, declared.server_name)
    known, chain = ask(not_older=AGREED_SECONDS), view.certificates.on_disk(declared.file)
    agreed = known is None or (chain and known.digest == chain[0].digest and _stands_well(known, declared, view.now()))
    return known if agreed else ask()


def loaded_at(unit: Unit) -> float:
    """When a unit read its files last: at a start, or at a reload that worked."""
    return max(unit.main_started_at, unit.active_enter_at, 0.0 if "ExecReload" in unit.exec_statuses else unit.reloaded_at)


def judged(declared: Declared, seen: Seen, now: float) -> Verdict | None:
    """The one thing wrong that is to be mended first; None when a client and a restart would both be content."""
    unusable = _on_disk(declared, seen, now)
    if unusable or _is_being_loaded(declared, seen, now):
        return unusable
    return (
        _not_reloaded(declared, seen, now)
        or next(
            (said for one in (seen.served, seen.own) if one and (said := for_clients(one, declared.file, declared.server_name, now))), None
        )
        or _chain(declared, seen)
        or _due(declared, seen, now)
    )


def _on_disk(declared: Declared, seen: Seen, now: float) -> Verdict | None:
    """What would keep the server from starting again, or from loading it."""
    if seen.own is None:
        state = "is gone" if not seen.changed_at else "holds no certificate that can be read"
        return None if 0 < now - seen.changed_at < _GRACE_SECONDS else Verdict("CertificateMissing", f"{declared.file} {state}")
    if seen.key and now - seen.changed_at > _GRACE_SECONDS:
        latent = seen.served is not None and seen.changed_at > seen.loaded_at > 0
        still = "; what runs still has the pair that it loaded before, and would not come back from a restart" if latent else ""
        return Verdict("KeyMismatch", f"the private key {seen.key} does not belong to the certificate {declared.file}{still}")
    return None


def _is_being_loaded(declared: Declared, seen: Seen, now: float) -> bool:
    """A good one was just written: whoever wrote it is about to have it loaded, however bad the one is that still shows."""
    other = seen.own is not None and seen.served is not None and seen.own.digest != seen.served.digest
    return other and 0 <= now - seen.changed_at < _GRACE_SECONDS and seen.own is not None and _stands_well(seen.own, declared, now)


def _not_reloaded(declared: Declared, seen: Seen, now: float) -> Verdict | None:
    """A newer one lies there, good for clients, and the server does not show it.

    A server may well show another one on purpose (one of two kinds of keys, a proxy before it): what was loaded after the file
    changed last, and is good, is such a choice.
    """
    own, served = seen.own, seen.served
    if own is None or served is None or own.digest == served.digest or not _stands_well(own, declared, now):
        return None
    stale = own.not_before > served.not_before and seen.changed_at > seen.loaded_at
    if _stands_well(served, declared, now) and not stale:
        return None
    ends = "ended" if served.not_after <= now else "ends"
    text = f"{declared.file} was renewed, and {declared.endpoint} still shows the old certificate, which {ends} {_when(served.not_after)}"
    return Verdict("NotReloaded", text, Severity.WARNING if _stands_well(served, declared, now) else Severity.HIGH)


def for_clients(one: Certificate, where: str, server_name: str | None, now: float) -> Verdict | None:
    """What makes a client turn away."""
    if one.not_after <= now:
        return Verdict("Expired", f"the certificate {where} expired {_when(one.not_after)}", Severity.CRITICAL)
    if one.not_before > now:
        why = "the clock is wrong here, or where it was issued"
        return Verdict("NotYetValid", f"the certificate {where} is not yet valid, only from {_when(one.not_before)[3:]}: {why}")
    if server_name and not one.is_for(server_name):
        return Verdict("WrongName", f"the certificate {where} is for {', '.join(one.names)[:200] or 'nobody'}, not for {server_name}")
    return None


def _chain(declared: Declared, seen: Seen) -> Verdict | None:
    own, following = seen.own, seen.chain[1:]
    if own and following and own.issuer != following[0].subject and own.issuer != own.subject:
        return Verdict("ChainBroken", f"{declared.file} does not hold its certificates in order: {own.subject} was issued by {own.issuer}")
    if own and seen.fuller:
        lost = f"the certificate of its issuer ({own.issuer}), without which clients cannot trust it"
        return Verdict("ChainBroken", f"{declared.file} lost {lost}")
    return None


def _due(declared: Declared, seen: Seen, now: float) -> Verdict | None:
    for one in (seen.served, seen.own):
        if one and one.not_after - now < min(declared.min_days * DAY, (one.not_after - one.not_before) / _LIFETIME_SHARE):
            left = (one.not_after - now) / DAY
            text = f"the certificate {declared.file} ends in {left:.1f} days, {_when(one.not_after)}"
            return Verdict("ExpiresSoon", text, Severity.WARNING)
    return None


def _stands_well(one: Certificate, declared: Declared, now: float) -> bool:
    return for_clients(one, declared.file, declared.server_name, now) is None


def _when(at: float) -> str:
    return f"on {utc(at)[:16]} UTC"


def due(view: View, declared: Declared) -> bool:
    """Whether a new one is wanted: it is expired, or will be soon, and none that is better lies there."""
    verdict = trouble(view, declared)
    return verdict is not None and verdict.reason in ("Expired", "ExpiresSoon")


def half_a_pair(view: View, config: Config, unit: str | None, path: str) -> bool:
    """Whether the file is a half of a declared pair that does not fit, under a server that runs with what it loaded before."""
    for declared in config.certificate:
        if declared.unit != unit or unit is None or path not in (declared.file, key_of(view, declared)):
            continue
        verdict = trouble(view, declared)
        if verdict and verdict.reason == "KeyMismatch" and view.units.get(unit).running:
            return True
    return False


# ---- what belongs to a certificate ----


def is_renewing(view: View, declared: Declared) -> bool:
    """Its renewal is under way: what it has written so far may be half of it."""
    if not declared.renew_unit:
        return False
    unit = view.units.get(declared.renew_unit)
    return unit.in_transition or (unit.running and unit.type != "oneshot")


def unit_of(view: View, declared: Declared) -> Unit:
    """Who serves it: the declared unit, else who listens at the endpoint."""
    name = declared.unit or ""
    if not name and declared.endpoint:
        with suppress(Unavailable):
            holder = view.sockets.holder_of_port(int(declared.endpoint.rpartition(":")[2]))
            name = holder.unit if holder else ""
    return view.units.get(name) if name else Unit(name="none.service")


def key_of(view: View, declared: Declared) -> str:
    """The file with its private key: the declared one, itself, or the one that lies beside it by the usual names."""
    if declared.key:
        return declared.key
    return next((path for path in possible_keys(declared) if view.certificates.holds_key(path)), "")


def possible_keys(declared: Declared) -> tuple[str, ...]:
    """Where its private key may lie."""
    if declared.key:
        return (declared.key,)
    folder, _, name = declared.file.rpartition("/")
    stem = name.rpartition(".")[0] or name
    beside = (f"{stem}.key", f"{stem}-key.pem", f"{stem}.key.pem", *(_GENERIC_KEYS if stem in _GENERIC else ()))
    return (declared.file, *(f"{folder}/{one}" for one in beside))


def _was_fuller(view: View, path: str, own: Certificate) -> bool:
    """Whether the last good copy led on from this certificate to its issuer."""
    if view.known_good.get(path) is None:
        return False
    with suppress(Unavailable):  # it was remembered without its content, or that is damaged
        good = view.certificates.among(view.known_good.content(path)) if own.issuer != own.subject else ()
        return len(good) > 1 and good[0].issuer == own.issuer == good[1].subject
    return False
