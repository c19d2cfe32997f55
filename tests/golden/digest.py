"""What recorded books come to, by columns that are named here: a column that a later release adds
does not count, one that it changes or drops does.
"""

from hashlib import sha256
from typing import Final

import psycopg

QUERIES: Final = {
    "chains": "SELECT partition_id, last_entry_seq, encode(chain_head, 'hex'), quarantined_count"
    " FROM hpts.partitions ORDER BY 1",
    "loans": "SELECT partition_id, tenant_id, loan_id, borrower_id, currency, status, opened_on,"
    " principal_minor, interest_minor, fees_minor, suspense_minor, unsettled_minor,"
    " collected_principal_minor, collected_interest_minor, collected_fees_minor, recovered_minor,"
    " accrued_through, life, quarantined FROM hpts.loans ORDER BY 1, 2, 3",
    "lines": "SELECT partition_id, entry_seq, sequence, account_code, direction, amount_minor,"
    " currency, layer, loan_id, borrower_id, external_ref, effective_on FROM hpts.journal_lines"
    " ORDER BY 1, 2, 3",
    "account_days": "SELECT partition_id, tenant_id, account_code, currency, layer, booked_on,"
    " posted_on, debit_minor, credit_minor FROM hpts.account_days"
    ' ORDER BY 1, 2, account_code COLLATE "C", currency COLLATE "C", layer COLLATE "C", 6, 7',
    "outcomes": "SELECT partition_id, tenant_id, idempotency_key, command_id, correlation_id,"
    " command_type, encode(fingerprint, 'hex'), status, result, accrual_event_id, chunks_total,"
    " command_offset, resumed_offset, posted_at FROM hpts.command_outcomes"
    ' ORDER BY 1, 2, idempotency_key COLLATE "C"',
    "dead_letters": "SELECT partition_id, command_offset, reason FROM hpts.dead_letters"
    " ORDER BY 1, 2",
    "quarantines": "SELECT partition_id, decided_offset, command_offset, loan_id, tenant_id,"
    " command_id, reason, decided_at FROM hpts.quarantines ORDER BY 1, 2, 3, 4",
    "waiting": "SELECT partition_id, tenant_id, loan_id, command_offset, idempotency_key, reason"
    " FROM hpts.quarantined_commands ORDER BY 1, 2, 3, 4",
    "closed_periods": "SELECT partition_id, tenant_id, closed_through FROM hpts.closed_periods"
    " ORDER BY 1, 2",
    "reversal_targets": "SELECT partition_id, reverses_entry_id, part, loan_id, tenant_id,"
    " reversed_by_entry_id FROM hpts.reversal_targets ORDER BY 1, 2, 3, 4",
    "disbursements": "SELECT partition_id, tenant_id, event_id, loan_id, journal_entry_id,"
    " amount_minor, settled_minor, reversed FROM hpts.disbursements ORDER BY 1, 2, 3",
}


def digest_of(admin_dsn: str) -> dict[str, dict[str, int | str]]:
    """Name -> how many rows, and the SHA-256 of them as COPY writes them."""
    digest: dict[str, dict[str, int | str]] = {}
    with psycopg.connect(admin_dsn, options="-c timezone=UTC") as connection:
        connection.execute("SET datestyle = 'ISO, YMD'")
        for name, query in QUERIES.items():
            hashed, rows = sha256(), 0
            with connection.cursor().copy(f"COPY ({query}) TO STDOUT".encode()) as copied:
                for block in copied:
                    hashed.update(block)
                    rows += bytes(block).count(b"\n")
            digest[name] = {"rows": rows, "sha256": hashed.hexdigest()}
    return digest
