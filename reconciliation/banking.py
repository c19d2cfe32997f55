"""The bank reconciliation of every tenant that has statements: read, matched by `bank`, noted.

It writes which line of a statement is which entry, and what is left on either side; nothing of the
books, and no finding: what a bank has not told yet is no fault of the books.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog

from reconciliation import bank
from reconciliation.bank import Days, Difference, Match, Movement
from reconciliation.store import Notebook, Row, Snapshot

MOST_ENTRIES: Final = 200_000
"""Unmatched lines of account 1000, of one tenant, that are looked at in one run: the latest."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What came of one tenant."""

    tenant_id: UUID
    matches: Sequence[Match]
    differences: Sequence[Difference]
    unmatched_entries: Sequence[Movement]


def reconcile(snapshot: Snapshot) -> list[Reconciled]:
    """Every tenant that has imported a statement."""
    statements: dict[bytes, list[Row]] = {}
    for row in snapshot.rows("list_bank_statements"):
        statements.setdefault(row["tenant_id"], []).append(row)
    return [_tenant(snapshot, tenant, rows) for tenant, rows in statements.items()]


def _tenant(snapshot: Snapshot, tenant: bytes, statements: list[Row]) -> Reconciled:
    days = [
        Days(
            account=row["bank_account_ref"],
            currency=row["currency"],
            first_on=row["from_date"],
            last_on=row["to_date"],
        )
        for row in statements
    ]
    tenant_id = UUID(bytes=tenant)
    rows = snapshot.rows("list_unmatched_lines", tenant_id=tenant_id)
    lines = [_line(row) for row in rows]
    entries = _entries_near(snapshot, tenant_id, days)
    matches = bank.match(lines, entries)
    paired = {one.line for one in matches} | {one.entry for one in matches}
    left = bank.covered(days, (entry for entry in entries if entry not in paired))
    differences = bank.differences(days, (one for one in lines if one not in paired), left)
    return Reconciled(tenant_id, matches, differences, left)


def _entries_near(snapshot: Snapshot, tenant_id: UUID, days: Sequence[Days]) -> list[Movement]:
    """What may be on statements of these days, in order of date."""
    spans = bank.spans_of(days)
    rows = snapshot.rows(
        "list_unmatched_cash",
        tenant_id=tenant_id,
        currencies=[span.currency for span in spans],
        first_ons=[span.first_on for span in spans],
        last_ons=[span.last_on for span in spans],
        within_days=bank.WITHIN_DAYS,
        most=MOST_ENTRIES + 1,
    )
    if len(rows) > MOST_ENTRIES:
        rows.pop()
        before = str(rows[-1]["effective_on"])
        _log.warning("entries too many to be matched are left out", tenant=tenant_id, before=before)
    return [_entry(row) for row in reversed(rows)]


def note(notebook: Notebook, one: Reconciled) -> None:
    """Note what came of a tenant, within a transaction."""
    tenant = {"tenant_id": one.tenant_id}
    notebook.rows("note_matches", **tenant, **_match_columns(one.matches))
    notebook.rows(
        "note_differences",
        **tenant,
        bank_account_refs=[d.account for d in one.differences],
        currencies=[d.currency for d in one.differences],
        differences_minor=[d.difference_minor for d in one.differences],
        line_counts=[d.unmatched_line_count for d in one.differences],
        entry_counts=[d.unmatched_entry_count for d in one.differences],
    )
    notebook.rows("forget_unmatched_entries", **tenant)
    left = one.unmatched_entries
    notebook.rows(
        "note_unmatched_entries",
        **tenant,
        partition_ids=[entry.place[0] for entry in left],
        entry_seqs=[entry.place[1] for entry in left],
        sequences=[entry.place[2] for entry in left],
        journal_entry_ids=[entry.place[3] for entry in left],
        effective_ons=[entry.moved_on for entry in left],
        directions=[entry.direction for entry in left],
        amounts_minor=[entry.amount_minor for entry in left],
        currencies=[entry.currency for entry in left],
        external_refs=[entry.reference for entry in left],
    )


def _match_columns(matches: Sequence[Match]) -> dict[str, list[Any]]:
    return {
        "bank_statement_ids": [one.line.place[0] for one in matches],
        "sequences": [one.line.place[1] for one in matches],
        "partition_ids": [one.entry.place[0] for one in matches],
        "entry_seqs": [one.entry.place[1] for one in matches],
        "entry_sequences": [one.entry.place[2] for one in matches],
        "journal_entry_ids": [one.entry.place[3] for one in matches],
        "matched_bys": [one.by for one in matches],
    }


def _line(row: Row) -> Movement:
    return Movement(
        place=(UUID(bytes=row["bank_statement_id"]), row["sequence"]),
        moved_on=row["booked_on"],
        direction=row["direction"],
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        reference=row["reference"],
        account=row["bank_account_ref"],
    )


def _entry(row: Row) -> Movement:
    entry_id = UUID(bytes=row["journal_entry_id"])
    return Movement(
        place=(row["partition_id"], row["entry_seq"], row["sequence"], entry_id),
        moved_on=row["effective_on"],
        direction="in" if row["direction"] == "DR" else "out",
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        reference=row["external_ref"],
    )
