"""What stands still and why: quarantined commands, dead letters, the state of every partition.

A tenant sees its own quarantine. Dead letters belong to no tenant and positions to all, so only a
token with the `operator` claim reads them (`Operation.is_for_operators`).
"""

from base64 import b64encode
from typing import Any
from uuid import UUID

from read_api import bodies
from read_api.bodies import Body
from read_api.freshness import wait_for
from read_api.paging import Pages, Place
from read_api.queries import Ask, Desk
from read_api.store import Row, Snapshot
from schemas.codec import schema_name_of
from schemas.partitioning import NO_LOAN


async def quarantined(desk: Desk, ask: Ask) -> Body:
    """`GET /quarantine`: what waits for an operator, in the order of each partition's log."""
    partition_ids = list(range(await desk.store.partition_count()))
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    loan_id: UUID | None = ask.values["loan_id"]
    pages = Pages(desk.page_secret, ask.tenant_id, ask.path, {"loan_id": loan_id})
    token: str | None = ask.values["page_token"]
    partition_id, offset, loan = (0, 0, 0) if token is None else pages.place(token).after
    size: int = ask.values["page_size"]
    names: dict[str, Any] = {
        "partition_ids": partition_ids,
        "loan_id": loan_id,
        "from_partition": partition_id,
        "from_offset": offset,
        "from_loan_id": UUID(int=loan),
        "most": size + 1,
    }
    rows = await desk.store.read(
        ask.tenant_id, lambda books: books.rows("list_quarantined", **names)
    )
    body: Body = {"items": [_quarantined(row) for row in rows[:size]]}
    if len(rows) > size:
        first = rows[size]
        after = (first["partition_id"], first["command_offset"], first["loan_id"].int)
        body["next_page_token"] = pages.token(Place({}, after))
    return body


async def dead_letters(desk: Desk, ask: Ask) -> Body:
    """`GET /dead-letters`: records that are no command of this ledger, of all tenants."""
    partition_ids = list(range(await desk.store.partition_count()))
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    pages = Pages(desk.page_secret, ask.tenant_id, ask.path, {})
    token: str | None = ask.values["page_token"]
    partition_id, offset = (0, 0) if token is None else pages.place(token).after
    size: int = ask.values["page_size"]

    async def look_up(books: Snapshot) -> list[Row]:
        await books.rows("set_operator")
        return await books.rows(
            "list_dead_letters",
            partition_ids=partition_ids,
            from_partition=partition_id,
            from_offset=offset,
            most=size + 1,
        )

    rows = await desk.store.read(ask.tenant_id, look_up)
    body: Body = {"items": [_dead_letter(row) for row in rows[:size]]}
    if len(rows) > size:
        after = (rows[size]["partition_id"], rows[size]["command_offset"])
        body["next_page_token"] = pages.token(Place({}, after))
    return body


async def operations_status(desk: Desk, ask: Ask) -> Body:
    """`GET /operations/status`: how far every partition is, who holds it, and what stands still."""
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())

    async def look_up(books: Snapshot) -> tuple[list[Row], list[Row], list[Row]]:
        await books.rows("set_operator")
        partitions = await books.rows("load_operations")
        counted = await books.rows("count_dead_letters")
        return partitions, counted, await books.rows("load_deliveries")

    partitions, [counted], deliveries = await desk.store.read(ask.tenant_id, look_up)
    halted = [row["partition_id"] for row in partitions if row["halted_because"] is not None]
    quarantined_count = sum(row["quarantined_count"] for row in partitions)
    return {
        "status": "halted" if halted else "quarantined" if quarantined_count else "running",
        "partitions": [_partition(row) for row in partitions],
        "halted_partitions": halted,
        "quarantined_count": quarantined_count,
        "dead_letter_count": counted["dead_letter_count"],
        "lag_seconds": max((round(row["lag_s"]) for row in partitions), default=0),
        "lag_commands": sum(row["lag_commands"] or 0 for row in partitions),
        "fenced_writer_count": sum(row["fenced_writer_count"] for row in partitions),
        "deliveries": [_delivery(row) for row in deliveries],
    }


def _quarantined(row: Row) -> Body:
    return {
        "command_id": str(row["command_id"]),
        "command_type": row["command_type"],
        "loan_id": None if row["loan_id"] == NO_LOAN else str(row["loan_id"]),
        "idempotency_key": row["idempotency_key"],
        "correlation_id": str(row["correlation_id"]),
        "partition_id": row["partition_id"],
        "command_offset": row["command_offset"],
        "reason": row["reason"],
        "is_answered": row["is_share"],
        "appended_at": bodies.instant(row["appended_at"]),
        "quarantined_at": bodies.instant(row["quarantined_at"]),
    }


def _dead_letter(row: Row) -> Body:
    beginning = bytes(row["value_beginning"] or b"")
    headers = [
        {"name": name, "value": b64encode(bytes.fromhex(value)).decode()}
        for name, value in row["record_headers"]
    ]
    return {
        "partition_id": row["partition_id"],
        "command_offset": row["command_offset"],
        "reason": row["reason"],
        "appended_at": bodies.instant(row["appended_at"]),
        "claimed_type": schema_name_of(beginning),
        "key": _base64(row["record_key"]),
        "value_beginning": _base64(row["value_beginning"]),
        "value_length": row["value_length"],
        "headers": headers,
    }


def _partition(row: Row) -> Body:
    return {
        "partition_id": row["partition_id"],
        "next_offset": row["next_offset"],
        "last_entry_seq": row["last_entry_seq"],
        "reached_at": bodies.instant(row["reached_at"]),
        "lag_seconds": round(row["lag_s"]),
        "lag_commands": row["lag_commands"],
        "held_back_commands": row["held_back_commands"],
        "halted_because": row["halted_because"],
        "quarantined_count": row["quarantined_count"],
        "lease_epoch": row["lease_epoch"],
        "lease_taken_at": bodies.instant(row["lease_taken_at"]),
        "fenced_writer_count": row["fenced_writer_count"],
    }


def _delivery(row: Row) -> Body:
    return {
        "name": row["name"],
        "lag_entries": row["lag_entries"],
        "lag_seconds": round(row["lag_s"]),
        "halted_partitions": row["halted_partitions"],
        "halted_because": row["halted_because"],
    }


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()
