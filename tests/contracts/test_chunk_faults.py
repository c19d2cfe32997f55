"""Chunks are examined by arrays: each loan in its partition, ascending ids, amounts in range."""

from dataclasses import replace
from itertools import pairwise
from struct import pack
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posting_engine.chunk_faults import MAX_CHUNK_LOANS, chunk_fault, partitions_of
from schemas.commands import AccrualChunk
from schemas.partitioning import partition_of_loan
from tests import journal
from tests.journal import LARGEST

ids = st.integers(0, 2**128 - 1).map(lambda number: UUID(int=number))


def chunk_of(loan_ids: list[UUID], *, interest: int = 5, principal: int = 0) -> AccrualChunk:
    count = len(loan_ids)
    return replace(
        journal.accrual(0),
        loan_ids=b"".join(one.bytes for one in loan_ids),
        principals=pack(f">{count}q", *[principal] * count),
        interests=pack(f">{count}q", *[interest] * count),
    )


@given(st.lists(ids, min_size=1), ids, st.integers(1, 4094))
def test_partitions_are_those_of_each_loan(
    loan_ids: list[UUID], tenant_id: UUID, count: int
) -> None:
    chunk = replace(chunk_of(loan_ids), tenant_id=tenant_id)
    expected = [partition_of_loan(tenant_id, one, count) for one in loan_ids]
    assert partitions_of(chunk, count).tolist() == expected


@given(st.lists(ids, min_size=1))
def test_ids_ascend_or_are_a_fault(loan_ids: list[UUID]) -> None:
    ascend = all(a < b for a, b in pairwise(loan_ids))
    assert chunk_fault(chunk_of(loan_ids)) == (None if ascend else "loan_ids do not ascend")


@pytest.mark.parametrize("amount", [-1, LARGEST + 1, -(2**63), 2**63 - 1])
def test_an_amount_out_of_range_is_a_fault(amount: int) -> None:
    one = [UUID(int=1)]
    assert chunk_fault(chunk_of(one, interest=amount)) == "an amount is out of range"
    assert chunk_fault(chunk_of(one, principal=amount)) == "an amount is out of range"


@pytest.mark.parametrize("amount", [0, LARGEST])
def test_the_least_and_the_largest_amount_are_in_range(amount: int) -> None:
    assert chunk_fault(chunk_of([UUID(int=1)], interest=amount, principal=amount)) is None


def test_arrays_that_make_no_sense_are_a_fault() -> None:
    one = chunk_of([UUID(int=1)])
    most = chunk_of([UUID(int=number) for number in range(MAX_CHUNK_LOANS + 1)])
    faults = [
        chunk_fault(replace(one, loan_ids=b"")),
        chunk_fault(replace(one, loan_ids=one.loan_ids + b"x")),
        chunk_fault(most),
        chunk_fault(replace(one, principals=b"")),
        chunk_fault(replace(one, interests=one.interests + bytes(8))),
        chunk_fault(replace(one, chunks_total=0)),
    ]
    assert faults == ["loan_ids is not 1 to 5,000 ids"] * 3 + [
        "the arrays differ in length",
        "the arrays differ in length",
        "a chunk without its manifest",
    ]
