"""Reading a batch: what is taken, in which spelling, and what is refused at which line."""

import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from hpts_client import batch_file, chunks, terms
from hpts_client.batch_file import BatchRefused
from ingress_api import accrual_batches, accrual_streams, bodies, fields
from tests.client import batches


def faults_of(text: bytes) -> list[tuple[int, str, str]]:
    with pytest.raises(BatchRefused) as refused:
        batches.read(text)
    return [(fault.line, fault.where, fault.code) for fault in refused.value.faults]


def rows(batch: batch_file.Batch) -> list[bytes]:
    return [bytes(batch.loans.of(cut)) for cut in batch.loans.cuts()]


def test_every_spelling_of_a_loan_means_the_same() -> None:
    header, loans = batches.header(), batches.loans(300)
    canonical = batches.read(batches.lines(header, loans))
    turned = [dict(reversed(loan.items())) for loan in loans]
    shouted = [loan | {"loan_id": loan["loan_id"].upper()} for loan in loans]
    for text in (
        batches.lines(header, loans, compact=False),
        batches.lines(header, turned),
        batches.lines(header, shouted),
        batches.lines(header, loans).replace(b"\n", b"\r\n"),
        batches.lines(header, loans).removesuffix(b"\n"),
        batches.lines(header, [*loans[:150], *turned[150:]]),
    ):
        other = batches.read(text)
        assert (rows(other), other.fingerprint) == (rows(canonical), canonical.fingerprint)


def test_another_order_of_the_loans_is_another_request_of_the_same_loans() -> None:
    loans = batches.loans(50)
    one = batches.read(batches.lines(batches.header(), loans))
    other = batches.read(batches.lines(batches.header(), loans[::-1]))
    assert rows(one) == rows(other)
    assert one.fingerprint != other.fingerprint


def test_lines_longer_than_a_block_of_the_file_are_read_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = batches.lines(batches.header(), batches.loans(40))
    whole = batches.read(text)
    for size in (1, 7, 130, 131):
        monkeypatch.setattr(batch_file, "_BLOCK_BYTES", size)
        assert rows(batches.read(text)) == rows(whole)


def test_a_partition_larger_than_a_run_is_sorted_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    text = batches.lines(batches.header(), batches.loans(2_500))
    at_once = rows(batches.read(text, partitions=1))
    for run in (1, 3, 1_000, 2_499):
        monkeypatch.setattr(chunks, "_RUN", run)
        monkeypatch.setattr(chunks, "_RUN_BYTES", run * chunks.ITEM.size)
        assert rows(batches.read(text, partitions=1)) == at_once
    packed = b"".join(at_once)
    ids = [packed[start : start + 16] for start in range(0, len(packed), chunks.ITEM.size)]
    assert ids == sorted(ids)
    assert len(ids) == 2_500


@pytest.mark.parametrize("at", [0, 1, 299])
def test_a_loan_listed_twice_refuses_the_batch(at: int) -> None:
    loans = batches.loans(300)
    again = loans[at] | {"interest_minor": "77", "loan_id": loans[at]["loan_id"].upper()}
    text = batches.lines(batches.header(), [*loans, again])
    assert faults_of(text) == [(0, "/loan_id", "duplicate_loan")]
    with pytest.raises(BatchRefused, match=f"loan {loans[at]['loan_id']} is in the batch"):
        batches.read(text)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{}", "required"),
        ("7", "invalid_type"),
        ("", "malformed_json"),
        ("{", "malformed_json"),
        ('{"a":1,"a":1}', "duplicate_member"),
        ("x" * 5_000, "payload_too_large"),
    ],
)
def test_a_line_that_is_no_loan_is_named(line: str, code: str) -> None:
    text = batches.lines(batches.header(), batches.loans(3)) + line.encode() + b"\n"
    text += batches.lines(batches.loans(4, seed=8)[3], [])
    found = faults_of(text)
    assert {(number, kind) for number, _, kind in found} == {(5, code)}


SPOILED: list[tuple[str, Any, str]] = [
    ("loan_id", "00000000-0000-0000-0000-000000000000", "invalid_value"),
    ("loan_id", "not-a-uuid", "invalid_format"),
    ("loan_id", 7, "invalid_type"),
    ("interest_minor", "1.5", "invalid_format"),
    ("interest_minor", "-1", "invalid_format"),
    ("interest_minor", "01", "invalid_format"),
    ("interest_minor", "\u0661", "invalid_format"),
    ("interest_minor", 5, "invalid_type"),
    ("interest_minor", str(10**15), "amount_out_of_range"),
    ("outstanding_principal_minor", str(10**15), "amount_out_of_range"),
    ("extra", "1", "unknown_field"),
]


@pytest.mark.parametrize(("name", "value", "code"), SPOILED)
def test_a_loan_is_held_to_the_rules_of_the_http_route(name: str, value: Any, code: str) -> None:
    loans = batches.loans(3)
    loans[1][name] = value
    assert faults_of(batches.lines(batches.header(), loans)) == [(3, f"/{name}", code)]


SPOILED_TERMS: list[tuple[str, Any, str]] = [
    ("program_id", "7", "invalid_format"),
    ("program_id", None, "invalid_type"),
    ("accrual_date", "2026-02-30", "invalid_format"),
    ("accrual_date", "20260131", "invalid_format"),
    ("accrual_date", "2026-03-05", "effective_date_out_of_range"),
    ("day_count_convention", "ACT_366", "invalid_value"),
    ("currency", "usd", "currency_unknown"),
    ("currency", "XXX", "currency_unknown"),
    ("expected_loan_count", True, "invalid_type"),
    ("expected_loan_count", -1, "out_of_range"),
    ("expected_loan_count", 2, "manifest_mismatch"),
    ("expected_total_minor", 5, "invalid_type"),
    ("expected_total_minor", "0", "manifest_mismatch"),
    ("require_principal_match", "true", "invalid_type"),
    ("backfill", 1, "invalid_type"),
    ("extra", 1, "unknown_field"),
    ("loans", [], "unknown_field"),
]


@pytest.mark.parametrize(("name", "value", "code"), SPOILED_TERMS)
def test_terms_are_held_to_the_rules_of_the_http_route(name: str, value: Any, code: str) -> None:
    text = batches.lines(batches.header(**{name: value}), batches.loans(3))
    assert [(where, kind) for _, where, kind in faults_of(text)] == [(f"/{name}", code)]


@pytest.mark.parametrize("name", ["program_id", "accrual_date", "day_count_convention", "currency"])
def test_terms_must_be_there(name: str) -> None:
    header = batches.header()
    del header[name]
    assert faults_of(batches.lines(header, batches.loans(1))) == [(1, f"/{name}", "required")]


def test_the_last_day_that_may_be_accrued_is_the_last_taken() -> None:
    text = batches.lines(batches.header(accrual_date="2026-03-04"), batches.loans(1))
    assert batches.read(text).header.terms.accrued_on == date(2026, 3, 4)


def test_a_batch_has_a_loan() -> None:
    assert faults_of(batches.lines(batches.header(), [])) == [(0, "", "invalid_length")]
    assert faults_of(b"") == [(1, "", "malformed_json")]


def test_a_batch_may_be_so_large_and_no_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    loans = batches.loans(3)
    monkeypatch.setattr(batch_file, "MOST_LOANS", 3)
    monkeypatch.setattr(batch_file, "_BLOCK_BYTES", 100)
    assert batches.read(batches.lines(batches.header(), loans)).loans.count == 3
    many = batches.lines(batches.header(), loans + batches.loans(2, seed=8))
    assert [(where, code) for _, where, code in faults_of(many)] == [("", "invalid_length")]


def test_the_interest_of_a_batch_sums_to_what_a_record_can_hold() -> None:
    loans = [one | {"interest_minor": str(10**15 - 1)} for one in batches.loans(1_001)]
    assert batches.read(batches.lines(batches.header(), loans[1:])).loans.count == 1_000
    text = batches.lines(batches.header(), loans)
    assert faults_of(text) == [(0, "", "amount_out_of_range")]


def test_no_more_faults_are_told_than_anybody_reads() -> None:
    text = batches.lines(batches.header(), [{}] * 5_000)
    assert len(faults_of(text)) == batch_file.MOST_FAULTS


def test_rules_written_twice_agree() -> None:
    assert chunks.DAY_COUNT_CONVENTIONS == accrual_batches.CONVENTIONS
    assert chunks.CHUNK_LOANS == accrual_batches.CHUNK_LOANS
    assert f"POST {accrual_batches.PATH}" == chunks.ROUTE
    assert chunks.MOST_LOANS == accrual_streams.MAX_LOANS
    assert chunks.MOST_TOTAL_MINOR == fields.MAX_TOTAL_MINOR
    assert batch_file.MOST_LINE_BYTES == accrual_streams.MAX_LINE_BYTES
    assert terms.MOST_DAYS_AHEAD == bodies.MAX_DAYS_AHEAD
    assert {member.name for member in accrual_batches.BATCH} == {*terms._MEMBERS, "loans"}
    assert tuple(member.name for member in accrual_batches.LOAN) == batch_file._LOAN_MEMBERS


def test_a_loan_takes_less_than_a_hundred_bytes(tmp_path: Path) -> None:
    """What grows with the batch: measured between two sizes, so that nothing constant counts."""
    held = []
    for count in (10_000, 40_000):
        path = tmp_path / f"{count}.ndjson"
        path.write_bytes(batches.lines(batches.header(), batches.loans(count)))
        tracemalloc.start()
        with path.open("rb") as lines:
            batch = batch_file.read_batch(lines, UUID(int=7), 12, batches.TODAY)
        held.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert batch.loans.count == count
    assert (held[1] - held[0]) / 30_000 < 100
