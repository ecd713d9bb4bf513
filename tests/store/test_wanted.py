"""A filter comes from an address that anybody may have written."""

from urllib.parse import parse_qs

import pytest

from orchestrator.store import Wanted


def test_a_query_string_becomes_a_filter() -> None:
    """Lists come with commas or several times; what is empty is not asked for."""
    wanted = Wanted.read(
        {"status": ["open", "acknowledged,open"], "severity": "high", "q": " disk full ", "owner": "", "limit": "7", "tray": "true"}
    )
    assert wanted == Wanted(status=("open", "acknowledged"), severity=("high",), q="disk full", limit=7, tray=True)
    assert Wanted.read({}) == Wanted()


def test_a_filter_writes_itself_as_an_address() -> None:
    """What is written is read back as the same; another filter begins at its first page."""
    wanted = Wanted(status=("open", "snoozed"), q='a&b="ä"', phase=3, tray=True, after="~17", sort="oldest")
    assert Wanted.read(parse_qs(wanted.address())) == wanted.model_copy(update={"after": ""})
    assert Wanted.read(parse_qs(wanted.address(after="~9", status=()))).model_dump() == {**wanted.model_dump(), "after": "~9", "status": ()}
    assert Wanted().address() == ""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"state": "open"}, "'state': there is no such filter; there are status, severity"),
        ({"a\x1b[2J\n": "1"}, r"'a\\x1b\[2J\\n': there is no such filter"),
        ({"status": "done"}, "status: Input should be 'open'"),
        ({"severity": "high,worst"}, "severity: Input should be 'critical'"),
        ({"sort": "random()"}, "sort: Input should be 'newest', 'oldest'"),
        ({"limit": "201"}, "limit: Input should be less than or equal to 200"),
        ({"limit": "0"}, "limit: "),
        ({"limit": "9" * 5000}, "limit: "),
        ({"limit": "٣"}, "limit: "),
        ({"phase": "5"}, "phase: "),
        ({"q": "x" * 256}, "q: String should have at most 255"),
        ({"q": "a\x00b"}, "q: String should match"),
        ({"owner": ["a", "b"]}, "owner: given 2 times; say it once"),
        ({"after": "1 OR 1=1"}, "after: String should match"),
        ({"tray": "perhaps"}, "tray: "),
    ],
)
def test_what_is_no_filter_is_said(args: dict[str, str | list[str]], said: str) -> None:
    """What is wrong, where, and what would be right; in one line that holds nothing of the sender's."""
    with pytest.raises(ValueError, match=said) as caught:
        Wanted.read(args)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)
