"""From pages and postings to columns, and from rows back to the core's values. No driver here.

Every insert takes one array a column; rows are sorted by key where several writers could meet.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from posting_engine.posting.journal import Entry, Line
from posting_engine.posting.loan import Loan
from posting_engine.posting.page import DisbursedAmount, PostedEntry, Posting, ReversalTarget
from schemas import chain

Columns = dict[str, list[Any]]

LOAN_COLUMNS: Final = tuple(
    name for name in Loan.__dataclass_fields__ if name not in ("tenant_id", "loan_id")
)
_LINE_COLUMNS: Final = (
    "partition_id",
    "entry_seq",
    "sequence",
    "tenant_id",
    "account_code",
    "direction",
    "amount_minor",
    "currency",
    "layer",
    "loan_id",
    "borrower_id",
    "external_ref",
    "effective_on",
)
_DAY_KEY: Final = (
    "partition_id",
    "tenant_id",
    "account_code",
    "currency",
    "layer",
    "booked_on",
    "posted_on",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRow:
    """One row of `command_outcomes`; what is announced is made of the same values.

    `resumed_offset`: of a command that was quarantined, the record that resumed or rejected it.
    """

    partition_id: int
    tenant_id: UUID
    idempotency_key: str
    command_id: UUID
    correlation_id: UUID
    command_type: str
    fingerprint: bytes
    status: str
    result: str
    accrual_event_id: UUID | None
    chunks_total: int | None
    command_offset: int
    posted_at: Any
    resumed_offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpRow:
    """One row of `outgoing_commands`: the next step of a command that has several."""

    partition_id: int
    tenant_id: UUID
    idempotency_key: str
    to_partition: int
    record_key: bytes
    record_value: bytes
    reply_partition: int | None
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class DisbursementEntryRow:
    """One row of `disbursement_entries`."""

    partition_id: int
    journal_entry_id: UUID
    tenant_id: UUID
    event_id: UUID


CloseKey = tuple[int, UUID, date]
"""partition, tenant, the last day closed."""


@dataclass(frozen=True, slots=True)
class ChainedEntry:
    """An entry with its place in its partition's journal and its link of the chain."""

    partition_id: int
    entry_seq: int
    command_offset: int
    entry: Entry
    entry_hash: bytes


def to_json(value: object) -> str:
    """JSON text of a result or of metadata."""
    return msgspec.json.encode(value).decode()


def code_in(result: str) -> str | None:
    """The code of a refusal in an outcome's JSON."""
    code: str | None = msgspec.json.decode(result).get("code")
    return code


def chained(
    partition_id: int, head: bytes, postings: Iterable[tuple[int, int, Posting]]
) -> tuple[list[ChainedEntry], bytes]:
    """Link (entry_seq, command_offset, posting) in order; the links and the new head."""
    links: list[ChainedEntry] = []
    for entry_seq, command_offset, posting in postings:
        entry = posting.entry
        if entry is None:
            continue
        head = link_of(head, partition_id, entry_seq, entry)
        links.append(ChainedEntry(partition_id, entry_seq, command_offset, entry, head))
    return links, head


def link_of(
    head: bytes,
    partition_id: int,
    entry_seq: int,
    entry: Entry,
    *,
    lines: msgspec.Raw | None = None,
) -> bytes:
    """The next link of a chain; `lines` where the entry's own are summed."""
    return chain.entry_hash(
        head,
        partition_id=partition_id,
        entry_seq=entry_seq,
        tenant_id=entry.tenant_id,
        journal_entry_id=entry.journal_entry_id,
        part=entry.part,
        event_type=entry.event_type,
        event_id=entry.event_id,
        effective_on=entry.effective_on,
        booked_on=entry.booked_on,
        posted_at=entry.posted_at,
        correlation_id=entry.correlation_id,
        reverses_entry_id=entry.reverses_entry_id,
        reverses_part=entry.reverses_part,
        actor=entry.actor,
        description=entry.description,
        metadata=entry.metadata,
        details=entry.details,
        lines=lines or map(_line_fields, entry.lines),
    )


def _line_fields(line: Line) -> chain.LineFields:
    return (
        line.account_code,
        line.direction,
        line.amount_minor,
        line.currency,
        line.layer,
        line.loan_id,
        line.borrower_id,
        line.external_ref,
    )


def outcome_columns(outcomes: Sequence[OutcomeRow]) -> Columns:
    """`insert_outcomes`."""
    return columns_of(outcomes, OutcomeRow)


def follow_up_columns(follow_ups: Sequence[FollowUpRow]) -> Columns:
    """`insert_follow_ups`."""
    return columns_of(follow_ups, FollowUpRow)


def disbursement_entry_columns(links: Sequence[DisbursementEntryRow]) -> Columns:
    """`insert_disbursement_entries`."""
    return columns_of(links, DisbursementEntryRow)


def close_columns(closes: Mapping[CloseKey, datetime]) -> Columns:
    """`insert_period_closes`, one row a close."""
    names = ("partition_id", "tenant_id", "closed_through", "closed_at")
    return _columns(names, [(*key, closes[key]) for key in sorted(closes)])


def closed_through_columns(closes: Mapping[CloseKey, datetime]) -> Columns:
    """`put_closed_periods`, one row a tenant and partition: the last of its closes."""
    last = {key[:2]: key[2] for key in sorted(closes)}
    names = ("partition_id", "tenant_id", "closed_through")
    return _columns(names, [(*key, day) for key, day in last.items()])


def entry_columns(links: Sequence[ChainedEntry]) -> Columns:
    """`insert_entries`."""
    columns: Columns = {
        name: [getattr(link.entry, name) for link in links]
        for name in Entry.__dataclass_fields__
        if name != "lines"
    }
    columns["metadata"] = [to_json(link.entry.metadata) for link in links]
    columns["details"] = [to_json(link.entry.details) for link in links]
    for name in ("partition_id", "entry_seq", "command_offset", "entry_hash"):
        columns[name] = [getattr(link, name) for link in links]
    return columns


def line_columns(links: Sequence[ChainedEntry]) -> Columns:
    """`insert_lines`: sequences count from 1 within an entry."""
    return placed_line_columns(
        (link, sequence, line)
        for link in links
        for sequence, line in enumerate(link.entry.lines, start=1)
    )


def placed_line_columns(lines: Iterable[tuple[ChainedEntry, int, Line]]) -> Columns:
    """`insert_lines`: (entry, sequence, line)."""
    rows = [
        (
            link.partition_id,
            link.entry_seq,
            sequence,
            link.entry.tenant_id,
            line.account_code,
            line.direction,
            line.amount_minor,
            line.currency,
            line.layer,
            line.loan_id,
            line.borrower_id,
            line.external_ref,
            link.entry.effective_on,
        )
        for link, sequence, line in lines
    ]
    return _columns(_LINE_COLUMNS, rows)


def account_day_columns(links: Sequence[ChainedEntry]) -> Columns:
    """`add_account_days`: a batch's debit and credit totals by account day, sorted by key."""
    totals_minor: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for link in links:
        entry = link.entry
        days = (entry.booked_on, entry.posted_at.date())
        for line in entry.lines:
            key = (link.partition_id, entry.tenant_id, line.account_code, line.currency, line.layer)
            totals_minor[key + days][0 if line.direction == "DR" else 1] += line.amount_minor
    rows = [(*key, *totals_minor[key]) for key in sorted(totals_minor)]
    return _columns([*_DAY_KEY, "debit_minor", "credit_minor"], rows)


def loan_columns(loans: Iterable[tuple[int, Loan, int]]) -> Columns:
    """`insert_loans`, `update_loans`: (partition, state after, version that was read), sorted."""
    ordered = sorted(loans, key=lambda x: (x[0], x[1].tenant_id, x[1].loan_id))
    columns: Columns = {
        name: [getattr(loan, name) for _, loan, _ in ordered]
        for name in ("tenant_id", "loan_id", "status", *LOAN_COLUMNS)
    }
    columns["partition_id"] = [partition_id for partition_id, _, _ in ordered]
    columns["read_version"] = [version for _, _, version in ordered]
    return columns


def disbursement_columns(rows: Iterable[tuple[int, UUID, DisbursedAmount]]) -> Columns:
    """`put_disbursements`: (partition, tenant, disbursement)."""
    rows = list(rows)
    columns: Columns = {
        name: [getattr(disbursed, name) for _, _, disbursed in rows]
        for name in DisbursedAmount.__dataclass_fields__
    }
    columns["partition_id"] = [partition_id for partition_id, _, _ in rows]
    columns["tenant_id"] = [tenant_id for _, tenant_id, _ in rows]
    return columns


def target_columns(rows: Iterable[tuple[int, UUID, ReversalTarget]]) -> Columns:
    """`insert_reversal_targets`: (partition, tenant, target)."""
    rows = list(rows)
    columns: Columns = {
        name: [getattr(target, name) for _, _, target in rows]
        for name in ReversalTarget.__dataclass_fields__
    }
    columns["partition_id"] = [partition_id for partition_id, _, _ in rows]
    columns["tenant_id"] = [tenant_id for _, tenant_id, _ in rows]
    return columns


def entries_from(rows: Sequence[dict[str, Any]]) -> list[tuple[int, PostedEntry, dict[str, Any]]]:
    """`load_entries`: (partition, entry, its first row) for each entry.

    The rows of an entry that is named twice (by its own id and by its event's) come twice; the
    entry is told once.
    """
    grouped: dict[tuple[int, int], dict[int, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        grouped[row["partition_id"], row["entry_seq"]][row["sequence"]] = row
    found = []
    for (partition_id, entry_seq), by_sequence in grouped.items():
        lines = [by_sequence[sequence] for sequence in sorted(by_sequence)]
        first = lines[0]
        names = [name for name in Entry.__dataclass_fields__ if name != "lines"]
        line_names = list(Line.__dataclass_fields__)
        entry = Entry(
            **{name: first[name] for name in names},
            lines=tuple(Line(**{name: row[name] for name in line_names}) for row in lines),
        )
        found.append((partition_id, PostedEntry(entry_seq, entry), first))
    return found


def columns_of(rows: Sequence[Any], kind: Any) -> Columns:
    """One array a member of `kind`, one element a row."""
    return {name: [getattr(row, name) for row in rows] for name in kind.__dataclass_fields__}


def _columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Columns:
    if not rows:
        return {name: [] for name in names}
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
