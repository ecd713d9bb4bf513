"""Kinds of log lines."""

import time

import pytest

from orchestrator.knowledge.templates import key, template


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("worker 17 died after 3.5 s", "worker <n> died after <n> s"),
        ("connect to 10.0.3.4:5432 failed", "connect to <ip> failed"),
        ("connect to fe80::1:2 failed", "connect to <ip> failed"),
        ("cannot open /var/lib/depot/a1.db: Permission denied", "cannot open <path>: Permission denied"),
        ('relation "orders" does not exist', "relation <text> does not exist"),
        ("can't read it, don't ask", "can't read it, don't ask"),
        ("job 3f2504e0-4f89-11d3-9a0c-0305e82c3301 is late", "job <uuid> is late"),
        ("2026-03-01T10:00:00.123Z ERROR  no   room", "<time> ERROR no room"),
        ("segfault at 0x7ffd12 ip deadbeef00112233", "segfault at <hex> ip <hex>"),
        ("utf8 and sha256 stay", "utf8 and sha256 stay"),
        ("retry in 5s, took -12ms", "retry in <n>s, took <n>ms"),
    ],
)
def test_what_changes_is_masked_and_what_tells_stays(line: str, kind: str) -> None:
    """Two lines of one kind have one template."""
    assert template(line) == kind


def test_the_key_of_a_kind_never_changes() -> None:
    """A key that was written down last year still means the same line: a change of the masks needs a new version."""
    assert key("worker 17 died after 3.5 s") == key("worker 4 died after 100 s") == "log1:ba2a4770eb23e297"
    assert key("worker 17 died after 3.5 s") != key("worker 17 was born after 3.5 s")


@pytest.mark.parametrize("line", ["a" * 1_000_000, "1" * 1_000_000, "/a" * 500_000, '"' * 1_000_000, "::" * 500_000, "0123abcd" * 100_000])
def test_a_hostile_line_costs_no_time(line: str) -> None:
    """However a line is made, it is masked at once."""
    began = time.monotonic()
    key(line)
    assert time.monotonic() - began < 0.2
