"""The pages of a run of chunks: their loans in columns, to be decided by arrays.

The same look-ups as for any batch (`pages`), in one round trip. What is not plain raises
`NotByArrays`, here or when it is decided, and is then decided loan by loan.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from posting_engine import packed
from posting_engine.accrual_rows import ids_of, loan_columns, loans_of
from posting_engine.books import Books
from posting_engine.packed import Misfit
from posting_engine.pages import Found, Needs, Pages, Statement, fill_pages, standing_of
from posting_engine.positions import Position
from posting_engine.posting.accrual_columns import NotByArrays
from posting_engine.posting.page import Page
from schemas.commands import AccrualChunk

PlacedChunk = tuple[int, AccrualChunk]
"""A chunk and its partition."""


def open_pages(
    books: Books,
    chunks: Sequence[PlacedChunk],
    held: Mapping[int, Position],
    partition_count: int,
) -> Pages:
    """What chunks need of the books. No two of them may name the same loan."""
    needs = Needs()
    for partition_id, chunk in chunks:
        needs.wanted_keys[partition_id, chunk.tenant_id, chunk.idempotency_key] = None
    anything_waits = any(position.quarantined_count for position in held.values())
    if anything_waits:
        for partition_id, chunk in chunks:
            for loan_id in loans_of(chunk):
                needs.wanted_loans[partition_id, chunk.tenant_id, loan_id] = None
    backfills = [(p, chunk) for p, chunk in chunks if chunk.backfill]
    wanted: list[Statement] = [
        ("load_outcomes", needs.keys),
        ("load_closed_periods", needs.tenants),
    ]
    wanted += [("load_accruing_loans", _loans_named(p, chunk)) for p, chunk in chunks]
    lookups = [standing_of(p, chunk) for p, chunk in backfills]
    wanted += [(lookup.statement, lookup.parameters) for lookup in lookups]
    if anything_waits:
        wanted.append(("load_quarantined_keys", needs.keys))
        wanted.append(("load_quarantined_loans", needs.standing_still))
    outcomes, closes, *others = books.look_up(wanted)
    loans, others = others[: len(chunks)], others[len(chunks) :]
    standing, others = others[: len(backfills)], others[len(backfills) :]
    keys, still = others if anything_waits else ([], [])
    found = Found(
        outcomes=outcomes, loans=(), closes=closes, quarantined_keys=keys, quarantined_loans=still
    )
    pages = fill_pages(needs, held, found, partition_count)
    stands = {
        (p, chunk.tenant_id, chunk.idempotency_key): {r["loan_id"]: r["entry_seq"] for r in rows}
        for (p, chunk), rows in zip(backfills, standing, strict=True)
    }
    for (partition_id, chunk), rows in zip(chunks, loans, strict=True):
        key = (chunk.tenant_id, chunk.idempotency_key)
        _fill(
            pages.by_partition[partition_id],
            chunk,
            rows[0]["packed"],
            stands.get((partition_id, *key)),
        )
    return pages


def _fill(
    page: Page, chunk: AccrualChunk, found: bytes | None, standing: Mapping[UUID, int] | None
) -> None:
    quarantined = {loan_id for tenant, loan_id in page.quarantined if tenant == chunk.tenant_id}
    try:
        columns = loan_columns(chunk, found, quarantined, standing)
    except Misfit as misfit:
        raise NotByArrays(str(misfit)) from misfit
    page.loan_columns[chunk.tenant_id, chunk.idempotency_key] = columns


def _loans_named(partition_id: int, chunk: AccrualChunk) -> dict[str, Any]:
    return {
        "partition_id": partition_id,
        "tenant_id": chunk.tenant_id,
        "loan_ids": packed.uuids(ids_of(chunk)),
    }
