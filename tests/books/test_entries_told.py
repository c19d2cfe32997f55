"""Entries of the filled ledger by their ids: refinances in two parts, and what reversed what."""

from collections import Counter, defaultdict
from uuid import UUID

import pytest

from posting_engine.posting.journal import Entry
from read_api import journal
from read_api.bodies import Body
from read_api.queries import Ask, Desk
from tests.books.filled_ledger import FilledLedger
from tests.books.mixed_books import TENANTS

Parts = dict[UUID, list[Entry]]


def told(filled_ledger: FilledLedger, tenant_id: UUID, entry_id: UUID) -> Body:
    ids = {"journal_entry_id": entry_id}
    ask = Ask(tenant_id, f"/v1/journal-entries/{entry_id}", ids, {"page_token": None}, {})
    return filled_ledger.read(lambda store: journal.journal_entry(Desk(store, b"a secret"), ask))


def loan_journal(filled_ledger: FilledLedger, tenant_id: UUID, loan_id: UUID) -> list[Body]:
    names = ("from_date", "to_date", "event_type", "page_token")
    values = {**dict.fromkeys(names), "order": "asc", "page_size": 500}
    ask = Ask(tenant_id, "/v1/x", {"loan_id": loan_id}, values, {})
    body = filled_ledger.read(lambda store: journal.loan_journal(Desk(store, b"a secret"), ask))
    return list(body["items"])


def parts_of(filled_ledger: FilledLedger, tenant_id: UUID) -> tuple[Parts, Parts]:
    """The parts of each entry, and of each reversal by what it reverses."""
    parts, reversing = defaultdict(list), defaultdict(list)
    for entry in filled_ledger.mixed.entries[tenant_id]:
        parts[entry.journal_entry_id].append(entry)
        if entry.reverses_entry_id is not None:
            reversing[entry.reverses_entry_id].append(entry)
    return parts, reversing


def test_a_refinance_is_one_entry_with_the_lines_of_both_loans(
    filled_ledger: FilledLedger,
) -> None:
    seen: Counter[bool] = Counter()
    for tenant_id in TENANTS:
        parts, reversing = parts_of(filled_ledger, tenant_id)
        for entry_id, entries in parts.items():
            if entries[0].event_type == "refinance":
                undone = reversing[entry_id]
                assert len(undone) in (0, 2)
                reversed_by = str(undone[0].journal_entry_id) if undone else None
                check_refinance(filled_ledger, tenant_id, entries, reversed_by)
                seen[bool(undone)] += 1
    assert seen[True]
    assert seen[False]


def check_refinance(
    filled_ledger: FilledLedger, tenant_id: UUID, entries: list[Entry], reversed_by: str | None
) -> None:
    body = told(filled_ledger, tenant_id, entries[0].journal_entry_id)
    assert len(body["lines"]) == sum(len(entry.lines) for entry in entries)
    assert len({line["loan_id"] for line in body["lines"]}) == len(entries) == 2
    net: Counter[str] = Counter()
    for line in body["lines"]:
        amount_minor = int(line["amount_minor"])
        net[line["account_code"]] += amount_minor * (1 if line["direction"] == "DR" else -1)
    assert sum(net.values()) == net["2200"] == 0
    assert body["reversed_by_entry_id"] == reversed_by
    for entry in entries:
        loan_id = entry.lines[0].loan_id
        assert loan_id is not None
        items = loan_journal(filled_ledger, tenant_id, loan_id)
        [item] = [x for x in items if x["journal_entry_id"] == body["journal_entry_id"]]
        assert item["reversed_by_entry_id"] == reversed_by
        assert {line["loan_id"] for line in item["lines"]} == {str(loan_id)}


def test_a_returned_payment_and_its_return_name_each_other(filled_ledger: FilledLedger) -> None:
    returns = 0
    for tenant_id in TENANTS:
        for entry in filled_ledger.mixed.entries[tenant_id]:
            if entry.event_type == "payment_returned" and entry.reverses_entry_id is not None:
                mirrored = told(filled_ledger, tenant_id, entry.journal_entry_id)
                original = told(filled_ledger, tenant_id, entry.reverses_entry_id)
                assert original["event_type"] == "payment_received"
                assert mirrored["reverses_entry_id"] == original["journal_entry_id"]
                assert original["reversed_by_entry_id"] == mirrored["journal_entry_id"]
                returns += 1
    assert returns > 3


def test_another_tenants_refinance_is_not_found(filled_ledger: FilledLedger) -> None:
    entry = next(x for x in filled_ledger.mixed.entries[TENANTS[0]] if x.event_type == "refinance")
    with pytest.raises(Exception, match="not_found"):
        told(filled_ledger, TENANTS[1], entry.journal_entry_id)
