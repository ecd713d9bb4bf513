"""What of a certificate is to be mended first: by what lies on disk, what is served, and the clock."""

from dataclasses import replace

import pytest

from orchestrator.checks.certificate_standing import Seen, judged
from orchestrator.config import Certificate as Declared
from orchestrator.host import Certificate
from orchestrator.model import Severity

NOW = 1_800_000_000.0
DAY = 86_400.0
DECLARED = Declared(file="/etc/ssl/shop.pem", endpoint="127.0.0.1:443", server_name="shop.example", min_days=14)


def _certificate(begins: float, ends: float, *names: str, digest: str = "a") -> Certificate:
    """Days from now."""
    return Certificate(digest, NOW + begins * DAY, NOW + ends * DAY, "CN=shop.example", "CN=ca", names or ("shop.example",))


GOOD = _certificate(-30, 60)
RENEWED = _certificate(-1, 89, digest="b")


def _reason(seen: Seen) -> str:
    verdict = judged(DECLARED, seen, NOW)
    return verdict.reason if verdict else ""


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        (GOOD, ""),
        (_certificate(-90, -1), "Expired"),
        (_certificate(2, 90), "NotYetValid"),
        (_certificate(-30, 60, "other.example"), "WrongName"),
        (_certificate(-80, 10), "ExpiresSoon"),
    ],
)
def test_what_is_served_from_disk(own: Certificate, reason: str) -> None:
    """Dates and names, as a client judges them."""
    assert _reason(Seen(chain=(own,), served=own)) == reason


def test_a_short_life_is_not_always_due() -> None:
    """One that lives for six days is due in its last two, not all its life; else it would be renewed at every look."""
    assert _reason(Seen(chain=(_certificate(-1, 5),))) == ""
    assert _reason(Seen(chain=(_certificate(-5, 1),))) == "ExpiresSoon"


def test_a_renewed_one_that_was_not_loaded() -> None:
    """The file is newer than what is shown, and than the last start or reload of the server."""
    seen = Seen(chain=(RENEWED,), served=GOOD, changed_at=NOW - 300, loaded_at=NOW - 3000)
    assert _reason(seen) == "NotReloaded"
    verdict = judged(DECLARED, replace(seen, served=_certificate(-91, -1)), NOW)
    assert verdict
    assert verdict.severity is Severity.HIGH


def test_a_renewal_reloads_by_itself_in_a_moment() -> None:
    """What changed seconds ago may be half a renewal: nobody interrupts it."""
    assert _reason(Seen(chain=(RENEWED,), served=GOOD, changed_at=NOW - 3, loaded_at=NOW - 3000)) == ""
    assert _reason(Seen(chain=(RENEWED,), served=GOOD, key="/etc/ssl/shop.key", changed_at=NOW - 3)) == ""


def test_one_that_expired_is_not_told_while_a_better_one_is_being_loaded() -> None:
    """What lies on disk is the answer already: to call it expired would have it renewed again, or a person called."""
    just = Seen(chain=(RENEWED,), served=_certificate(-91, -1), changed_at=NOW - 2, loaded_at=NOW - 1)
    assert _reason(just) == ""
    assert _reason(replace(just, changed_at=NOW - 60)) == "NotReloaded"


def test_another_one_is_shown_on_purpose() -> None:
    """A server with two kinds of keys, or a proxy before it, shows a good one that is not the file: loaded after the file was written."""
    assert _reason(Seen(chain=(RENEWED,), served=GOOD, changed_at=NOW - 3000, loaded_at=NOW - 300)) == ""


def test_an_older_one_on_disk_is_not_loaded() -> None:
    """Somebody laid an older good one there: no client is the worse for what is shown."""
    assert _reason(Seen(chain=(GOOD,), served=RENEWED, changed_at=NOW - 300, loaded_at=NOW - 3000)) == ""


def test_a_pair_that_does_not_fit_comes_first() -> None:
    """Nothing may be reloaded or restarted over it, however old what is shown."""
    seen = Seen(chain=(RENEWED,), served=_certificate(-91, -1), key="/etc/ssl/shop.key", changed_at=NOW - 300, loaded_at=NOW - 3000)
    assert _reason(seen) == "KeyMismatch"


def test_no_certificate_at_all() -> None:
    """A file that is gone, or holds none."""
    assert _reason(Seen(chain=())) == "CertificateMissing"


def test_a_chain_in_the_wrong_order() -> None:
    """The second one in the file is not the issuer of the first."""
    stranger = replace(GOOD, subject="CN=another ca", issuer="CN=root")
    assert _reason(Seen(chain=(GOOD, stranger))) == "ChainBroken"
    assert _reason(Seen(chain=(GOOD, replace(stranger, subject="CN=ca")))) == ""
    assert _reason(Seen(chain=(GOOD,), fuller=True)) == "ChainBroken"
