"""Records: what is encoded is decoded again, and no other bytes raise but `UndecodableRecord`."""

import json
import struct
from dataclasses import fields
from datetime import UTC, date, datetime
from hashlib import sha256
from importlib.resources import files
from typing import Any
from uuid import UUID

import pytest
from fastavro.schema import to_parsing_canonical_form
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codec
from schemas.codec import Outcome, UndecodableRecord, UnknownSchema, decode, encode
from schemas.commands import AccrualChunk, AnyCommand, Disbursement, Payment, Reversal

AVRO = files("schemas") / "avro"
KINDS = {1: Disbursement, 2: Payment, 3: AccrualChunk, 4: Reversal, 5: Outcome}

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
words = st.none() | texts
longs = st.integers(-(2**63), 2**63 - 1)
ints = st.integers(-(2**31), 2**31 - 1)
envelope: dict[str, Any] = {
    "tenant_id": st.uuids(),
    "idempotency_key": texts,
    "fingerprint": st.binary(min_size=32, max_size=32),
    "accepted_at": st.datetimes(timezones=st.just(UTC)),
    "actor": texts,
    "rules_version": ints,
    "dry_run": st.booleans(),
}
remarks: dict[str, Any] = {
    **envelope,
    "description": words,
    "external_ref": words,
    "metadata": st.dictionaries(texts, texts, max_size=3),
}
money: dict[str, Any] = {
    **remarks,
    "loan_id": st.uuids(),
    "borrower_id": st.uuids(),
    "amount_minor": longs,
    "currency": texts,
    "effective_on": st.dates(),
}
messages = st.one_of(
    st.builds(Disbursement, **money, method=texts, destination_ref=words),
    st.builds(
        Payment,
        **money,
        source_method=texts,
        allocation=st.sampled_from(["auto", "hold"]),
        waterfall_version=ints,
    ),
    st.builds(
        AccrualChunk,
        **envelope,
        program_id=st.uuids(),
        accrued_on=st.dates(),
        day_count_convention=texts,
        currency=texts,
        require_principal_match=st.booleans(),
        backfill=st.booleans(),
        chunks_total=ints,
        loans_total=longs,
        interest_total_minor=longs,
        loan_ids=st.binary(max_size=64),
        principals=st.binary(max_size=32),
        interests=st.binary(max_size=32),
    ),
    st.builds(
        Reversal,
        **remarks,
        reverses_entry_id=st.uuids(),
        reason_code=texts,
        reason_description=texts,
        effective_on=st.dates(),
        loan_id=st.none() | st.uuids(),
        part=st.none() | ints,
        chunks_total=st.none() | ints,
    ),
    st.builds(
        Outcome,
        tenant_id=st.uuids(),
        command_id=st.uuids(),
        correlation_id=st.uuids(),
        idempotency_key=texts,
        fingerprint=st.binary(min_size=32, max_size=32),
        status=texts,
        result=texts,
        partition_id=ints,
        command_offset=longs,
        dry_run=st.booleans(),
    ),
)

ONE_ID = UUID("10a40000-0000-4000-8000-000000000001")
ENVELOPE: dict[str, Any] = {
    "tenant_id": ONE_ID,
    "idempotency_key": "key",
    "fingerprint": bytes(32),
    "accepted_at": datetime(2026, 1, 5, 12, tzinfo=UTC),
    "actor": "client",
}
MONEY: dict[str, Any] = {
    **ENVELOPE,
    "loan_id": ONE_ID,
    "borrower_id": ONE_ID,
    "amount_minor": 113_22,
    "currency": "USD",
    "effective_on": date(2026, 2, 2),
}
EXAMPLES: tuple[AnyCommand | Outcome, ...] = (
    Disbursement(**MONEY, method="ach", destination_ref="bank-7"),
    Payment(**MONEY, source_method="ach", description="é", metadata={"a": "1", "b": "2"}),
    AccrualChunk(
        **{**ENVELOPE, "idempotency_key": "key/3/0"},
        program_id=ONE_ID,
        accrued_on=date(2026, 1, 31),
        day_count_convention="ACT_365",
        currency="USD",
        require_principal_match=True,
        backfill=False,
        chunks_total=1,
        loans_total=1,
        interest_total_minor=8_22,
        loan_ids=ONE_ID.bytes,
        principals=bytes(8),
        interests=bytes(8),
    ),
    Reversal(
        **ENVELOPE,
        reverses_entry_id=ONE_ID,
        reason_code="other",
        reason_description="typed twice",
        effective_on=date(2026, 3, 1),
        loan_id=ONE_ID,
        part=0,
        chunks_total=1,
    ),
    Outcome(
        tenant_id=ONE_ID,
        command_id=ONE_ID,
        correlation_id=ONE_ID,
        idempotency_key="key",
        fingerprint=bytes(32),
        status="posted",
        result="{}",
        partition_id=3,
        command_offset=41,
    ),
)
each_kind = pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)


@settings(max_examples=400)
@given(message=messages)
def test_what_is_encoded_is_decoded_again(message: AnyCommand | Outcome) -> None:
    assert decode(encode(message)) == message


@each_kind
def test_the_frame_is_confluents(message: AnyCommand | Outcome) -> None:
    magic, schema_id = struct.unpack_from(">bI", encode(message))
    assert magic == 0
    assert KINDS[schema_id] is type(message)
    assert codec.schema_name_of(encode(message)) == type(message).__name__


@each_kind
def test_every_truncation_is_undecodable(message: AnyCommand | Outcome) -> None:
    value = encode(message)
    for length in range(len(value)):
        with pytest.raises(UndecodableRecord):
            decode(value[:length])


@each_kind
def test_every_flipped_bit_decodes_or_is_undecodable(message: AnyCommand | Outcome) -> None:
    value = encode(message)
    whole = int.from_bytes(value, "big")
    for bit in range(8 * len(value)):
        decodes_or_is_undecodable((whole ^ 1 << bit).to_bytes(len(value), "big"))


@each_kind
def test_every_byte_replaced_decodes_or_is_undecodable(message: AnyCommand | Outcome) -> None:
    value = encode(message)
    for at in range(len(value)):
        for byte in (0x00, 0x01, 0x02, 0x7F, 0x80, 0xFE, 0xFF):
            decodes_or_is_undecodable(value[:at] + bytes([byte]) + value[at + 1 :])


@settings(max_examples=400)
@given(schema_id=st.sampled_from(sorted(KINDS)), body=st.binary(max_size=300))
def test_any_bytes_in_a_frame_decode_or_are_undecodable(schema_id: int, body: bytes) -> None:
    decodes_or_is_undecodable(struct.pack(">bI", 0, schema_id) + body)


@given(value=st.none() | st.binary(max_size=300))
def test_any_bytes_decode_or_are_undecodable(value: bytes | None) -> None:
    decodes_or_is_undecodable(value)
    if value is not None:
        codec.schema_name_of(value)


@settings(max_examples=200)
@given(message=messages, rest=st.binary(min_size=1, max_size=20))
def test_trailing_bytes_are_refused(message: AnyCommand | Outcome, rest: bytes) -> None:
    with pytest.raises(UndecodableRecord):
        decode(encode(message) + rest)


def test_an_enormous_length_asks_for_no_memory() -> None:
    enormous = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"
    for schema_id in KINDS:
        body = bytes(16) + enormous
        with pytest.raises(UndecodableRecord):
            decode(struct.pack(">bI", 0, schema_id) + body)


def test_a_schema_that_this_build_does_not_have_is_said_so() -> None:
    body = encode(EXAMPLES[0])[5:]
    for schema_id in (0, 6, 2**32 - 1):
        with pytest.raises(UnknownSchema):
            decode(struct.pack(">bI", 0, schema_id) + body)


def test_another_magic_byte_is_undecodable() -> None:
    value = encode(EXAMPLES[0])
    for magic in (1, 2, 0x7F, 0xFF):
        with pytest.raises(UndecodableRecord):
            decode(bytes([magic]) + value[1:])


def test_no_value_is_undecodable() -> None:
    for nothing in (None, b"", b"\0\0\0\0"):
        with pytest.raises(UndecodableRecord):
            decode(nothing)


def test_the_lock_pins_every_schema() -> None:
    pinned = {name: (int(number), digest) for number, name, digest in lock_lines()}
    assert {name: number for name, (number, _) in pinned.items()} == {
        kind.__name__: number for number, kind in KINDS.items()
    }
    assert {entry.name for entry in AVRO.iterdir() if entry.name.endswith(".avsc")} == {
        f"{name}.avsc" for name in pinned
    }
    for name, (_, digest) in pinned.items():
        canonical = to_parsing_canonical_form(source_of(name))
        assert sha256(canonical.encode()).hexdigest() == digest
        assert codec.fingerprint_of(source_of(name)) == digest


def test_the_lock_as_it_was_released() -> None:
    """Pinned here too: a released line never changes, and both files cannot change by accident."""
    assert {int(number): digest[:16] for number, _, digest in lock_lines()} == {
        1: "796a4c8c4194a623",
        2: "1022c7d448551d74",
        3: "8e7a54003a16e80e",
        4: "d66364e4c5469ccf",
        5: "e1dc64b676c60539",
    }


@each_kind
def test_schemas_and_commands_have_the_same_fields(message: AnyCommand | Outcome) -> None:
    in_schema = [field["name"] for field in source_of(type(message).__name__)["fields"]]
    assert sorted(in_schema) == sorted(field.name for field in fields(message))


def lock_lines() -> list[list[str]]:
    lines = (AVRO / "schemas.lock").read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


def source_of(name: str) -> Any:
    return json.loads((AVRO / f"{name}.avsc").read_text())


def decodes_or_is_undecodable(value: bytes | None) -> None:
    """Anything else that is raised fails the test by itself."""
    try:
        message = decode(value)
    except UndecodableRecord:
        return
    assert type(message) in KINDS.values()
