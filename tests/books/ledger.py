"""A ledger without Kafka: records made by hand, applied by the engine to real Postgres."""

import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from posting_engine.applying import Applying
from posting_engine.books import Books
from posting_engine.posting.decide import decide as decide_by_the_rules
from posting_engine.quarantine import Decide
from posting_engine.quarantine_rows import QuarantinedRow
from posting_engine.records import Record
from posting_engine.verdict import Item
from schemas import codec
from schemas.codec import Outcome
from schemas.commands import AccrualChunk, AnyCommand, Disbursement, Payment, Reversal
from schemas.partitioning import partition_of_loan
from schemas.placement import place_of
from schemas.quarantine import DeadLetter, QuarantineReject, QuarantineResume, Resolution

PARTITIONS = 4
HERE = Path(__file__).parent
TENANT = UUID("7d3ffb8e-6d2b-4f37-8fd2-6d33b6b2a0c1")
BORROWER = UUID("5a0c34a4-3f0b-4a4e-9a86-0b4f6f2fd1f3")
BEGINNING = datetime(2026, 3, 1, tzinfo=UTC)


def loan_number(number: int) -> UUID:
    """The same loan for the same number, in every run."""
    return uuid5(TENANT, f"loan {number}")


def owner_of(loan_id: UUID) -> int:
    return partition_of_loan(TENANT, loan_id, PARTITIONS)


def envelope(key: str) -> dict[str, Any]:
    return {
        "tenant_id": TENANT,
        "idempotency_key": key,
        "fingerprint": b"f" * 32,
        "accepted_at": BEGINNING,
        "actor": "a test",
    }


def disbursement(key: str, loan_id: UUID, amount_minor: int = 1_000_00) -> Disbursement:
    return Disbursement(
        **envelope(key),
        loan_id=loan_id,
        borrower_id=BORROWER,
        amount_minor=amount_minor,
        currency="USD",
        effective_on=date(2026, 1, 5),
        method="ach",
    )


def payment(key: str, loan_id: UUID, amount_minor: int = 10_00) -> Payment:
    return Payment(
        **envelope(key),
        loan_id=loan_id,
        borrower_id=BORROWER,
        amount_minor=amount_minor,
        currency="USD",
        effective_on=date(2026, 2, 2),
        source_method="ach",
    )


def accrual(
    key: str, partition_id: int, loans: Sequence[UUID], *, day: int, backfill: bool = False
) -> AccrualChunk:
    ordered = sorted(loans)
    return AccrualChunk(
        **envelope(f"{key}/{partition_id}/0"),
        program_id=TENANT,
        accrued_on=date(2026, 1, day),
        day_count_convention="ACT_365",
        currency="USD",
        require_principal_match=False,
        backfill=backfill,
        chunks_total=1,
        loans_total=len(ordered),
        interest_total_minor=5 * len(ordered),
        loan_ids=b"".join(loan.bytes for loan in ordered),
        principals=struct.pack(f">{len(ordered)}q", *[1_000_00] * len(ordered)),
        interests=struct.pack(f">{len(ordered)}q", *[5] * len(ordered)),
    )


def resume(key: str, waiting: QuarantinedRow, *, all_loans: bool = False) -> QuarantineResume:
    return QuarantineResume(
        **envelope(key),
        command_id=waiting.command_id,
        partition_id=waiting.partition_id,
        loan_id=None if all_loans else waiting.loan_id,
    )


def reject(key: str, waiting: QuarantinedRow) -> QuarantineReject:
    return QuarantineReject(
        **envelope(key),
        command_id=waiting.command_id,
        partition_id=waiting.partition_id,
        loan_id=waiting.loan_id,
        explanation="a test",
    )


def reversal(key: str, entry_id: UUID, **which: Any) -> Reversal:
    return Reversal(
        **envelope(key),
        reverses_entry_id=entry_id,
        reason_code="other",
        reason_description="a test",
        effective_on=date(2026, 2, 20),
        **which,
    )


class LogOfCommands:
    """Records in the order given, offsets and append times counted up within each partition."""

    def __init__(self) -> None:
        self.records: list[tuple[Record, AnyCommand | Resolution]] = []
        self._offsets = [0] * PARTITIONS

    def append(self, partition_id: int, command: AnyCommand | Resolution) -> None:
        offset = self._offsets[partition_id]
        self._offsets[partition_id] += 1
        appended_at = BEGINNING + timedelta(seconds=offset)
        value = codec.encode(command)
        record = Record(partition_id, offset, appended_at, b"key", value, ())
        self.records.append((record, command))

    def send(self, command: AnyCommand | Resolution) -> None:
        """Append a command to the partition that owns it."""
        self.append(place_of(command, PARTITIONS)[0], command)


class Engine:
    """The engine's batches over one store; keeps the follow-ups that its commands cause, and what
    waits for an operator by (partition, loan, offset). `decide` may have a rule more than ours.
    """

    def __init__(
        self, books: Books, decide: Decide = decide_by_the_rules, *, by_arrays: bool = True
    ) -> None:
        self.books = books
        self.held = books.take_leases(range(PARTITIONS), "a test")
        self.follow_ups: list[AnyCommand] = []
        self.posted: list[tuple[str, int]] = []
        """(key, partition) of what has posted."""
        self.waiting: dict[tuple[int, UUID, int], QuarantinedRow] = {}
        self.announced: list[Outcome] = []
        self._applying = Applying(
            books, PARTITIONS, confirm=self._nobody_else, decide=decide, by_arrays=by_arrays
        )

    def apply(self, records: Sequence[tuple[Record, AnyCommand | Resolution]]) -> None:
        """Apply records as one batch."""
        self.apply_items([Item(record, command) for record, command in records])

    def apply_items(self, items: Sequence[Item]) -> None:
        """Apply items as one batch."""
        for verdict in self._applying.apply(items, self.held):
            assert verdict.halts == {}
            self.held.update(verdict.after)
            self.posted += [
                (row.idempotency_key, row.partition_id)
                for row in verdict.outcomes
                if row.status == "posted"
            ]
            self.follow_ups += [_command_in(row.record_value) for row in verdict.follow_ups]
            self.announced += [outcome for _, outcome in verdict.announcements]
            for row in verdict.queued:
                self.waiting[row.partition_id, row.loan_id, row.command_offset] = row
            for partition_id, _, loan_id, offset in verdict.unqueued:
                del self.waiting[partition_id, loan_id, offset]

    def _nobody_else(self) -> None:
        found = self.books.positions(range(PARTITIONS))
        assert {p: at.lease_epoch for p, at in found.items()} == {
            p: at.lease_epoch for p, at in self.held.items()
        }


def _command_in(value: bytes) -> AnyCommand:
    command = codec.decode(value)
    other = Outcome | DeadLetter | QuarantineResume | QuarantineReject
    assert not isinstance(command, other)
    return command


def apply(
    books: Books,
    log: LogOfCommands,
    cuts: Sequence[int],
    decide: Decide = decide_by_the_rules,
    *,
    by_arrays: bool = True,
) -> Engine:
    """Apply a log in batches of the sizes in `cuts`, repeated."""
    engine = Engine(books, decide, by_arrays=by_arrays)
    left = list(log.records)
    turn = 0
    while left:
        size = cuts[turn % len(cuts)]
        turn += 1
        batch, left = left[:size], left[size:]
        engine.apply(batch)
    return engine
