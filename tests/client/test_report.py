"""What is told of a batch: the sums of its chunks' outcomes, whatever became of each."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from hpts_client.chunks import Acceptance
from hpts_client.report import Tally
from schemas import ids
from schemas.codec import Outcome
from tests.client import batches

ACCEPTANCE = Acceptance(
    tenant_id=batches.TENANT,
    idempotency_key="accrual:program-7",
    fingerprint=bytes(32),
    accepted_at=datetime(2026, 2, 1, tzinfo=UTC),
    actor="a-job",
)


def outcome(status: str, **result: Any) -> Outcome:
    return Outcome(
        tenant_id=batches.TENANT,
        command_id=uuid4(),
        correlation_id=uuid4(),
        idempotency_key="accrual:program-7/0/0",
        fingerprint=bytes(32),
        status=status,
        result=json.dumps(result),
        partition_id=0,
        command_offset=0,
    )


def posted(loans: int, minor: int, *codes: str, at: str = "2026-02-01T00:00:00.000000Z") -> Outcome:
    return outcome(
        "posted",
        loan_count=loans,
        total_accrued_minor=str(minor),
        journal_entry_id=str(uuid4()) if minor else None,
        principal_mismatch_count=1,
        posted_at=at,
        rejections=[{"loan_id": str(uuid4()), "code": code} for code in codes],
    )


def test_chunks_add_up_and_each_tells_how_many_loans_it_had() -> None:
    tally = Tally(chunks_total=3)
    later = "2026-02-01T00:00:01.000000Z"
    assert tally.take(posted(5, 70, "loan_not_found", at=later)) == 6
    assert tally.take(posted(2, 0)) == 2
    refused = [{"loan_id": str(uuid4()), "code": "already_accrued"}] * 3
    assert tally.take(outcome("rejected", code="accrual_rejected", rejections=refused)) == 3
    report = tally.report(ACCEPTANCE, 1.5)
    assert (report.loan_count, report.total_accrued_minor) == (7, 70)
    assert report.rejections == {"already_accrued": 3, "loan_not_found": 1}
    assert (report.rejected_count, report.principal_mismatch_count) == (4, 2)
    assert (report.posted_at, report.is_all_posted) == (later, False)


def test_a_chunk_that_an_operator_must_decide_is_told_as_held() -> None:
    tally = Tally(chunks_total=2)
    assert tally.take(posted(5, 70)) == 5
    assert tally.take(outcome("quarantined")) is None
    report = tally.report(ACCEPTANCE, 1.5)
    assert (report.chunks_held, report.rejected_count, report.is_all_posted) == (1, 0, False)


def test_a_batch_of_zeros_has_no_entry() -> None:
    tally = Tally(chunks_total=1)
    tally.take(posted(5, 0))
    report = tally.report(ACCEPTANCE, 1.5)
    assert (report.journal_entry_id, report.is_all_posted) == (None, True)


def test_a_batch_s_ids_are_those_that_the_engine_derives() -> None:
    tally = Tally(chunks_total=1)
    tally.take(posted(1, 1))
    members = tally.report(ACCEPTANCE, 1.5).members()
    for name, kind in (
        ("accrual_event_id", ids.ACCRUAL_EVENT),
        ("journal_entry_id", ids.JOURNAL_ENTRY),
        ("command_id", ids.COMMAND),
    ):
        expected = ids.derive(
            kind,
            tenant_id=batches.TENANT,
            key="accrual:program-7",
            accepted_at=ACCEPTANCE.accepted_at,
            partition_id=ids.IN_PARTS,
        )
        assert UUID(members[name]) == expected
