"""The books in Postgres as verification wants them: in order, a few rows at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final
from uuid import UUID

import msgspec

from hpts.database import Snapshot
from hpts.proving.checkpoints import Stretch
from hpts.proving.findings import Finding, placed
from hpts.proving.journal import VERSION, Journal

ENTRIES_AT_ONCE: Final = 1_000
LINES_AT_ONCE: Final = 4_000
MOST_OF_A_KIND: Final = 1_000
"""So many faults of one kind are told."""
_SQL: Final = files("hpts.proving") / "sql"
_STREAM_ENTRIES: Final = (_SQL / "stream_entries.sql").read_bytes()
_STREAM_LINES: Final = (_SQL / "stream_lines.sql").read_bytes()
_LOAD_PARTITIONS: Final = (_SQL / "load_partitions.sql").read_bytes()
_FIND_BACKDATED: Final = (_SQL / "find_backdated.sql").read_bytes()
_FIND_ENTRY: Final = (_SQL / "find_entry.sql").read_bytes()
_DERIVED: Final = {
    "loans": (_SQL / "stream_loans.sql").read_bytes(),
    "days": (_SQL / "stream_account_days.sql").read_bytes(),
}
_encode: Final = msgspec.json.Encoder().encode
_texts: Final = msgspec.json.Decoder(dict[str, str])

CHECKS: Final[Mapping[str, str]] = {
    "day_total": "find_day_totals",
    "loan_balance": "find_loan_balances",
    "loan_subject": "find_loan_subjects",
    "outcome": "find_outcomes_without_entry",
    "outcome_twice": "find_outcomes_twice",
    "outcome_sense": "find_outcomes_of_no_sense",
    "reversal_unrecorded": "find_reversals_unrecorded",
    "reversal": "find_reversals_of_nothing",
    "disbursement": "find_disbursements",
    "settlement": "find_settlements",
    "close": "find_closes",
}
"""Check -> the statement that finds what does not hold."""
_FIND: Final = {check: (_SQL / f"{name}.sql").read_bytes() for check, name in CHECKS.items()}

_Row = tuple[Any, ...]


def partitions(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Where partitions stand, and which topic they should follow."""
    return snapshot.rows(_LOAD_PARTITIONS)


def read(snapshot: Snapshot, partition: Mapping[str, Any], journal: Journal) -> Iterator[bytes]:
    """Feed a partition's journal, entry by entry; the canonical bytes of each, once it is fed.

    What no hash covers is checked on the way: the lines' places, tenants and dates, and the
    records that entries name.
    """
    partition_id = partition["partition_id"]
    named = {"partition_id": partition_id}
    lines = iter(snapshot.stream(_STREAM_LINES, rows_at_once=LINES_AT_ONCE, **named))
    line = next(lines, None)
    entries = snapshot.stream(_STREAM_ENTRIES, rows_at_once=ENTRIES_AT_ONCE, **named)
    for row in entries:
        seq, tenant_id, entry_id, effective_on = row[0], row[1], row[2], row[6]
        own: list[_Row] = []
        while line is not None and line[0] <= seq:
            if line[0] < seq:
                journal.find("line", "it has no entry", entry_seq=line[0], line=line[1])
            else:
                own.append(line[4:])
                if line[1] != len(own) or line[2] != tenant_id or line[3] != effective_on:
                    told = "its place, tenant or date is not its entry's"
                    journal.find(
                        "line", told, entry_seq=seq, journal_entry_id=entry_id, line=line[1]
                    )
            line = next(lines, None)
        if not 0 <= row[17] < partition["next_offset"]:
            told = f"its record, offset {row[17]}, is not before the position"
            journal.find("offset", told, entry_seq=seq, journal_entry_id=entry_id)
        entry = [
            *(VERSION, partition_id),
            *row[:14],
            _pairs(row[14], journal, seq),
            _pairs(row[15], journal, seq),
            own,
        ]
        canonical = _encode(entry)
        journal.feed(entry, canonical, row[16])
        yield canonical
    while line is not None:
        journal.find("line", "it has no entry", entry_seq=line[0], line=line[1])
        line = next(lines, None)


def places_of(snapshot: Snapshot, entry_id: UUID) -> dict[int, list[int]]:
    """Where the parts of an entry stand: partition -> entry_seq."""
    places: dict[int, list[int]] = {}
    for row in snapshot.rows(_FIND_ENTRY, journal_entry_id=entry_id):
        places.setdefault(row["partition_id"], []).append(row["entry_seq"])
    return places


def derived(snapshot: Snapshot, partition_id: int) -> dict[str, Iterator[_Row]]:
    """What follows from a partition's lines: `loans` (tenant, loan, principal, interest, fees,
    suspense, unsettled) and `days` (tenant, account, currency, layer, booked, posted, totals).
    """
    return {
        kind: snapshot.stream(statement, rows_at_once=LINES_AT_ONCE, partition_id=partition_id)
        for kind, statement in _DERIVED.items()
    }


def backdated(snapshot: Snapshot, signed: Sequence[Stretch]) -> list[Finding]:
    """Entries of records that the checkpoints before them had passed."""
    rows = snapshot.rows(
        _FIND_BACKDATED,
        most=MOST_OF_A_KIND,
        partition_ids=[one.partition_id for one in signed],
        after_seqs=[one.after_seq for one in signed],
        through_seqs=[one.through_seq for one in signed],
        next_offsets=[one.next_offset for one in signed],
    )
    return [Finding("backdated", row["told"], placed(row)) for row in rows]


def faults(snapshot: Snapshot) -> Iterator[tuple[str, Iterable[Finding]]]:
    """Check by check, what does not hold of everything beside the chain."""
    for check, statement in _FIND.items():
        rows = snapshot.rows(statement, most=MOST_OF_A_KIND + 1)
        found = [Finding(check, row["told"], placed(row)) for row in rows[:MOST_OF_A_KIND]]
        if len(rows) > MOST_OF_A_KIND:
            found.append(Finding(check, "and more of the kind"))
        yield check, found


def _pairs(text: str, journal: Journal, seq: int) -> list[tuple[str, str]]:
    """Metadata or details as the canonical bytes have them: pairs sorted by key.

    The text must be what the engine writes, but for the order of its keys: a key twice, or a space
    more, would be hidden from the hash.
    """
    if text == "{}":
        return []
    try:
        told = _texts.decode(text)
    except msgspec.DecodeError:
        told = {}
    if _encode(told).decode() != text:
        journal.find("metadata", "metadata or details are not written as texts", entry_seq=seq)
    return sorted(told.items())
