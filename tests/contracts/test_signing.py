"""Signed records: a byte changed anywhere, or a key out of its ring, and the record is foreign."""

import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.signing import (
    SigningKey,
    UnreadableSecret,
    is_signed,
    key_id_of,
    resolve_secret,
    sign,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TENANT = uuid4()
KEY = SigningKey("local-1", b"s" * 32, None, NOON, None)
OTHER = SigningKey("local-2", b"t" * 32, None, NOON, None)
RING = {key.key_id: key for key in (KEY, OTHER)}


@given(value=st.binary(max_size=200))
def test_what_a_key_of_the_ring_signed_is_signed(value: bytes) -> None:
    header = sign(KEY, value)
    assert header == b"local-1:" + hmac.digest(KEY.secret, value, "sha256")
    assert key_id_of(header) == "local-1"
    assert is_signed(header, value, RING)


def test_every_bit_of_the_value_counts() -> None:
    value = bytes(range(64))
    header = sign(KEY, value)
    for changed in flipped(value):
        assert not is_signed(header, changed, RING)


def test_every_bit_of_the_header_counts() -> None:
    value = b"a record"
    for changed in flipped(sign(KEY, value)):
        assert not is_signed(changed, value, RING)


def test_every_shorter_and_longer_header_is_refused() -> None:
    value = b"a record"
    header = sign(KEY, value)
    for length in range(len(header)):
        assert not is_signed(header[:length], value, RING)
    assert not is_signed(header + b"\0", value, RING)
    assert not is_signed(b"x" + header, value, RING)


def test_a_shorter_or_longer_value_is_refused() -> None:
    header = sign(KEY, b"a record")
    for value in (b"", b"a recor", b"a record\0"):
        assert not is_signed(header, value, RING)


def test_one_keys_signature_does_not_pass_under_anothers_name() -> None:
    digest = sign(KEY, b"a record")[-32:]
    assert not is_signed(b"local-2:" + digest, b"a record", RING)


def test_a_key_that_is_not_in_the_ring_signs_nothing() -> None:
    assert not is_signed(sign(KEY, b"a record"), b"a record", {"local-2": OTHER})


def test_a_key_id_may_contain_a_colon_and_a_digest_may_too() -> None:
    key = replace(KEY, key_id="eu:1")
    assert is_signed(sign(key, b"x"), b"x", {"eu:1": key})
    assert key_id_of(b"eu:1:" + b":" * 32) == "eu:1"


@given(header=st.binary(max_size=80))
def test_no_header_from_outside_raises(header: bytes) -> None:
    key_id_of(header)
    assert not is_signed(header, b"a record", RING)


def test_no_header_names_no_key() -> None:
    assert key_id_of(None) is None
    assert key_id_of(b"") is None
    assert key_id_of(b":" + b"d" * 32) is None
    assert key_id_of("clé:".encode() + b"d" * 32) is None


def test_a_key_writes_from_its_first_instant_until_before_its_last() -> None:
    key = replace(KEY, valid_until=NOON + timedelta(days=1))
    instant = timedelta(microseconds=1)
    assert not key.may_write(TENANT, NOON - instant)
    assert key.may_write(TENANT, NOON)
    assert key.may_write(TENANT, NOON + timedelta(days=1) - instant)
    assert not key.may_write(TENANT, NOON + timedelta(days=1))


def test_a_key_without_an_end_stays_valid() -> None:
    assert KEY.may_write(TENANT, NOON + timedelta(days=36500))


def test_a_tenants_key_writes_for_its_tenants_alone() -> None:
    key = replace(KEY, tenants=frozenset({TENANT}))
    assert key.may_write(TENANT, NOON)
    assert not key.may_write(UUID(int=TENANT.int ^ 1), NOON)
    assert not replace(key, tenants=frozenset()).may_write(TENANT, NOON)


def test_a_secret_is_read_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"f" * 32 + b"\n")
    monkeypatch.setenv("HPTS_TEST_SECRET", "e" * 32)
    assert resolve_secret(f"file:{path}") == b"f" * 32
    assert resolve_secret("env:HPTS_TEST_SECRET") == b"e" * 32


def test_a_secret_that_is_short_or_nowhere_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tmp_path / "short"
    short.write_bytes(b"f" * 31)
    monkeypatch.delenv("HPTS_TEST_SECRET", raising=False)
    nowhere = ("env:HPTS_TEST_SECRET", f"file:{tmp_path}/none", f"file:{short}", "vault:x", "")
    for reference in nowhere:
        with pytest.raises(UnreadableSecret):
            resolve_secret(reference)


def flipped(value: bytes) -> list[bytes]:
    """The value with each of its bits flipped."""
    whole = int.from_bytes(value, "big")
    return [(whole ^ 1 << bit).to_bytes(len(value), "big") for bit in range(8 * len(value))]
