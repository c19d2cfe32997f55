"""What a superuser may do to history: one edit at a time, each told with what must be named.

An edit works inside the transaction that it is given, which is rolled back.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any
from uuid import UUID

import psycopg

from hpts.database import Snapshot
from hpts.proving import books
from hpts.proving.journal import Journal

Connection = psycopg.Connection[tuple[Any, ...]]
COLUMNS = {
    "journal_entries": "*",
    "journal_lines": "*",
    "account_days": "*",
    "reversal_targets": "*",
    "disbursements": "*",
    "disbursement_entries": "*",
    "loans": "partition_id tenant_id loan_id borrower_id currency principal_minor interest_minor "
    "fees_minor suspense_minor unsettled_minor",
    "command_outcomes": "tenant_id idempotency_key command_id correlation_id status command_offset "
    "posted_at",
    "closed_periods": "partition_id tenant_id closed_through",
    "period_closes": "partition_id tenant_id closed_through",
    "partitions": "chain_head last_entry_seq next_offset topic_id",
}
"""Table -> the columns that verification speaks for (docs/verification.md has the others)."""
WHERE = {
    # Of a refusal, and of what brings no entry, only the log can say where it came from.
    "command_outcomes": "status = 'posted' AND result ->> 'journal_entry_id' IS NOT NULL",
    # A loan that a refinance has only reserved has no lines to hold it against.
    "loans": "version > 0 AND EXISTS (SELECT FROM journal_lines AS j WHERE "
    "j.loan_id = loans.loan_id AND layer = 'SETTLED')",
    "partitions": "last_entry_seq > 1",
}
DEFERRED = "SET LOCAL session_replication_role = replica"


@dataclass(frozen=True)
class Edit:
    """What was done, and what some finding must name: members of a place."""

    told: str
    named: dict[str, Any]


def edit(connection: Connection, chance: Random) -> Edit:
    """Change something, whatever it is."""
    kinds: list[Callable[[Connection, Random], Edit]] = [
        *[update] * 8,
        *[delete] * 3,
        *[insert] * 2,
        swap,
        append_pair,
        cut_tail,
        *[rehash_tail] * 2,
    ]
    while True:
        with connection.transaction() as attempt:
            try:
                return chance.choice(kinds)(connection, chance)
            except (psycopg.IntegrityError, psycopg.DataError, Unchanged):
                # Not even a superuser's update passes a CHECK or a key: another edit instead.
                raise psycopg.Rollback(attempt) from None


class Unchanged(Exception):
    """The edit would have changed nothing."""


def update(connection: Connection, chance: Random) -> Edit:
    """One column of one row."""
    table, row = _any_row(connection, chance)
    column = chance.choice(_columns(connection, table))
    value = _other(row[column], chance, column)
    if value == row[column]:
        raise Unchanged
    connection.execute(f"UPDATE {table} SET {column} = %s WHERE ctid = %s", (value, row["ctid"]))
    if isinstance(value, psycopg.types.json.Json):
        value = value.obj
    named = {} if column in ("partition_id", "entry_seq") else _named(table, row)
    return Edit(f"update {table}.{column} {row[column]!r} -> {value!r}", named)


def delete(connection: Connection, chance: Random) -> Edit:
    """One row."""
    table, row = _any_row(connection, chance)
    connection.execute(f"DELETE FROM {table} WHERE ctid = %s", (row["ctid"],))
    return Edit(f"delete of {table}", {"partition_id": row["partition_id"]})


def insert(connection: Connection, chance: Random) -> Edit:
    """A row like another one, in a place of its own."""
    table, row = _any_row(connection, chance)
    values = {name: value for name, value in row.items() if name != "ctid"}
    key = {
        "journal_entries": "entry_seq",
        "journal_lines": "sequence",
        "account_days": "booked_on",
        "loans": "loan_id",
        "reversal_targets": "loan_id",
        "disbursements": "event_id",
        "disbursement_entries": "journal_entry_id",
        "command_outcomes": "idempotency_key",
        "closed_periods": "tenant_id",
        "period_closes": "closed_through",
        "partitions": "partition_id",
    }[table]
    values[key] = _other(values[key], chance, key)
    if table == "journal_entries":
        values["journal_entry_id"] = _other(values["journal_entry_id"], chance, "")
    names = list(values)
    connection.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(names)} "
        f"FROM json_populate_record(NULL::{table}, %s)",
        (psycopg.types.json.Json(values, dumps=_json),),
    )
    return Edit(f"insert into {table}", {})


def swap(connection: Connection, chance: Random) -> Edit:
    """Two entries with their lines change places."""
    partition_id, last = _partition(connection, chance)
    first, second = sorted(chance.sample(range(1, last + 1), 2))
    for table in ("journal_lines", "journal_entries"):
        for now, then in ((first, -1), (second, first), (-1, second)):
            connection.execute(
                f"UPDATE {table} SET entry_seq = %s WHERE partition_id = %s AND entry_seq = %s",
                (then, partition_id, now),
            )
    return Edit(f"swap of {first} and {second}", {"partition_id": partition_id, "entry_seq": first})


def append_pair(connection: Connection, chance: Random, *, has_outcome: bool | None = None) -> Edit:
    """A balanced entry at the end, rightly hashed, with its day totals; perhaps with an outcome."""
    if has_outcome is None:
        has_outcome = chance.random() < 0.5
    partition_id, last = _partition(connection, chance)
    where = {"partition_id": partition_id, "last": last}
    connection.execute(
        "INSERT INTO journal_entries SELECT (json_populate_record(e, json_build_object("
        "'entry_seq', entry_seq + 1, 'journal_entry_id', gen_random_uuid(), 'event_id', "
        "gen_random_uuid(), 'correlation_id', gen_random_uuid(), 'command_offset', 0, "
        "'reverses_entry_id', NULL, 'reverses_part', NULL))).* FROM journal_entries AS e "
        "WHERE partition_id = %(partition_id)s AND entry_seq = %(last)s",
        where,
    )
    for sequence, account, side in ((1, "1000", "DR"), (2, "4000", "CR")):
        connection.execute(
            "INSERT INTO journal_lines SELECT partition_id, entry_seq + 1, %(sequence)s, "
            "tenant_id, %(account)s, %(side)s, 500, 'USD', 'SETTLED', NULL, NULL, NULL, "
            "effective_on FROM journal_entries "
            "WHERE partition_id = %(partition_id)s AND entry_seq = %(last)s",
            where | {"sequence": sequence, "account": account, "side": side},
        )
    connection.execute(
        "UPDATE partitions SET last_entry_seq = %(last)s + 1 WHERE partition_id = %(partition_id)s",
        where,
    )
    rehash(connection, partition_id, last + 1)
    sum_days(connection)
    if has_outcome:
        connection.execute(
            "INSERT INTO command_outcomes SELECT (json_populate_record(o, json_build_object("
            "'idempotency_key', 'forged:key', 'command_offset', e.command_offset, 'posted_at', "
            "e.posted_at, 'correlation_id', e.correlation_id, 'result', json_build_object("
            "'journal_entry_id', e.journal_entry_id)))).* FROM journal_entries AS e JOIN "
            "command_outcomes AS o USING (partition_id, tenant_id) WHERE o.status = 'posted' AND "
            "e.partition_id = %(partition_id)s AND e.entry_seq = %(last)s + 1 LIMIT 1",
            where,
        )
    return Edit("appended pair", {"partition_id": partition_id, "entry_seq": last + 1})


def cut_tail(connection: Connection, chance: Random) -> Edit:
    """The last entries, with everything that speaks of them."""
    partition_id, last = _partition(connection, chance)
    left = max(1, last - chance.choice((1, 2, 10)))
    gone = {"partition_id": partition_id, "left": left}
    connection.execute(
        "DELETE FROM command_outcomes AS o USING journal_entries AS e WHERE e.partition_id = "
        "%(partition_id)s AND e.entry_seq > %(left)s AND o.partition_id = e.partition_id "
        "AND o.command_offset = e.command_offset",
        gone,
    )
    for table in ("journal_lines", "journal_entries"):
        connection.execute(
            f"DELETE FROM {table} WHERE partition_id = %(partition_id)s AND entry_seq > %(left)s",
            gone,
        )
    connection.execute(
        "UPDATE partitions SET last_entry_seq = %(left)s, chain_head = (SELECT entry_hash FROM "
        "journal_entries WHERE partition_id = %(partition_id)s AND entry_seq = %(left)s) "
        "WHERE partition_id = %(partition_id)s",
        gone,
    )
    sum_days(connection)
    return Edit(f"cut after {left} of {last}", {"partition_id": partition_id, "entry_seq": left})


def rehash_tail(connection: Connection, chance: Random) -> Edit:
    """An amount of a whole entry, its day totals, and every hash from there on."""
    partition_id, last = _partition(connection, chance)
    seq = chance.randrange(1, last + 1)
    connection.execute(
        "UPDATE journal_lines SET amount_minor = amount_minor * 2 "
        "WHERE partition_id = %s AND entry_seq = %s",
        (partition_id, seq),
    )
    rehash(connection, partition_id, seq)
    sum_days(connection)
    return Edit(
        f"entry {seq} changed, hashed anew", {"partition_id": partition_id, "check": "checkpoint"}
    )


def rehash(connection: Connection, partition_id: int, from_seq: int) -> None:
    """Give every entry from one on the hash that it should have, and the partition its head."""
    before = connection.execute(
        "SELECT entry_hash FROM journal_entries WHERE partition_id = %s AND entry_seq = %s",
        (partition_id, from_seq - 1),
    ).fetchone()
    head = bytes(32) if before is None else before[0]
    partition = {"partition_id": partition_id, "next_offset": 1 << 40}
    journal = Journal(partition_id)
    for canonical in [*books.read(Snapshot(connection), partition, journal)][from_seq - 1 :]:
        head = sha256(head + canonical).digest()
        connection.execute(
            "UPDATE journal_entries SET entry_hash = %s WHERE partition_id = %s AND entry_seq = %s",
            (head, partition_id, from_seq),
        )
        from_seq += 1
    connection.execute(
        "UPDATE partitions SET chain_head = %s WHERE partition_id = %s", (head, partition_id)
    )


def sum_days(connection: Connection) -> None:
    """Make the day totals what the lines add up to."""
    connection.execute("DELETE FROM account_days")
    connection.execute(
        "INSERT INTO account_days SELECT j.partition_id, j.tenant_id, account_code, currency, "
        "layer, booked_on, (posted_at AT TIME ZONE 'UTC')::date, "
        "coalesce(sum(amount_minor) FILTER (WHERE direction = 'DR'), 0), "
        "coalesce(sum(amount_minor) FILTER (WHERE direction = 'CR'), 0) "
        "FROM journal_lines AS j JOIN journal_entries AS e USING (partition_id, entry_seq) "
        "GROUP BY 1, 2, 3, 4, 5, 6, 7"
    )


def _any_row(connection: Connection, chance: Random) -> tuple[str, dict[str, Any]]:
    tables = [*COLUMNS, *["journal_entries", "journal_lines"] * 4]
    table = chance.choice(tables)
    where = WHERE.get(table, "true")
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        rows = cursor.execute(f"SELECT ctid, * FROM {table} WHERE {where} ORDER BY ctid").fetchall()
    if not rows:
        raise Unchanged
    return table, chance.choice(rows)


def _columns(connection: Connection, table: str) -> list[str]:
    if COLUMNS[table] != "*":
        return COLUMNS[table].split()
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
        "AND NOT attisdropped ORDER BY attnum",
        (table,),
    )
    return [name for (name,) in found.fetchall()]


def _partition(connection: Connection, chance: Random) -> tuple[int, int]:
    rows = connection.execute(
        "SELECT partition_id, last_entry_seq FROM partitions WHERE last_entry_seq > 2 ORDER BY 1"
    ).fetchall()
    return chance.choice(rows)  # type: ignore[return-value]


def _named(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """What a finding must name where a row of the table was changed."""
    match table:
        case "journal_entries" | "journal_lines":
            return {"partition_id": row["partition_id"], "entry_seq": row["entry_seq"]}
        case "loans":
            return {"partition_id": row["partition_id"]}
    return {"partition_id": row["partition_id"]} if table == "partitions" else {}


def _other(value: Any, chance: Random, column: str) -> Any:
    """Another value of the same type, which the column takes if its CHECKs do."""
    chosen: dict[str, list[Any]] = {
        "currency": ["EUR", "GBP", "USD"],
        "layer": ["SETTLED", "PENDING", "ENCUMBRANCE"],
        "direction": ["DR", "CR"],
        "status": ["posted", "rejected"],
        "account_code": ["1000", "1100", "1200", "4000", "2100"],
        "event_type": ["payment_received", "reversal", "fee_assessed"],
        "partition_id": [0, 1, 2, 3],
    }
    match value:
        case _ if column in chosen:
            return chance.choice(chosen[column])
        case bool():
            return not value
        case int() if column == "next_offset":
            return value - 1
        case int():
            return value + chance.choice((1, -1, 100))
        case bytes():
            return bytes([value[0] ^ 1]) + value[1:]
        case datetime():
            return value + timedelta(microseconds=chance.choice((1, -1, 86_400_000_000)))
        case date():
            return value + timedelta(days=chance.choice((1, -1)))
        case UUID():
            return UUID(int=value.int ^ 1 << chance.randrange(128))
        case dict():
            return psycopg.types.json.Json({**value, "note": "changed"})
        case None:
            return None
        case str():
            return value + "x"
    return value + 1  # a Decimal


def _json(values: dict[str, Any]) -> str:
    def other(value: Any) -> Any:
        return "\\x" + value.hex() if isinstance(value, bytes) else str(value)

    return json.dumps(values, default=other)
