"""What the books must be, added up from the events alone. Pure; shares no code with the engine.

One `Tally` a partition, at the last entry applied. Sums are plain additions of lines: no lending
rule is known here, so none can be wrong in the same way as in the engine.
"""

import struct
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from schemas.journal_topic import JournalEntry, JournalLine

Day = tuple[bytes, str, str, str, date, date]
"""Tenant, account, currency, layer, booked on, posted on. Ids are 16 bytes here: they are many."""

SUB_BALANCES: Final = ("principal", "interest", "fees", "suspense", "unsettled")
CLEARING: Final = "2200"
_KEPT_PER_LOAN: Final = {
    "1100": (0, "DR"),
    "1200": (1, "DR"),
    "1300": (2, "DR"),
    "2100": (3, "CR"),
    "2000": (4, "CR"),
}
"""Account -> which sub-balance of a loan it is, and the side that makes it grow."""
ACCOUNT_OF: Final = {
    name: code for code, (place, _) in _KEPT_PER_LOAN.items() for name in [SUB_BALANCES[place]]
}
BALANCES: Final = struct.Struct("<5q")
"""A loan's sub-balances, in the order of `SUB_BALANCES`."""
NOTHING: Final = BALANCES.pack(0, 0, 0, 0, 0)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DIGEST_HEX: Final = 15


@dataclass(slots=True)
class Open:
    """What a request has left on account 2200: credit less debit, since when, and of which loan."""

    open_minor: int
    since: datetime
    loan_id: UUID | None


@dataclass(slots=True)
class Tally:
    """The totals of one partition up to `entry_seq`. Loans are packed: they are many."""

    partition_id: int
    entry_seq: int = 0
    loans: dict[bytes, bytes] = field(default_factory=dict)
    days: dict[Day, list[int]] = field(default_factory=dict)
    """Debit and credit totals."""
    digests: "array[int]" = field(default_factory=lambda: array("Q"))
    """Of each entry, from the first one on."""
    offsets: "array[int]" = field(default_factory=lambda: array("Q"))
    """Where each entry stands on the topic."""
    clearing: dict[tuple[bytes, UUID, str], Open] = field(default_factory=dict)
    """Tenant, request, currency -> what its steps on this partition leave open."""

    def apply(self, entry: JournalEntry, offset: int) -> None:
        """Add the entry that is due: its `entry_seq` is one above the last."""
        if entry.entry_seq != self.entry_seq + 1:
            raise ValueError(f"entry {entry.entry_seq} is not due after {self.entry_seq}")
        posted_on = entry.posted_at.astimezone(UTC).date()
        tenant = entry.tenant_id.bytes
        for line in entry.lines:
            is_debit = line.direction == "DR"
            day = (
                *(tenant, line.account_code, line.currency, line.layer),
                *(entry.booked_on, posted_on),
            )
            self.days.setdefault(day, [0, 0])[0 if is_debit else 1] += line.amount_minor
            if line.layer == "SETTLED":
                self._add_to_loan(tenant, line, is_debit=is_debit)
                if line.account_code == CLEARING:
                    self._clear(entry, line, is_debit=is_debit)
        self.digests.append(digest_of(entry))
        self.offsets.append(offset)
        self.entry_seq = entry.entry_seq

    def _add_to_loan(self, tenant: bytes, line: JournalLine, *, is_debit: bool) -> None:
        kept = _KEPT_PER_LOAN.get(line.account_code)
        if kept is None or line.loan_id is None:
            return
        place, grows_by = kept
        key = tenant + line.loan_id.bytes
        balances = list(BALANCES.unpack(self.loans.get(key, NOTHING)))
        grows = (grows_by == "DR") == is_debit
        balances[place] += line.amount_minor if grows else -line.amount_minor
        self.loans[key] = BALANCES.pack(*balances)

    def _clear(self, entry: JournalEntry, line: JournalLine, *, is_debit: bool) -> None:
        key = (entry.tenant_id.bytes, entry.correlation_id, line.currency)
        known = self.clearing.setdefault(key, Open(0, entry.posted_at, line.loan_id))
        known.open_minor += -line.amount_minor if is_debit else line.amount_minor
        if known.open_minor == 0:
            del self.clearing[key]


def open_clearing(tallies: Iterable[Tally]) -> dict[tuple[bytes, UUID, str], Open]:
    """What stands on account 2200, request by request: the parts of all partitions together."""
    whole: dict[tuple[bytes, UUID, str], Open] = {}
    for tally in tallies:
        for key, part in tally.clearing.items():
            known = whole.setdefault(key, Open(0, part.since, part.loan_id))
            known.open_minor += part.open_minor
            known.since = max(known.since, part.since)
    return {key: one for key, one in whole.items() if one.open_minor}


def digest_of(entry: JournalEntry) -> int:
    """60 bits over an entry and its lines; `sql/stream_digests.sql` makes the same of the rows."""
    reverses = entry.reverses_entry_id or ""
    words = [
        f"{entry.entry_seq}|{entry.tenant_id}|{entry.journal_entry_id}|{entry.part}"
        f"|{entry.event_type}|{entry.event_id}|{entry.effective_on}|{entry.booked_on}"
        f"|{(entry.posted_at - _EPOCH) // _MICROSECOND}|{entry.correlation_id}|{reverses}"
        f"|{entry.command_offset}|{entry.entry_hash.hex()}"
    ]
    words += [
        f"{line.sequence}|{line.account_code}|{line.direction}|{line.amount_minor}"
        f"|{line.currency}|{line.layer}|{line.loan_id or ''}|{line.borrower_id or ''}"
        f"|{entry.effective_on}|{line.external_ref or ''}"
        for line in entry.lines
    ]
    return int(sha256("\n".join(words).encode()).hexdigest()[:_DIGEST_HEX], 16)
