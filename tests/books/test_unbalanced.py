"""The rows of every batch are summed before they are committed, whoever made them unequal."""

from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from posting_engine.batch import decide_batch
from posting_engine.positions import DataRefused
from posting_engine.verdict import Item
from tests.books import ledger
from tests.books.breaking import HOME, LOAN, Case

CHANGES = {
    "amount": "NEW.amount_minor := NEW.amount_minor + 1",
    "side": "NEW.direction := 'CR'",
    "currency": "NEW.currency := 'EUR'",
    "layer": "NEW.layer := 'PENDING'",
}


def spoiling(change: str) -> str:
    """A trigger that an administrator adds: every debit is written as another."""
    return (
        "CREATE OR REPLACE FUNCTION hpts.planted() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {change}; RETURN NEW; END $$; "
        "CREATE OR REPLACE TRIGGER planted BEFORE INSERT ON hpts.journal_lines "
        "FOR EACH ROW WHEN (NEW.direction = 'DR') EXECUTE FUNCTION hpts.planted()"
    )


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_rows_that_do_not_balance_are_not_committed(
    fresh_ledger: Callable[[], tuple[str, str]], change: str
) -> None:
    case = Case(fresh_ledger())
    case.run(spoiling(change))
    case.log.append(HOME, ledger.disbursement("open:1", LOAN))
    items, held = [Item(*case.log.records[-1])], {HOME: case.engine.held[HOME]}
    pages = case.books.open_pages(items, held, ledger.PARTITIONS)
    verdict = decide_batch(items, pages.by_partition, pages.earlier, held)

    breaks = "hpts_engine_invariant_breaks_total", {"invariant": "double_entry"}
    before = REGISTRY.get_sample_value(*breaks) or 0
    with pytest.raises(DataRefused, match="entries do not balance"):
        case.books.record(verdict, pages)

    assert REGISTRY.get_sample_value(*breaks) == before + 1
    assert case.run("SELECT count(*) FROM hpts.journal_entries") == [(0,)]
    assert case.run("SELECT count(*) FROM hpts.command_outcomes") == [(0,)]
    case.run("DROP TRIGGER planted ON hpts.journal_lines")
    case.books.record(verdict, pages)
    case.end()
