"""E. The lending domain under concurrency: F67 to F73."""

from typing import Final

from tests.planted.fault import Change, Fault
from tests.planted.noticed_by import MANY_SEEDS, SEEDS

_REVERSAL = "tests/posting/test_reversal.py"
_OF_ACCRUAL = "tests/posting/test_reversal_of_accrual.py"
_DATES = "tests/posting/test_dates.py"
_PAYMENT = "tests/posting/test_payment.py"

LENDING_FAULTS: Final = (
    Fault(
        row="F67",
        planted="a reversal may be reversed",
        changes=(
            Change(
                "posting_engine/posting/reversal.py",
                "    if original.event_type in MIRRORS:\n        return itself_a_reversal()\n",
                "",
            ),
        ),
        caught_by=(f"{_REVERSAL}::test_a_reversal_is_not_reversed",),
        errors=("BrokenInvariant",),
    ),
    Fault(
        row="F68",
        planted="an entry may be reversed twice",
        changes=(
            Change(
                "posting_engine/posting/reversal.py",
                "    if (reversed_by := page.reversed_by.get((original.journal_entry_id, 0)))"
                " is not None:\n        return already_reversed(reversed_by)\n",
                "",
            ),
        ),
        caught_by=(f"{_REVERSAL}::test_a_second_reversal_names_the_first",),
        errors=("BrokenInvariant",),
    ),
    Fault(
        row="F69",
        planted="a batch's reversal takes again what single loans had reversed already",
        changes=(
            Change(
                "posting_engine/posting/accrual_reversal.py",
                "    standing = [share for share in shares if share.reversed_by is None]\n",
                "    standing = list(shares)\n",
            ),
        ),
        caught_by=(f"{_OF_ACCRUAL}::test_loans_already_reversed_are_skipped",),
        errors=("BrokenInvariant",),
    ),
    Fault(
        row="F70",
        planted="an entry is looked up by its id, whosever it is",
        changes=(
            Change(
                "posting_engine/posting/reversal.py",
                "    found = page.entries.get((command.tenant_id, command.reverses_entry_id, 0))\n",
                "    wanted = (command.reverses_entry_id, 0)\n"
                "    found = next((at for key, at in page.entries.items() if key[1:] == wanted), "
                "None)\n",
            ),
            Change(
                "posting_engine/posting/reversal.py",
                "    loan = page.loan_in_reach(command.tenant_id, loan_id, found.entry_seq)\n",
                "    loan = page.loan_in_reach(original.tenant_id, loan_id, found.entry_seq)\n",
            ),
        ),
        caught_by=(f"{_REVERSAL}::test_another_tenants_entry_is_not_found",),
        errors=("BrokenInvariant",),
    ),
    Fault(
        row="F71",
        planted="what counts for a closed month is booked in it",
        changes=(
            Change(
                "posting_engine/posting/page.py",
                "        if closed_through is None or effective_on > closed_through:\n",
                "        if closed_through is None or effective_on:\n",
            ),
        ),
        caught_by=(f"{_DATES}::test_after_a_close_it_is_booked_on_the_first_open_day",),
    ),
    Fault(
        row="F71",
        planted="an adjustment into a closed month is taken",
        changes=(
            Change(
                "posting_engine/posting/adjustments.py",
                "    if closed_through is not None and command.effective_on <= closed_through:\n",
                "    if closed_through is not None and not command.effective_on:\n",
            ),
        ),
        caught_by=("tests/posting/test_adjustment.py::test_a_closed_month_takes_no_adjustment",),
    ),
    Fault(
        row="F72",
        planted="an event counts for the day on which it was posted, not for its own",
        changes=(
            Change(
                "posting_engine/posting/entries.py",
                "        effective_on=effective_on,\n        booked_on",
                "        effective_on=place.posted_at.date(),\n        booked_on",
            ),
        ),
        caught_by=(
            f"{_DATES}::test_an_entry_is_booked_on_its_effective_date_while_the_month_is_open",
        ),
    ),
    Fault(
        row="F72",
        planted="the time of posting steps back with the broker's clock",
        changes=(
            Change(
                "posting_engine/batch.py",
                "        posted_at = max(record.appended_at, position.last_appended_at)\n",
                "        posted_at = record.appended_at or position.last_appended_at\n",
            ),
        ),
        caught_by=(SEEDS, MANY_SEEDS),
    ),
    Fault(
        row="F72",
        planted="a read of an instant is answered from books that have not come so far",
        changes=(
            Change(
                "read_api/freshness.py",
                "known_at is not None and position.reached_at < known_at:\n",
                "known_at is None and position.reached_at:\n",
            ),
        ),
        caught_by=(
            "tests/faults/test_known_at_waits.py"
            "::test_an_instant_not_reached_is_503_until_the_engine_has_been_there",
        ),
    ),
    Fault(
        row="F73",
        planted="whatever is paid beyond what is owed makes the principal negative",
        changes=(
            Change(
                "posting_engine/posting/waterfall.py",
                '    return Split(f"waterfall/{version}", parts, left_minor)\n',
                '    parts["principal"] += left_minor\n'
                '    return Split(f"waterfall/{version}", parts, 0)\n',
            ),
        ),
        caught_by=(
            f"{_PAYMENT}::test_what_is_not_owed_goes_to_suspense",
            f"{_PAYMENT}::test_a_payment_on_a_paid_off_loan_goes_to_suspense",
        ),
        errors=("BrokenInvariant",),
    ),
)
