"""Accrual batches from their bodies: faults by place, manifests, chunks of one partition."""

import json
from typing import Any
from uuid import uuid4

import pytest

from ingress_api import accrual_batches
from schemas.partitioning import partition_of_key
from schemas.problems import ProblemError
from schemas.strict_json import parse
from tests.edges import bodies_of
from tests.edges.test_ingress_bodies import TENANT, TODAY, envelope, faults_of, read


def test_a_batch_is_cut_into_sorted_chunks_of_one_partition_each() -> None:
    loans = [uuid4() for _ in range(3_000)]
    body = bodies_of.accrual(*loans)
    batch = accrual_batches.read_batch(parse(json.dumps(body).encode()), TODAY, None)
    chunks = accrual_batches.Chunks(batch, envelope(), 2)
    steps = list(chunks)
    assert chunks.total == len(steps)
    seen: list[bytes] = []
    for step in steps:
        chunk = step.command
        packed = [chunk.loan_ids[i : i + 16] for i in range(0, len(chunk.loan_ids), 16)]
        assert packed == sorted(packed)
        assert len(packed) <= accrual_batches.CHUNK_LOANS
        assert {partition_of_key(TENANT.bytes + one, 2) for one in packed} == {step.partition_id}
        assert step.record_key == TENANT.bytes + packed[0]
        assert (chunk.chunks_total, chunk.loans_total) == (len(steps), 3_000)
        assert chunk.interest_total_minor == 3_000 * 822
        seen += packed
    assert sorted(seen) == sorted(loan.bytes for loan in loans)
    assert len({step.idempotency_key for step in steps}) == len(steps)


def test_a_loan_listed_twice_refuses_the_batch() -> None:
    loan = uuid4()
    body = bodies_of.accrual(loan, uuid4(), loan)
    body["loans"][2]["loan_id"] = str(loan).upper()
    assert faults_of(accrual_batches.PATH, body) == [("/loans/2/loan_id", "duplicate_loan")]


@pytest.mark.parametrize(
    ("name", "value", "is_sound"),
    [
        ("expected_loan_count", 1, True),
        ("expected_loan_count", 2, False),
        ("expected_loan_count", 0, False),
        ("expected_total_minor", "822", True),
        ("expected_total_minor", "821", False),
    ],
)
def test_a_manifest_that_differs_refuses_the_batch(name: str, value: Any, is_sound: bool) -> None:
    body = bodies_of.accrual() | {name: value}
    if is_sound:
        assert read(accrual_batches.PATH, body)
        return
    with pytest.raises(ProblemError) as refused:
        read(accrual_batches.PATH, body)
    assert refused.value.problem.code == "manifest_mismatch"


@pytest.mark.parametrize("value", [1.0, "1", True, None, -1, 2**60], ids=repr)
def test_a_count_is_a_whole_number(value: Any) -> None:
    body = bodies_of.accrual() | {"expected_loan_count": value}
    assert len(faults_of(accrual_batches.PATH, body)) == 1


def test_faults_of_loans_are_named_by_place() -> None:
    body = bodies_of.accrual(uuid4(), uuid4(), uuid4())
    body["loans"][0] = 7
    body["loans"][1]["interest_minor"] = "1.5"
    body["loans"][1]["extra"] = 1
    del body["loans"][2]["loan_id"]
    assert faults_of(accrual_batches.PATH, body) == [
        ("/loans/0", "invalid_type"),
        ("/loans/1/interest_minor", "invalid_format"),
        ("/loans/1/extra", "unknown_field"),
        ("/loans/2/loan_id", "required"),
    ]


@pytest.mark.parametrize("count", [0, accrual_batches.MAX_LOANS + 1])
def test_a_batch_has_one_to_ten_thousand_loans(count: int) -> None:
    body = bodies_of.accrual()
    body["loans"] = body["loans"] * count
    assert faults_of(accrual_batches.PATH, body) == [("/loans", "invalid_length")]


def test_a_sum_beyond_eighteen_digits_is_refused() -> None:
    body = bodies_of.accrual(*(uuid4() for _ in range(1_002)))
    for loan in body["loans"]:
        loan["interest_minor"] = "9" * 15
    assert faults_of(accrual_batches.PATH, body) == [("/loans", "amount_out_of_range")]


def test_a_batch_without_currency_takes_the_tenants_own_or_asks() -> None:
    body = bodies_of.accrual()
    del body["currency"]
    assert faults_of(accrual_batches.PATH, body) == [("/currency", "required")]
    document = parse(json.dumps(body).encode())
    assert accrual_batches.read_batch(document, TODAY, "EUR").currency == "EUR"
