"""Secrets are masked, and what only looks like one is left readable."""

import time

import pytest

from orchestrator.masking import mask

HEX = "0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=[masked] psql"),
        ("DB_PASSWORD: hunter2", "DB_PASSWORD: [masked]"),
        ('{"password": "a b", "user": "x"}', '{"password": [masked], "user": "x"}'),
        ("api-key = 'x y z'; next", "api-key = [masked]; next"),
        ("mysqld --password hunter2 -v", "mysqld --password [masked] -v"),
        ("curl --token=abc", "curl --token=[masked]"),
        ("?user=a&access_token=abc&x=1", "?user=a&access_token=[masked]&x=1"),
        ("Authorization: Bearer abc.def-ghijk", "Authorization: Bearer [masked]"),
        ("Proxy-Authorization: Basic dXNlcjpwYXNz", "Proxy-Authorization: Basic [masked]"),
        ("amqp://me:s3cret@broker:5672/x", "amqp://me:[masked]@broker:5672/x"),
        ("key AKIAIOSFODNN7EXAMPLE used", "key [masked] used"),
        ("ghp_" + "a1B2" * 9, "[masked]"),
        ("sk-proj_abcdefghijklmnop", "[masked]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "[masked]"),
        ("blob Wq3+zR8sT0uVbXc1dEf2gHi3jKl4mNo5pQr6 end", "blob [masked] end"),
        ("a\n-----BEGIN RSA PRIVATE KEY-----\nMII\nabc\n-----END RSA PRIVATE KEY-----\nb", "a\n[masked] (a private key)\nb"),
        ("-----BEGIN PRIVATE KEY-----\ncut off", "[masked] (a private key)"),
        ("half a \ud83d pair", "half a ? pair"),
    ],
)
def test_a_secret_is_masked(text: str, masked: str) -> None:
    """The secret goes, the name beside it stays."""
    assert mask(text) == masked
    assert mask(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        'FATAL: password authentication failed for user "shop"',
        "Main process exited, code=exited, status=203/EXEC",
        f"digest sha256:{HEX * 4}",
        "_SYSTEMD_INVOCATION_ID=5c1b8a2f9e7d4c3b8a1f0e9d8c7b6a5f",
        "mnt-data-very\\x2dlong\\x2dname\\x2dof\\x2da\\x2dmount.mount: Job failed",
        "/var/lib/docker/overlay2/0f3a9c/merged: No space left on device",
        "run-ra1B2c3-Nightly-Backup-Of-Host-Web01-And-Db02.service: Succeeded.",
        "http://127.0.0.1:8080/health answered 502",
        "the author's keyboard is a monkey",
    ],
)
def test_what_a_person_needs_to_read_stays(text: str) -> None:
    """Diagnosis lives on such lines: they are not mistaken for secrets."""
    assert mask(text) == text


@pytest.mark.parametrize(
    "piece", ["-----BEGIN PRIVATE KEY-----", "a", "a_", "-", "token =", "password\t", "http://", "eyJ", '"', "Bearer "]
)
def test_hostile_text_is_masked_in_time(piece: str) -> None:
    """No text of the size of an observation takes longer than a moment, however it repeats itself."""
    began = time.process_time()
    mask((piece * 20_000)[:20_000])
    assert time.process_time() - began < 1.0
