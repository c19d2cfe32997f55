"""Which entries of real books are held against statements, where they are more than can be."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from uuid import uuid4

import psycopg
import pytest

from posting_engine.books import Books
from reconciliation import banking
from reconciliation.store import snapshot
from tests.books import ledger

LOAN = ledger.loan_number(1)


def stated(admin_dsn: str, on: date, amount_minor: int | None = None) -> None:
    """A statement of one day, with one line in or none."""
    statement = {"tenant": ledger.TENANT, "id": uuid4(), "on": on, "amount_minor": amount_minor}
    with psycopg.connect(admin_dsn) as admin:
        admin.execute("SET search_path = hpts_edge")
        admin.execute(
            "INSERT INTO bank_statements (tenant_id, bank_statement_id, bank_account_ref,"
            " statement_ref, currency, from_date, to_date)"
            " VALUES (%(tenant)s, %(id)s, 'one', %(id)s, 'USD', %(on)s, %(on)s)",
            statement,
        )
        if amount_minor is not None:
            admin.execute(
                "INSERT INTO bank_statement_lines (tenant_id, bank_statement_id, sequence,"
                " bank_account_ref, currency, booked_on, direction, amount_minor)"
                " VALUES (%(tenant)s, %(id)s, 1, 'one', 'USD', %(on)s, 'in', %(amount_minor)s)",
                statement,
            )


@pytest.mark.parametrize(
    "days_before",
    [
        [date(2026, 3, day) for day in range(1, 5)],  # of which there is no statement
        [date(2026, 6, day) for day in range(4, 9)],  # near the one there is, and never told
    ],
)
def test_a_new_statement_is_matched_however_much_of_before_is_left(
    fresh_ledger: Callable[[], tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    days_before: list[date],
) -> None:
    admin_dsn, engine_dsn = fresh_ledger()
    log = ledger.LogOfCommands()
    log.send(ledger.disbursement("open", LOAN))
    for day in [*days_before, date(2026, 6, 10)]:
        log.send(replace(ledger.payment(str(day), LOAN, day.toordinal()), effective_on=day))
    ledger.apply(Books(engine_dsn), log, [len(log.records)])
    stated(admin_dsn, date(2026, 1, 5))
    stated(admin_dsn, date(2026, 6, 10), date(2026, 6, 10).toordinal())
    monkeypatch.setattr(banking, "MOST_ENTRIES", 3)
    with snapshot(admin_dsn) as books:
        [found] = banking.reconcile(books)
    [match] = found.matches
    assert match.entry.moved_on == date(2026, 6, 10)
