"""Chunks decided by arrays are decided as the scalar core decides them, to the last byte."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from struct import pack
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posting_engine import accrual_rows, rows
from posting_engine.packed import Misfit
from posting_engine.posting import accrual
from posting_engine.posting.accrual_columns import STATUSES, NotByArrays, decide_chunk
from posting_engine.posting.journal import Entry, Line
from posting_engine.posting.loan import Loan
from posting_engine.posting.page import Page, Place, Posting
from posting_engine.posting.refusals import PRECEDENCE, Refusal
from schemas.commands import AccrualChunk
from tests import journal
from tests.journal import LARGEST, PARTITION, PARTITIONS, TENANT
from tests.simulation.accrual_statements import packed_loan, rows_of

DAY = date(2026, 1, 31)
HEAD = b"h" * 32
SEQ = 7
POSTED_AT = datetime(2026, 2, 1, 9, 30, 15, 123456, tzinfo=UTC)
ACTIVE_AT = datetime(2026, 1, 5, 1, 2, 3, 4, tzinfo=UTC)
met: set[str] = set()
"""Refusals that any example has met."""

AMOUNTS = [0, 0, 0, 1, 2, 1_000_00, LARGEST - 1, LARGEST]
RARELY = [0] * 40 + [1, LARGEST, LARGEST + 1]
DAYS = [DAY - timedelta(days=1), DAY, DAY + timedelta(days=1)]
OPENED = [date(2026, 1, 5)] * 6 + [DAY, DAY + timedelta(days=1)]
seeds = st.integers(0, 2**32 - 1)
shares = st.lists(st.tuples(st.integers(1, 2**128 - 1), seeds), min_size=1, max_size=12)
Case = tuple[AccrualChunk, list[Loan], dict[UUID, int], date | None]


def a_loan_by(chance: Random, loan_id: UUID) -> Loan:
    """A loan in any state that the tables can hold. (A draw for each member would take minutes.)"""
    pick = chance.choice
    receivables = {f"{name}_minor": pick(AMOUNTS) for name in ("principal", "interest")}
    others = {f"{name}_minor": pick(RARELY) for name in ("suspense", "unsettled", "recovered")}
    for name in ("principal", "interest", "fees"):
        others |= {f"{kind}_{name}_minor": pick(RARELY) for kind in ("collected", "paid_off")}
    return Loan(
        tenant_id=TENANT,
        loan_id=loan_id,
        borrower_id=UUID(int=chance.getrandbits(128)),
        currency=pick(["USD"] * 7 + ["EUR"]),
        opened_on=pick(OPENED),
        last_activity_at=ACTIVE_AT,
        fees_minor=pick([0] * 12 + [1, LARGEST]),
        standing_openings=pick([1] * 6 + [0]),
        standing_payments=pick([0] * 6 + [1]),
        standing_charge_offs=pick([0] * 12 + [1]),
        standing_refinances=pick([0] * 12 + [1]),
        accrued_through=pick([None, *OPENED]),
        accrued_through_floor=pick([None, *DAYS]),
        life=pick([1] * 10 + [0, 2]),
        life_began_seq=chance.randrange(6),
        quarantined=pick([False] * 12 + [True]),
        version=chance.getrandbits(40) + 1,
        **receivables,
        **others,
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A chunk, the loans there are, accruals that stand on its date, and the last closed day."""
    drawn = {UUID(int=number): Random(seed) for number, seed in draw(shares)}
    ids = sorted(drawn)
    found = [a_loan_by(drawn[one], one) for one in ids if drawn[one].random() < 0.9]
    stated = {loan.loan_id: loan.principal_minor for loan in found}
    chunk = replace(
        journal.accrual({one: drawn[one].choice(AMOUNTS) for one in ids}),
        idempotency_key="batch/3/1",
        accrued_on=draw(st.sampled_from(DAYS)),
        principals=pack(
            f">{len(ids)}q",
            *(
                stated[one] if one in stated and drawn[one].random() < 0.7 else 1_000_00
                for one in ids
            ),
        ),
        require_principal_match=draw(st.booleans()),
        backfill=draw(st.booleans()),
    )
    standing = {one: drawn[one].randrange(7) for one in ids if drawn[one].random() < 0.5}
    return chunk, found, standing, draw(st.none() | st.just(date(2026, 1, 31)))


@settings(max_examples=400, deadline=None)
@given(cases())
def test_both_decide_alike(case: Case) -> None:
    chunk, found, standing, closed_through = case
    place = Place(PARTITION, 41, POSTED_AT)
    expected = accrual.decide_chunk(chunk, place, page_of(chunk, found, standing, closed_through))

    page = page_in_columns(chunk, found, standing, closed_through)
    decision = decide_chunk(chunk, place, page)

    met.update(str(item["code"]) for item in rejections(expected))
    if isinstance(expected, Refusal):
        assert decision == expected
        return
    assert isinstance(decision, Posting)
    assert list(decision.result.items()) == list(expected.result.items())
    assert header_of(decision) == header_of(expected)
    assert written_by_arrays(decision, place) == written_one_by_one(expected, place)


def test_every_refusal_has_been_met() -> None:
    test_both_decide_alike()
    assert met == set(PRECEDENCE["accrual"])


@pytest.mark.parametrize("name", ["interest_minor", "standing_payments", "paid_off_fees_minor"])
def test_what_no_rule_brings_about_is_left_to_the_scalar_core(name: str) -> None:
    damaged = replace(a_loan(), **{name: -1})
    chunk = journal.accrual({damaged.loan_id: 5}, idempotency_key="batch/3/1")
    with pytest.raises(NotByArrays):
        decide_chunk(
            chunk, Place(PARTITION, 0, POSTED_AT), page_in_columns(chunk, [damaged], {}, None)
        )


def test_a_row_of_another_width_is_a_misfit() -> None:
    odd = replace(a_loan(), currency="USDX")
    chunk = journal.accrual({odd.loan_id: 5}, idempotency_key="batch/3/1")
    with pytest.raises(Misfit):
        page_in_columns(chunk, [odd], {}, None)


def test_a_chunk_of_the_largest_amounts_sums_exactly() -> None:
    some = [replace(a_loan(), loan_id=UUID(int=n)) for n in range(1, 5_001)]
    chunk = journal.accrual({loan.loan_id: LARGEST for loan in some}, idempotency_key="batch/3/1")
    place = Place(PARTITION, 0, POSTED_AT)
    decision = decide_chunk(chunk, place, page_in_columns(chunk, some, {}, None))
    assert isinstance(decision, Posting)
    assert decision.result["total_accrued_minor"] == str(5_000 * LARGEST)


def a_loan() -> Loan:
    return Loan(
        tenant_id=TENANT,
        loan_id=UUID(int=1),
        borrower_id=UUID(int=2),
        currency="USD",
        opened_on=date(2026, 1, 5),
        last_activity_at=ACTIVE_AT,
        standing_openings=1,
        version=1,
    )


def page_of(
    chunk: AccrualChunk,
    found: Sequence[Loan],
    standing: dict[UUID, int],
    closed_through: date | None,
) -> Page:
    page = Page(PARTITION, SEQ, PARTITIONS)
    page.loans = {(TENANT, loan.loan_id): loan for loan in found}
    page.standing_accruals = {
        (TENANT, loan_id, chunk.accrued_on): seq for loan_id, seq in standing.items() if seq
    }
    if closed_through is not None:
        page.closed_through[TENANT] = closed_through
    return page


def page_in_columns(
    chunk: AccrualChunk,
    found: Sequence[Loan],
    standing: dict[UUID, int],
    closed_through: date | None,
) -> Page:
    """The same page as the lane fills it, from what Postgres would send."""
    page = page_of(chunk, (), {}, closed_through)
    places = {loan_id: place for place, loan_id in enumerate(accrual_rows.loans_of(chunk), start=1)}
    sent = b"".join(packed_loan(places[loan.loan_id], asdict(loan)) for loan in found)
    page.loan_columns[TENANT, chunk.idempotency_key] = accrual_rows.loan_columns(
        chunk,
        sent or None,
        {loan.loan_id for loan in found if loan.quarantined},
        standing if chunk.backfill else None,
    )
    return page


def rejections(decision: Posting | Refusal) -> list[dict[str, Any]]:
    members = decision.members if isinstance(decision, Refusal) else decision.result
    listed: Any = members["rejections"]
    return list(listed)


def header_of(posting: Posting) -> dict[str, Any] | None:
    if posting.entry is None:
        return None
    return {n: getattr(posting.entry, n) for n in Entry.__dataclass_fields__ if n != "lines"}


def written_one_by_one(posting: Posting, place: Place) -> dict[str, Any]:
    links, head = rows.chained(PARTITION, HEAD, [(SEQ, place.command_offset, posting)])
    return {
        "head": head,
        "days": rows.account_day_columns(links),
        "lines": [line for link in links for line in link.entry.lines],
        "loans": {
            loan.loan_id: (
                loan.interest_minor,
                loan.status,
                loan.accrued_through,
                loan.last_activity_at,
                loan.version,
            )
            for loan in posting.loans
        },
    }


def written_by_arrays(posting: Posting, place: Place) -> dict[str, Any]:
    part, head = accrual_rows.chained(PARTITION, HEAD, SEQ, place.command_offset, TENANT, posting)
    statements = accrual_rows.writes_of([part])
    by_name = dict(statements)
    assert len(by_name) == len(statements)
    lines = []
    if part.link is not None:
        lines = [
            Line(**{n: row[n] for n in Line.__dataclass_fields__ if n != "external_ref"})
            for row in rows_of(by_name["insert_debits"])
        ]
        income = by_name["insert_lines"]
        assert income["sequence"] == [len(lines) + 1]
        lines.append(Line(**{n: income[n][0] for n in Line.__dataclass_fields__}))
    loans = rows_of(by_name["accrue_loans"])
    assert [row["loan_id"] for row in loans] == sorted(row["loan_id"] for row in loans)
    return {
        "head": head,
        "days": by_name.get("add_account_days", rows.account_day_columns([])),
        "lines": lines,
        "loans": {
            row["loan_id"]: (
                row["interest_minor"],
                STATUSES[row["status"] - 1],
                row["accrued_through"],
                row["last_activity_at"],
                row["read_version"] + 1,
            )
            for row in loans
        },
    }
