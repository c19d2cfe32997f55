"""A batch becomes the same records, byte for byte, by ingress and by a direct producer."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpts_client.batch_file import BatchRefused
from hpts_client.chunks import Acceptance, chunk_of, record_key_of
from ingress_api import accrual_batches
from ingress_api.bodies import Envelope
from schemas import codec
from schemas.problems import ProblemError
from schemas.strict_json import parse
from tests.client import batches
from tests.edges.test_ingress_accrual_streams import LINES
from tests.edges.test_ingress_accrual_streams import read as read_by_ingress

NOON = datetime(2026, 2, 1, 12, 0, 0, 123_456, tzinfo=UTC)
KEY = "accrual:program-7:2026-01-31"

Record = tuple[int, str, bytes, bytes]
"""Partition, idempotency key, record key, record value."""

optional = st.fixed_dictionaries(
    {"currency": st.sampled_from(["USD", "EUR", "KWD"])},
    optional={"require_principal_match": st.booleans(), "backfill": st.booleans()},
)


def by_ingress(header: dict[str, Any], loans: list[Any], partitions: int) -> list[Record]:
    body = json.dumps(header | {"loans": loans}).encode()
    batch = accrual_batches.read_batch(parse(body), batches.TODAY, None)
    envelope = Envelope(
        tenant_id=batches.TENANT,
        idempotency_key=KEY,
        fingerprint=batch.digest,
        accepted_at=NOON,
        actor="a-client",
    )
    return [
        (step.partition_id, step.idempotency_key, step.record_key, codec.encode(step.command))
        for step in accrual_batches.Chunks(batch, envelope, partitions)
    ]


def by_the_client(header: dict[str, Any], loans: list[Any], partitions: int) -> list[Record]:
    batch = batches.read(batches.lines(header, loans), partitions=partitions)
    acceptance = Acceptance(
        tenant_id=batches.TENANT,
        idempotency_key=KEY,
        fingerprint=batch.fingerprint,
        accepted_at=NOON,
        actor="a-client",
    )
    cuts = batch.loans.cuts()
    made = [
        chunk_of(batch.loans, cut, batch.header.terms, acceptance, chunks_total=len(cuts))
        for cut in cuts
    ]
    return [
        (cut.partition_id, chunk.idempotency_key, record_key_of(chunk), codec.encode(chunk))
        for cut, chunk in zip(cuts, made, strict=True)
    ]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 2_600), st.integers(0, 2**32), st.integers(1, 14), optional, st.booleans())
def test_the_records_of_a_batch_are_the_same(
    count: int, seed: int, partitions: int, terms: dict[str, Any], declares: bool
) -> None:
    loans = batches.loans(count, seed)
    header = batches.header(**terms)
    if declares:
        header["expected_loan_count"] = count
        header["expected_total_minor"] = str(sum(int(one["interest_minor"]) for one in loans))
    expected = by_ingress(header, loans, partitions)
    assert by_the_client(header, loans, partitions) == expected


@given(LINES, st.booleans())
def test_whatever_stands_in_a_file_is_taken_by_both_or_refused_by_both(
    lines: list[bytes], has_last_newline: bool
) -> None:
    text = b"\n".join([json.dumps(batches.header()).encode(), *lines])
    text += b"\n" * has_last_newline
    try:
        batch = read_by_ingress(text)
    except ProblemError:
        with pytest.raises(BatchRefused):
            batches.read(text)
    else:
        assert batches.read(text).fingerprint == batch.digest
