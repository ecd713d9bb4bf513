"""Secrets are masked before they are stored: what is not on disk cannot leak from it.

Every pattern is bounded and free of nested repetition, since the text is hostile.
"""

import itertools
import re

MASK = "[masked]"

_NAMES = (
    r"(?:[A-Za-z0-9_.-]{0,40}(?:passwords?|passwd|passphrase|secrets?|tokens?|api[_-]?keys?|access[_-]?keys?|private[_-]?keys?"
    r"|secret[_-]?keys?|credentials?)|(?:[A-Za-z0-9_.-]{0,40}[_.-])?(?:pwd|session[_-]?id|cookie|authorization|dsn|auth))"
    r"(?:[_-](?:key|id|token|value|b64|base64))?"
)
_VALUE = r"""("[^"\n]{1,500}"|'[^'\n]{1,500}'|[^\s"'&,;]{1,500})"""

_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]{0,40})PRIVATE KEY-----.*?(?:-----END \1PRIVATE KEY-----|\Z)", re.DOTALL)
_BEARER = re.compile(r"\b(Bearer|Basic|Digest|Negotiate)[ \t]+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_USERINFO = re.compile(r"\b([a-z][a-z0-9+.-]{1,20}://[^\s:@/]{0,100}):[^\s@/]{1,200}@", re.IGNORECASE)
_KEY_VALUE = re.compile(rf"""(?<![A-Za-z0-9])({_NAMES}["']?[ \t]{{0,4}}(?:=>|=|:)[ \t]{{0,4}}){_VALUE}""", re.IGNORECASE)
_OPTION = re.compile(rf"(?<!\S)(--?{_NAMES}[ \t]+)(?!-)(\S{{1,500}})", re.IGNORECASE)
_SHAPES = re.compile(
    r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}|glpat-[A-Za-z0-9_-]{16,64}"
    r"|xox[abeprs]-[A-Za-z0-9-]{10,200}|sk-[A-Za-z0-9_-]{16,200}|AIza[0-9A-Za-z_-]{30,50}|ya29\.[0-9A-Za-z_-]{20,400}"
    r"|(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{16,200}|eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,4000}\.?[A-Za-z0-9_-]{0,2000})"
)
_LONG = re.compile(r"[A-Za-z0-9+_-]{32,}={0,2}")
_CHANGES = 0.4
"""Of two neighbours in a random token six in ten are of different kinds (lower, upper, digit); in names far fewer are."""


def mask(text: str) -> str:
    """The same text without passwords, tokens and keys. The names beside them stay, so that a person knows what was there."""
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair could not be stored
    text = _PEM.sub(f"{MASK} (a private key)", text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _USERINFO.sub(rf"\1:{MASK}@", text)
    text = _KEY_VALUE.sub(_mask_value, text)
    text = _OPTION.sub(rf"\1{MASK}", text)
    text = _SHAPES.sub(MASK, text)
    return _LONG.sub(lambda found: MASK if _is_random(found.group()) else found.group(), text)


def _mask_value(found: re.Match[str]) -> str:
    value = found.group(2)
    if MASK in value or value.lower() in ("bearer", "basic", "digest", "negotiate"):
        return found.group()  # what follows the word is masked already
    return found.group(1) + MASK


def _is_random(token: str) -> bool:
    kinds = [character.isdigit() + 2 * character.isupper() + 4 * character.islower() for character in token]
    changes = sum(one != other and one > 0 < other for one, other in itertools.pairwise(kinds))
    return {1, 2, 4} <= set(kinds) and changes >= _CHANGES * len(token)
