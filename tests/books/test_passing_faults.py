"""What Postgres cannot do just now is no fault of the data: nothing is set aside for it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from posting_engine.batch import decide_batch
from posting_engine.positions import DataRefused, StoreUnavailable
from posting_engine.records import MAX_TEXT
from posting_engine.verdict import Item
from tests import audit
from tests.books import ledger
from tests.books.breaking import HOME, LOAN, Case

PASSING = {
    "40001": "serialization failure",
    "40P01": "deadlock",
    "53100": "disk full",
    "53200": "out of memory",
    "53300": "too many connections",
    "55P03": "a lock not had in time",
    "57014": "query cancelled",
    "57P01": "the server is going down",
    "58030": "a disk that cannot be read",
    "XX000": "an error inside Postgres",
}
OF_THE_DATA = {"22003": "a number out of range", "23514": "a check", "23505": "a key"}


def raising(sqlstate: str) -> str:
    """A trigger that an administrator adds: every entry that is written meets this error."""
    return (
        "CREATE OR REPLACE FUNCTION hpts.planted() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = '{sqlstate}'; END $$; "
        "CREATE OR REPLACE TRIGGER planted BEFORE INSERT ON hpts.journal_entries "
        "EXECUTE FUNCTION hpts.planted()"
    )


@pytest.mark.parametrize("sqlstate", PASSING, ids=str)
def test_what_passes_is_no_fault_of_the_data(
    fresh_ledger: Callable[[], tuple[str, str]], sqlstate: str
) -> None:
    case = Case(fresh_ledger())
    case.take(ledger.disbursement("open:1", LOAN))
    case.run(raising(sqlstate))

    with pytest.raises(StoreUnavailable, match="planted"):
        case.take(ledger.payment("pay:1", LOAN))

    assert case.books.positions([HOME])[HOME].next_offset == 1
    assert (case.status("pay:1"), case.waiting()) == (None, [])
    case.run("DROP TRIGGER planted ON hpts.journal_entries")
    case.engine.apply(case.log.records[-1:])
    assert case.status("pay:1") == "posted"
    case.end()


@pytest.mark.parametrize("sqlstate", OF_THE_DATA, ids=str)
def test_what_is_wrong_with_the_data_is_said_so(
    fresh_ledger: Callable[[], tuple[str, str]], sqlstate: str
) -> None:
    """Else a batch that can never be written would be tried for ever."""
    case = Case(fresh_ledger())
    case.run(raising(sqlstate))
    case.log.append(HOME, ledger.disbursement("open:1", LOAN))
    items, held = [Item(*case.log.records[-1])], {HOME: case.engine.held[HOME]}
    pages = case.books.open_pages(items, held, ledger.PARTITIONS)
    verdict = decide_batch(items, pages.by_partition, pages.earlier, held)

    with pytest.raises(DataRefused, match="planted"):
        case.books.record(verdict, pages)

    assert case.books.positions([HOME])[HOME].next_offset == 0
    case.books.close()
    assert audit.faults_of_books(case.dsn) == []


def test_the_longest_texts_that_are_no_dead_letter_are_kept(
    fresh_ledger: Callable[[], tuple[str, str]],
) -> None:
    """An index that cannot hold a text says so as a server says that it is at a limit of its own
    (54000): it would be taken for a passing fault, and all partitions would wait for ever.
    """
    case = Case(fresh_ledger())
    # Four bytes each, and as good as random: Postgres cannot make them shorter.
    longest = "".join(chr(0x10000 + 7919 * n % 0x3FFFF) for n in range(MAX_TEXT))
    case.take(ledger.disbursement("open:1", LOAN))
    paid = replace(ledger.payment("pay:1", LOAN), idempotency_key=longest, external_ref=longest)
    case.take(paid)
    assert case.status(longest) == "posted"
    case.end()
