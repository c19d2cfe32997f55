"""Accruals: one entry a chunk, every loan posted or listed with its code."""

from datetime import date

from schemas.chart_of_accounts import INTEREST_INCOME, INTEREST_RECEIVABLE
from tests.journal import (
    CR,
    DR,
    LARGEST,
    LOAN,
    OTHER_BORROWER,
    SECOND_LOAN,
    THIRD_LOAN,
    Balances,
    Collected,
    accrual,
    disbursement,
    entry_of,
    journal_of,
    loan,
    reversal,
)
from tests.posting.books import Books

FIRST = loan(Balances(principal=1_000_00))
SECOND = loan(Balances(principal=500_00), loan_id=SECOND_LOAN, borrower_id=OTHER_BORROWER)


def test_one_debit_a_loan_and_one_credit_of_their_sum() -> None:
    books = Books(FIRST, SECOND)

    posting = books.post(
        accrual(
            {LOAN: 8_22, SECOND_LOAN: 4_11},
            on="2026-01-31",
            principals={LOAN: 1_000_00, SECOND_LOAN: 500_00},
        )
    )

    assert journal_of(posting) == [
        DR(INTEREST_RECEIVABLE, 8_22),
        DR(INTEREST_RECEIVABLE, 4_11),
        CR(INTEREST_INCOME, 12_33),
    ]
    of_loans = [(line.loan_id, line.borrower_id) for line in entry_of(posting).lines]
    assert of_loans == [
        (LOAN, FIRST.borrower_id),
        (SECOND_LOAN, OTHER_BORROWER),
        (None, None),
    ]
    assert books.balances() == Balances(principal=1_000_00, interest=8_22)
    assert books.balances(SECOND_LOAN) == Balances(principal=500_00, interest=4_11)
    assert books.loan().accrued_through == date(2026, 1, 31)
    assert posting.result["loan_count"] == 2
    assert posting.result["total_accrued_minor"] == "1233"
    assert posting.result["rejected_count"] == 0
    assert posting.result["principal_mismatch_count"] == 0


def test_a_loan_that_cannot_accrue_is_listed_and_the_others_post() -> None:
    books = Books(FIRST)

    posting = books.post(accrual({LOAN: 8_22, SECOND_LOAN: 4_11}))

    assert journal_of(posting) == [DR(INTEREST_RECEIVABLE, 8_22), CR(INTEREST_INCOME, 8_22)]
    assert posting.result["loan_count"] == 1
    assert posting.result["rejected_count"] == 1
    assert rejected(posting.result) == {SECOND_LOAN: "loan_not_found"}


def test_a_chunk_of_which_every_loan_is_refused_is_refused() -> None:
    books = Books(loan(standing_charge_offs=1))

    refusal = books.refuse(accrual({LOAN: 8_22, SECOND_LOAN: 4_11}))

    assert refusal.code == "accrual_rejected"
    assert rejected(refusal.members) == {
        LOAN: "loan_not_accruing",
        SECOND_LOAN: "loan_not_found",
    }
    assert refusal.members["journal_entry_id"] is None
    assert refusal.members["loan_count"] == 0
    assert refusal.members["total_accrued_minor"] == "0"


def test_zero_interest_moves_the_date_on_and_leaves_no_line() -> None:
    books = Books(FIRST, SECOND)

    posting = books.post(accrual({LOAN: 8_22, SECOND_LOAN: 0}))

    assert journal_of(posting) == [DR(INTEREST_RECEIVABLE, 8_22), CR(INTEREST_INCOME, 8_22)]
    assert posting.result["loan_count"] == 2
    assert books.loan(SECOND_LOAN).accrued_through == date(2026, 1, 31)
    assert refused_with(books, accrual({SECOND_LOAN: 1})) == "already_accrued"


def test_a_chunk_of_zeros_has_no_entry() -> None:
    books = Books(FIRST)

    posting = books.post(accrual(0, on="2026-01-31"))

    assert posting.entry is None
    assert posting.result["journal_entry_id"] is None
    assert posting.result["loan_count"] == 1
    assert books.loan().accrued_through == date(2026, 1, 31)
    assert books.loan().last_activity_at == FIRST.last_activity_at
    assert books.page.next_entry_seq == 1


def test_a_quarantined_loan_waits() -> None:
    assert refused_with(Books(loan(quarantined=True)), accrual(1)) == "loan_quarantined"


def test_a_charged_off_loan_does_not_accrue() -> None:
    assert refused_with(Books(loan(standing_charge_offs=1)), accrual(1)) == "loan_not_accruing"


def test_a_refinanced_loan_does_not_accrue() -> None:
    assert refused_with(Books(loan(standing_refinances=1)), accrual(1)) == "loan_not_accruing"


def test_a_loan_does_not_accrue_before_its_opening() -> None:
    books = Books(FIRST)
    assert refused_with(books, accrual(1, on="2026-01-04")) == "loan_not_accruing"
    books.post(accrual(1, on="2026-01-05"))


def test_a_paid_off_loan_may_still_accrue() -> None:
    books = Books(loan(collected=Collected(principal=1_000_00)))
    books.post(accrual(17))
    assert books.balances() == Balances(interest=17)
    assert books.loan().status == "active"


def test_another_currency_is_refused() -> None:
    assert refused_with(Books(FIRST), accrual(1, currency="EUR")) == "currency_mismatch"


def test_a_date_accrues_once() -> None:
    books = Books(FIRST)
    books.post(accrual(8_22, on="2026-01-31"))
    assert refused_with(books, accrual(8_22, on="2026-01-31")) == "already_accrued"


def test_a_date_before_the_last_accrued_one_is_refused() -> None:
    books = Books(FIRST)
    books.post(accrual(8_22, on="2026-01-31"))
    assert refused_with(books, accrual(8_22, on="2026-01-30")) == "already_accrued"


def test_a_backfill_fills_a_date_in_between_and_never_lowers_the_last_one() -> None:
    books = Books(FIRST)
    books.post(accrual(8_22, on="2026-01-31"))

    books.post(accrual(1_00, on="2026-01-15", backfill=True))

    assert books.balances() == Balances(principal=1_000_00, interest=9_22)
    assert books.loan().accrued_through == date(2026, 1, 31)


def test_a_backfill_of_a_date_that_stands_in_the_journal_is_refused() -> None:
    books = Books(FIRST)
    books.post(accrual(8_22, on="2026-01-31"))
    books.post(accrual(1_00, on="2026-01-15", backfill=True))
    for day in ("2026-01-15", "2026-01-31"):
        assert refused_with(books, accrual(1, on=day, backfill=True)) == "already_accrued"


def test_a_backfill_of_a_reversed_date_posts() -> None:
    books = Books(FIRST)
    accrued = books.post(accrual(8_22, on="2026-01-15"))
    books.post(accrual(8_22, on="2026-01-31"))
    books.post(reversal(accrued, loan_id=LOAN))

    books.post(accrual(7_00, on="2026-01-15", backfill=True))

    assert books.balances() == Balances(principal=1_000_00, interest=15_22)


def test_a_backfill_may_run_ahead() -> None:
    books = Books(FIRST)
    books.post(accrual(8_22, on="2026-02-28", backfill=True))
    assert books.loan().accrued_through == date(2026, 2, 28)


def test_a_principal_that_differs_is_counted() -> None:
    books = Books(FIRST)
    posting = books.post(accrual(8_22, principals={LOAN: 999_99}))
    assert posting.result["principal_mismatch_count"] == 1
    assert posting.result["rejected_count"] == 0


def test_a_principal_that_differs_is_refused_when_asked_to_match() -> None:
    books = Books(FIRST, SECOND)

    posting = books.post(
        accrual(
            {LOAN: 8_22, SECOND_LOAN: 4_11},
            principals={LOAN: 999_99, SECOND_LOAN: 500_00},
            require_principal_match=True,
        )
    )

    assert rejected(posting.result) == {LOAN: "principal_mismatch"}
    assert posting.result["principal_mismatch_count"] == 0
    assert books.loan().accrued_through is None


def test_a_refused_loan_keeps_its_state() -> None:
    books = Books(FIRST, loan(loan_id=SECOND_LOAN, standing_charge_offs=1))
    before = books.loan(SECOND_LOAN)
    books.post(accrual({LOAN: 1, SECOND_LOAN: 1, THIRD_LOAN: 1}))
    assert books.loan(SECOND_LOAN) == before


def test_interest_may_reach_the_largest_balance_and_not_pass_it() -> None:
    books = Books(loan(Balances(interest=LARGEST - 1)))
    books.post(accrual(1, on="2026-01-30"))
    assert refused_with(books, accrual(1, on="2026-01-31")) == "balance_out_of_range"


def test_a_full_chunk_of_the_largest_amounts_sums_exactly() -> None:
    books = Books(FIRST, SECOND)
    posting = books.post(accrual({LOAN: LARGEST, SECOND_LOAN: LARGEST}))
    assert journal_of(posting)[-1] == CR(INTEREST_INCOME, 2 * LARGEST)


def test_all_chunks_of_a_batch_share_one_entry_id_and_number_its_parts() -> None:
    books = Books(FIRST, SECOND)
    first = entry_of(books.post(accrual({LOAN: 1}, idempotency_key="batch/3/0")))
    second = entry_of(books.post(accrual({SECOND_LOAN: 1}, idempotency_key="batch/3/1")))
    assert first.journal_entry_id == second.journal_entry_id
    assert first.event_id == second.event_id
    assert first.correlation_id == second.correlation_id
    assert (first.part, second.part) == (0, 1)


def test_a_loan_accrues_in_the_currency_it_was_opened_in() -> None:
    books = Books()
    books.post(disbursement(1_00, currency="JPY"))
    accrued = books.post(accrual(5, currency="JPY"))
    assert {line.currency for line in entry_of(accrued).lines} == {"JPY"}


def rejected(members: dict[str, object]) -> dict[object, str]:
    """Loan -> code, from the rejections of an answer."""
    listed = members["rejections"]
    assert isinstance(listed, list)
    assert members["rejected_count"] == len(listed)
    by_text = {str(one): one for one in (LOAN, SECOND_LOAN, THIRD_LOAN)}
    return {by_text[item["loan_id"]]: item["code"] for item in listed}


def refused_with(books: Books, chunk: object) -> str:
    """The one loan's code of a chunk that must be refused."""
    refusal = books.refuse(chunk)  # type: ignore[arg-type]
    assert refusal.code == "accrual_rejected"
    (code,) = rejected(refusal.members).values()
    return code
