"""Records: what is encoded is decoded again, and no other bytes raise but `UndecodableRecord`."""

import json
import struct
from dataclasses import fields
from datetime import UTC
from hashlib import sha256
from importlib.resources import files
from typing import Any, get_args
from uuid import UUID

import pytest
from fastavro.schema import to_parsing_canonical_form
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codec, commands
from schemas.codec import Outcome, UndecodableRecord, UnknownSchema, decode, encode
from schemas.commands import AdjustmentLine, AnyCommand
from schemas.cut_over import CutOver
from schemas.journal_topic import JournalEntry, JournalLine
from schemas.quarantine import DeadLetter, QuarantineReject, QuarantineResume
from tests.contracts.example_messages import EXAMPLES

AVRO = files("schemas") / "avro"
KINDS = {
    1: commands.Disbursement,
    2: commands.Payment,
    3: commands.AccrualChunk,
    4: commands.Reversal,
    5: Outcome,
    6: commands.DisbursementSettlement,
    7: commands.PaymentAllocation,
    8: commands.PaymentReturn,
    9: commands.FeeAssessment,
    10: commands.FeeWaiver,
    11: commands.ChargeOff,
    12: commands.Recovery,
    13: commands.Restructure,
    14: commands.Refinance,
    15: commands.RefinancePayoff,
    16: commands.RefinanceOpening,
    17: commands.RefinanceRelease,
    18: commands.RefinanceReversal,
    19: commands.PayoffReversal,
    20: commands.ManualAdjustment,
    21: commands.PeriodClose,
    22: commands.PeriodClosed,
    23: QuarantineResume,
    24: QuarantineReject,
    25: DeadLetter,
    26: JournalEntry,
    27: CutOver,
}
ONE_ID = UUID("10a40000-0000-4000-8000-000000000001")


def source_of(name: str) -> Any:
    return json.loads((AVRO / f"{name}.avsc").read_text())


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
longs = st.integers(-(2**63), 2**63 - 1)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "string": texts,
    "boolean": st.booleans(),
    "bytes": st.binary(max_size=64),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": longs,
    "Uuid": st.uuids(),
    "Sha256": st.binary(min_size=32, max_size=32),
    "date": st.dates(),
    "timestamp-micros": st.datetimes(timezones=st.just(UTC)),
    "AdjustmentLine": st.builds(
        AdjustmentLine,
        account_code=texts,
        direction=texts,
        amount_minor=longs,
        currency=texts,
        layer=texts,
    ),
    "JournalLine": st.builds(
        JournalLine,
        sequence=st.integers(-(2**31), 2**31 - 1),
        account_code=texts,
        direction=texts,
        amount_minor=longs,
        currency=texts,
        layer=texts,
        loan_id=st.none() | st.uuids(),
        borrower_id=st.none() | st.uuids(),
        external_ref=st.none() | texts,
    ),
    "Header": st.tuples(texts, st.none() | st.binary(max_size=8)),
}


def values_of(avro: Any) -> st.SearchStrategy[Any]:
    """Any value that a field of this Avro type can hold, as a command has it."""
    if isinstance(avro, list):
        return st.one_of(*(values_of(branch) for branch in avro))
    if isinstance(avro, str):
        return VALUES[avro]
    if avro["type"] == "map":
        return st.dictionaries(texts, values_of(avro["values"]), max_size=3)
    if avro["type"] == "array":
        return st.lists(values_of(avro["items"]), max_size=3).map(tuple)
    return VALUES[avro.get("logicalType") or avro.get("name") or avro["type"]]


def any_of(kind: type) -> st.SearchStrategy[Any]:
    """Any value of a kind, of whatever its schema can hold."""
    members = {f["name"]: values_of(f["type"]) for f in source_of(kind.__name__)["fields"]}
    return st.builds(kind, **members)


messages = st.one_of(*(any_of(kind) for kind in KINDS.values()))


each_kind = pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)


@settings(max_examples=1000)
@given(message=messages)
def test_what_is_encoded_is_decoded_again(message: codec.Message) -> None:
    assert decode(encode(message)) == message


@each_kind
def test_the_frame_is_confluents(message: codec.Message) -> None:
    magic, schema_id = struct.unpack_from(">bI", encode(message))
    assert magic == 0
    assert KINDS[schema_id] is type(message)
    assert codec.schema_name_of(encode(message)) == type(message).__name__


@each_kind
def test_every_truncation_is_undecodable(message: codec.Message) -> None:
    value = encode(message)
    for length in range(len(value)):
        with pytest.raises(UndecodableRecord):
            decode(value[:length])


@each_kind
def test_every_flipped_bit_decodes_or_is_undecodable(message: codec.Message) -> None:
    value = encode(message)
    whole = int.from_bytes(value, "big")
    for bit in range(8 * len(value)):
        decodes_or_is_undecodable((whole ^ 1 << bit).to_bytes(len(value), "big"))


@each_kind
def test_every_byte_replaced_decodes_or_is_undecodable(message: codec.Message) -> None:
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
    for schema_id in (0, max(KINDS) + 1, 2**32 - 1):
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
        6: "7c12f3b3df885c2b",
        7: "8c339b8a80b704ab",
        8: "23fcc02d2f5a585e",
        9: "cf43a44a063e78c9",
        10: "819559ed1d15520e",
        11: "629a289949a557f0",
        12: "6b8da589f587e625",
        13: "7cb5df786edc14c2",
        14: "0f71dc7b62e61ad1",
        15: "e28e2979c869a8e1",
        16: "710efec301057964",
        17: "571fe3c9c514931d",
        18: "71a84175cfd7bfc5",
        19: "2a1e1e2bcedc282c",
        20: "a155d2713a1b3b46",
        21: "4f4fe79778a54dc8",
        22: "c231d685c66a0773",
        23: "783d10cc510b1b7b",
        24: "852e76285777db25",
        25: "b048ff041b7a07f3",
        26: "d54100d378a0c29c",
        27: "a867eeda5da41c74",
    }


def test_every_command_has_a_schema_and_an_example() -> None:
    assert set(KINDS.values()) == set(get_args(codec.Message))
    assert [type(example) for example in EXAMPLES] == list(KINDS.values())


@each_kind
def test_schemas_and_commands_have_the_same_fields(message: codec.Message) -> None:
    in_schema = [field["name"] for field in source_of(type(message).__name__)["fields"]]
    assert sorted(in_schema) == sorted(field.name for field in fields(message))


def lock_lines() -> list[list[str]]:
    lines = (AVRO / "schemas.lock").read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


def decodes_or_is_undecodable(value: bytes | None) -> None:
    """Anything else that is raised fails the test by itself."""
    try:
        message = decode(value)
    except UndecodableRecord:
        return
    assert type(message) in KINDS.values()
