"""A vocabulary in which core tests read like bookkeeping.

The books before (`loan`), the event (`payment(113_22)`), the expected journal in debits and
credits (`DR(CASH, 113_22)`), the balances after. Amounts are minor units, written `1_000_00`.
What takes the events is `tests.posting.books.Books`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from struct import pack
from typing import Any, NamedTuple
from uuid import UUID

from posting_engine.posting.journal import Entry
from posting_engine.posting.loan import Loan
from posting_engine.posting.page import Posting
from schemas.chart_of_accounts import CHART, Account
from schemas.commands import AccrualChunk, Disbursement, Payment, Reversal
from schemas.money import MAX_AMOUNT_MINOR

TENANT = UUID("7e4a47f0-0000-4000-8000-000000000001")
OTHER_TENANT = UUID("7e4a47f0-0000-4000-8000-000000000002")
LOAN = UUID("10a40000-0000-4000-8000-000000000001")
SECOND_LOAN = UUID("10a40000-0000-4000-8000-000000000002")
THIRD_LOAN = UUID("10a40000-0000-4000-8000-000000000003")
BORROWER = UUID("b0440000-0000-4000-8000-000000000001")
OTHER_BORROWER = UUID("b0440000-0000-4000-8000-000000000002")
PROGRAM = UUID("94000000-0000-4000-8000-000000000001")
NO_SUCH_ENTRY = UUID("e0000000-0000-8000-8000-000000000000")

OPENED_ON = date(2026, 1, 5)
ACCEPTED_AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
POSTED_AT = datetime(2026, 1, 5, 9, 0, 1, tzinfo=UTC)
PARTITION = 3
PARTITIONS = 4
LARGEST = MAX_AMOUNT_MINOR


class Leg(NamedTuple):
    """One expected line: side, account, amount."""

    side: str
    account: str
    amount_minor: int


def DR(account: Account, amount_minor: int) -> Leg:
    """An expected debit."""
    return Leg("DR", f"{account.code} {account.name}", amount_minor)


def CR(account: Account, amount_minor: int) -> Leg:
    """An expected credit."""
    return Leg("CR", f"{account.code} {account.name}", amount_minor)


def journal_of(posting: Posting) -> list[Leg]:
    """The lines of a posting's entry, in order, as `DR` and `CR` write them."""
    lines = entry_of(posting).lines
    return [
        Leg(x.direction, f"{x.account_code} {CHART[x.account_code].name}", x.amount_minor)
        for x in lines
    ]


def entry_of(posting: Posting) -> Entry:
    """The entry of a posting that must have one."""
    if posting.entry is None:
        raise AssertionError("the event posted without an entry")
    return posting.entry


@dataclass(frozen=True)
class Balances:
    """A loan's sub-balances: what a line `P I F S U` of the specification's table says."""

    principal: int = 0
    interest: int = 0
    fees: int = 0
    suspense: int = 0
    unsettled: int = 0


@dataclass(frozen=True)
class Collected:
    """The cash that has been applied to each receivable and not taken back."""

    principal: int = 0
    interest: int = 0
    fees: int = 0


def loan(
    before: Balances | None = None, collected: Collected | None = None, **changes: Any
) -> Loan:
    """A loan as the books have it before the event: opened once, nothing else unless said."""
    amounts = {f"{name}_minor": amount for name, amount in vars(before or Balances()).items()}
    cash = vars(collected or Collected()).items()
    opened = Loan(
        tenant_id=TENANT,
        loan_id=LOAN,
        borrower_id=BORROWER,
        currency="USD",
        opened_on=OPENED_ON,
        last_activity_at=POSTED_AT,
        standing_openings=1,
        version=1,
        **amounts,
        **{f"collected_{name}_minor": amount for name, amount in cash},
    )
    return replace(opened, **changes)


def _envelope(key: str, tenant_id: UUID) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "idempotency_key": key,
        "fingerprint": bytes(32),
        "accepted_at": ACCEPTED_AT,
        "actor": "test-client",
    }


def disbursement(amount: int, on: str = "2026-01-05", **changes: Any) -> Disbursement:
    """Money on its way to the borrower of `LOAN`."""
    command = Disbursement(
        **_envelope("", TENANT),
        loan_id=LOAN,
        borrower_id=BORROWER,
        amount_minor=amount,
        currency="USD",
        effective_on=date.fromisoformat(on),
        method="ach",
    )
    return replace(command, **changes)


def payment(amount: int, on: str = "2026-02-02", **changes: Any) -> Payment:
    """Cash from the borrower of `LOAN`."""
    command = Payment(
        **_envelope("", TENANT),
        loan_id=LOAN,
        borrower_id=BORROWER,
        amount_minor=amount,
        currency="USD",
        effective_on=date.fromisoformat(on),
        source_method="ach",
    )
    return replace(command, **changes)


def accrual(
    interests: Mapping[UUID, int] | int,
    on: str = "2026-01-31",
    principals: Mapping[UUID, int] | None = None,
    **changes: Any,
) -> AccrualChunk:
    """A chunk: interest by loan (a bare amount: of `LOAN`), principal as the client believes it."""
    shares = {LOAN: interests} if isinstance(interests, int) else dict(interests)
    stated = principals or {}
    loan_ids = sorted(shares)
    command = AccrualChunk(
        **_envelope("", TENANT),
        program_id=PROGRAM,
        accrued_on=date.fromisoformat(on),
        day_count_convention="ACT_365",
        currency="USD",
        require_principal_match=False,
        backfill=False,
        chunks_total=1,
        loans_total=len(loan_ids),
        interest_total_minor=sum(shares.values()),
        loan_ids=b"".join(one.bytes for one in loan_ids),
        principals=pack(f">{len(loan_ids)}q", *(stated.get(one, 0) for one in loan_ids)),
        interests=pack(f">{len(loan_ids)}q", *(shares[one] for one in loan_ids)),
    )
    return replace(command, **changes)


def reversal(original: Posting | Entry | UUID, on: str = "2026-03-01", **changes: Any) -> Reversal:
    """The reversal of an entry; `loan_id` for one loan of an accrual, `part` for one part."""
    if isinstance(original, Posting):
        original = entry_of(original)
    command = Reversal(
        **_envelope("", TENANT),
        reverses_entry_id=original.journal_entry_id if isinstance(original, Entry) else original,
        reason_code="error_correction",
        reason_description="as the test says",
        effective_on=date.fromisoformat(on),
    )
    return replace(command, **changes)
