"""The independent checker: knows what was acknowledged, and reads only Postgres.

It shares no code with the engine but the id derivation and the chain's definition, and reports
what was lost, doubled, unbalanced or does not add up, as sentences; an empty list is sound.
"""

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg.rows import dict_row

from schemas import chain

# Each statement finds faults; the books are sound when none returns a row.
CHECKS = {
    "an entry does not balance": """
        SELECT partition_id, entry_seq, currency, layer FROM hpts.journal_lines
        GROUP BY 1, 2, 3, 4
        HAVING sum(CASE direction WHEN 'DR' THEN amount_minor ELSE -amount_minor END) <> 0
            OR count(*) < 2""",
    "an entry has no lines": """
        SELECT partition_id, entry_seq FROM hpts.journal_entries AS e
        WHERE NOT EXISTS (SELECT FROM hpts.journal_lines AS j
            WHERE j.partition_id = e.partition_id AND j.entry_seq = e.entry_seq)""",
    "a line has no entry": """
        SELECT partition_id, entry_seq FROM hpts.journal_lines AS j
        WHERE NOT EXISTS (SELECT FROM hpts.journal_entries AS e
            WHERE j.partition_id = e.partition_id AND j.entry_seq = e.entry_seq)""",
    "entry_seq has a gap": """
        SELECT p.partition_id, p.last_entry_seq, count(e.entry_seq), max(e.entry_seq)
        FROM hpts.partitions AS p LEFT JOIN hpts.journal_entries AS e USING (partition_id)
        GROUP BY 1, 2
        HAVING count(e.entry_seq) <> p.last_entry_seq
            OR coalesce(max(e.entry_seq), 0) <> p.last_entry_seq""",
    "a command has more than one entry": """
        SELECT correlation_id, count(*) FROM hpts.journal_entries
        WHERE part = 0 AND get_byte(uuid_send(journal_entry_id), 7) <> 255
        GROUP BY 1 HAVING count(*) > 1""",
    "a day total is not the sum of its lines": """
        WITH lines AS (
            SELECT j.partition_id, j.tenant_id, j.account_code, j.currency, j.layer, e.booked_on,
                (e.posted_at AT TIME ZONE 'UTC')::date AS posted_on,
                coalesce(sum(j.amount_minor) FILTER (WHERE direction = 'DR'), 0) AS debit_minor,
                coalesce(sum(j.amount_minor) FILTER (WHERE direction = 'CR'), 0) AS credit_minor
            FROM hpts.journal_lines AS j JOIN hpts.journal_entries AS e
                USING (partition_id, entry_seq)
            GROUP BY 1, 2, 3, 4, 5, 6, 7)
        (SELECT * FROM lines EXCEPT SELECT * FROM hpts.account_days)
        UNION ALL (SELECT * FROM hpts.account_days EXCEPT SELECT * FROM lines)""",
    "a loan is not the sum of its lines": """
        WITH sums AS (
            SELECT partition_id, tenant_id, loan_id,
                sum(signed) FILTER (WHERE account_code = '1100') AS principal_minor,
                sum(signed) FILTER (WHERE account_code = '1200') AS interest_minor,
                sum(signed) FILTER (WHERE account_code = '1300') AS fees_minor,
                -sum(signed) FILTER (WHERE account_code = '2100') AS suspense_minor,
                -sum(signed) FILTER (WHERE account_code = '2000') AS unsettled_minor
            FROM (SELECT *, CASE direction WHEN 'DR' THEN amount_minor ELSE -amount_minor END
                    AS signed FROM hpts.journal_lines WHERE layer = 'SETTLED') AS j
            WHERE loan_id IS NOT NULL GROUP BY 1, 2, 3)
        SELECT loan_id FROM hpts.loans AS l FULL JOIN sums AS s
            USING (partition_id, tenant_id, loan_id)
        WHERE (l.principal_minor, l.interest_minor, l.fees_minor, l.suspense_minor,
               l.unsettled_minor)
            IS DISTINCT FROM
               (coalesce(s.principal_minor, 0), coalesce(s.interest_minor, 0),
                coalesce(s.fees_minor, 0), coalesce(s.suspense_minor, 0),
                coalesce(s.unsettled_minor, 0))""",
    "a refinance, or its reversal, leaves account 2200 standing": """
        SELECT e.tenant_id, e.correlation_id, j.currency
        FROM hpts.journal_lines AS j JOIN hpts.journal_entries AS e USING (partition_id, entry_seq)
        WHERE j.account_code = '2200'
        GROUP BY 1, 2, 3
        HAVING sum(CASE direction WHEN 'DR' THEN amount_minor ELSE -amount_minor END) <> 0
            AND (SELECT count(*) >= max(o.chunks_total) FROM hpts.command_outcomes AS o
                WHERE o.tenant_id = e.tenant_id AND o.correlation_id = e.correlation_id)""",
    "a loan is reserved by a refinance that has ended": """
        SELECT l.tenant_id, l.loan_id FROM hpts.loans AS l
        WHERE l.reserved_by IS NOT NULL AND EXISTS (
            SELECT FROM hpts.command_outcomes AS o
            WHERE o.tenant_id = l.tenant_id AND o.command_type IN ('RefinanceRelease',
                'RefinanceOpening') AND o.result ->> 'refinance_event_id' = l.reserved_by::text)""",
    "a disbursement is not settled as its entries say": """
        WITH settled AS (
            SELECT k.partition_id, k.tenant_id, k.event_id, sum(CASE
                WHEN EXISTS (SELECT FROM hpts.reversal_targets AS t
                    WHERE t.partition_id = e.partition_id
                        AND t.reverses_entry_id = e.journal_entry_id) THEN 0
                ELSE j.amount_minor END) AS settled_minor
            FROM hpts.disbursement_entries AS k
            JOIN hpts.journal_entries AS e USING (partition_id, journal_entry_id)
            JOIN hpts.journal_lines AS j USING (partition_id, entry_seq)
            WHERE e.event_type = 'disbursement_settled' AND j.direction = 'DR'
            GROUP BY 1, 2, 3)
        SELECT partition_id, event_id FROM hpts.disbursements AS d
        LEFT JOIN settled AS s USING (partition_id, tenant_id, event_id)
        WHERE d.settled_minor <> coalesce(s.settled_minor, 0)""",
    "an entry is booked in a month that was closed": """
        SELECT e.partition_id, e.entry_seq FROM hpts.journal_entries AS e
        JOIN hpts.period_closes AS c USING (partition_id, tenant_id)
        WHERE c.closed_at < e.posted_at AND e.booked_on <= c.closed_through""",
    "a loan's commands were applied out of their order in the log": """
        SELECT partition_id, loan_id, entry_seq FROM (
            SELECT e.partition_id, j.loan_id, e.entry_seq, e.command_offset,
                lag(e.command_offset) OVER (PARTITION BY e.partition_id, e.tenant_id, j.loan_id
                    ORDER BY e.entry_seq) AS earlier
            FROM hpts.journal_entries AS e
            JOIN (SELECT DISTINCT partition_id, entry_seq, loan_id FROM hpts.journal_lines
                WHERE loan_id IS NOT NULL) AS j USING (partition_id, entry_seq)) AS applied
        WHERE earlier >= command_offset""",
    "a command waits that has an outcome": """
        SELECT q.partition_id, q.command_offset FROM hpts.quarantined_commands AS q
        JOIN hpts.command_outcomes AS o USING (partition_id, tenant_id, idempotency_key)
        WHERE NOT q.is_share""",
    "an outcome beyond the position": """
        SELECT o.partition_id, o.command_offset FROM hpts.command_outcomes AS o
        JOIN hpts.partitions AS p USING (partition_id) WHERE o.command_offset >= p.next_offset""",
}

OUTCOMES_OF = """
    SELECT o.command_id, o.status, o.correlation_id,
        (SELECT count(*) FROM hpts.journal_entries AS e
         WHERE e.partition_id = o.partition_id AND e.correlation_id = o.correlation_id) AS entries
    FROM hpts.command_outcomes AS o WHERE o.command_id = ANY(%s)"""

CHAIN = """
    SELECT e.*, (SELECT json_agg(json_build_array(j.account_code, j.direction, j.amount_minor,
            j.currency, j.layer, j.loan_id, j.borrower_id, j.external_ref) ORDER BY j.sequence)
        FROM hpts.journal_lines AS j
        WHERE j.partition_id = e.partition_id AND j.entry_seq = e.entry_seq) AS lines
    FROM hpts.journal_entries AS e WHERE e.partition_id = %s ORDER BY e.entry_seq"""


def faults_of_books(dsn: str) -> list[str]:
    """Everything that does not hold in the books, whoever posted what."""
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        # One snapshot for all checks: what is posted meanwhile is no fault.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        found = [
            f"{name}: {row}"
            for name, statement in CHECKS.items()
            for row in connection.execute(statement).fetchmany(5)
        ]
        partitions = connection.execute("SELECT * FROM hpts.partitions").fetchall()
        for partition in partitions:
            head = _chain_head(connection, partition["partition_id"])
            if head != partition["chain_head"]:
                found.append(f"the chain of partition {partition['partition_id']} does not verify")
    return found


def faults_of_acknowledged(dsn: str, command_ids: Iterable[str]) -> list[str]:
    """What the books owe to commands that a client was told are accepted or posted."""
    wanted = {str(command_id) for command_id in command_ids}
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        rows = connection.execute(OUTCOMES_OF, ([*wanted],)).fetchall()
    seen: dict[str, int] = {}
    found = []
    for row in rows:
        command_id = str(row["command_id"])
        seen[command_id] = seen.get(command_id, 0) + 1
        if row["status"] == "posted" and row["entries"] != 1:
            found.append(f"command {command_id} has {row['entries']} entries")
        if row["status"] != "posted":
            found.append(f"command {command_id} was {row['status']}")
    found += [f"command {one} has {times} outcomes" for one, times in seen.items() if times > 1]
    return found + [f"command {one} was lost" for one in sorted(wanted - seen.keys())]


def _chain_head(connection: psycopg.Connection[dict[str, Any]], partition_id: int) -> bytes:
    head = chain.GENESIS
    for row in connection.execute(CHAIN, (partition_id,)).fetchall():
        names = ("command_offset", "entry_hash")
        expected = row["entry_hash"]
        fields = {name: value for name, value in row.items() if name not in names}
        head = chain.entry_hash(head, **fields)
        if head != expected:
            return b""
    return head
