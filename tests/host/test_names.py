"""What the name files say, and which names a configuration needs."""

import pytest

from orchestrator.host.names import entries_in, local_ports_in, names_in, names_of_command, says_anything, servers_in

NEEDED = [
    ("proxy_pass http://app.internal:8081/x;", ("app.internal",)),
    ("needs = ledger:5432", ("ledger",)),
    ('DATABASE_HOST="db-1.internal"', ("db-1.internal",)),
    ('  "host": "cache.internal",', ("cache.internal",)),
    ("upstream: postgresql://shop:secret@db.internal/shop", ("db.internal",)),
    ("server = localhost", ("localhost",)),
    ("# needs = old.internal:80", ()),
    ("Documentation=https://example.org/manual", ()),
    ("listen 127.0.0.1:8080", ()),
    ("address = 10.0.0.7:80", ()),
    ("server_name www.example.org;", ()),
    ("started at 12:30:15", ()),
    ("image = shop:v2", ()),
]


@pytest.mark.parametrize(("line", "names"), NEEDED)
def test_a_name_stands_in_an_address_or_behind_a_word_for_another_host(line: str, names: tuple[str, ...]) -> None:
    """What a configuration asks for, and neither its remarks nor its own names."""
    assert names_in(line) == names


def test_the_ports_that_a_configuration_speaks_of_are_those_of_this_host() -> None:
    """In numbers or by the one name that is always here; another host's are its own."""
    text = "proxy_pass http://127.0.0.1:8081;\nredis = localhost:6379\npeer = [::1]:90\nfar = 10.0.0.1:80\n# old = 127.0.0.1:1\n"
    assert local_ports_in(text) == (8081, 6379, 90)


def test_a_command_may_have_a_name_as_a_word_of_its_own() -> None:
    """As in getent and in clients of databases."""
    assert names_of_command(("/usr/bin/psql", "-h", "app.internal")) == ("app.internal",)
    assert names_of_command(("/usr/bin/curl", "-sf", "http://app.internal:81/")) == ("app.internal",)
    assert "ledger" in names_of_command(("/usr/bin/getent", "ahosts", "ledger"))
    assert names_of_command(("/usr/bin/redis-cli", "ping")) == ()


def test_at_most_three_servers_are_asked_as_programs_do() -> None:
    """resolv.conf(5); the scope of an address is no part of it."""
    assert servers_in("# nameserver 1.1.1.1\nnameserver 127.0.0.1\nnameserver fe80::1%eth0\n") == ("127.0.0.1", "fe80::1")
    assert len(servers_in("".join(f"nameserver 10.0.0.{n}\n" for n in range(9)))) == 3


def test_a_hosts_file_names_an_address_many_times() -> None:
    """Each line may hold several names, and a remark."""
    hosts = "127.0.0.1 localhost Shop.internal # not: other\n10.0.0.1 shop.internal\n"
    assert entries_in(hosts, "shop.internal") == ("127.0.0.1", "10.0.0.1")
    assert entries_in(hosts, "other") == ()


@pytest.mark.parametrize(
    ("path", "full", "empty"),
    [
        ("/etc/resolv.conf", "nameserver 10.0.0.1", "search internal\n# nameserver 10.0.0.1\n"),
        ("/etc/nsswitch.conf", "hosts: files dns", "passwd: files\n"),
        ("/etc/hosts", "127.0.0.1 localhost", "# 127.0.0.1 localhost\n127.0.0.1\n"),
    ],
)
def test_a_file_without_a_useful_line_says_nothing(path: str, full: str, empty: str) -> None:
    """Remarks and other settings find no name."""
    assert says_anything(path, full)
    assert not says_anything(path, empty)
    assert not says_anything(path, "")
