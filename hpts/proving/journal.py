"""One partition's journal, held against its own hashes and against what was signed of it.

Independent of the engine: it knows the canonical bytes (docs/verification.md) and nothing of how
entries come about. The same for rows of the database and for an export.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from hpts.proving.findings import Finding
from schemas.chain import GENESIS
from schemas.checkpoints import Checkpoint
from schemas.merkle import Frontier

VERSION: Final = "hpts-entry-2"
SEQ, TENANT, ENTRY_ID, BOOKED_ON, POSTED_MICROS, LINES = 2, 3, 4, 9, 10, 18
"""Places in an entry's canonical array that are looked at here."""
LINE_MEMBERS: Final = 8
SUB_BALANCES: Final = {"1100": 0, "1200": 1, "1300": 2, "2100": 3, "2000": 4}
"""Account -> its place among a loan's principal, interest, fees, suspense and unsettled."""
OWED: Final = ("1100", "1200", "1300")
"""Those that a debit raises."""
_GROW_AT: Final = 4_096

Line = Sequence[Any]
"""account, direction, amount, currency, layer, loan, borrower, reference."""


class Journal:
    """One partition's entries, fed in order. `findings` is what does not hold. With `sums`, `loans`
    and `days` are what the lines add up to: loan -> sub-balances, account day -> debits, credits.
    """

    def __init__(
        self, partition_id: int, checkpoints: Iterable[Checkpoint] = (), *, sums: bool = False
    ) -> None:
        self.partition_id, self.lines = partition_id, 0
        self.last_seq, self.head, self.covered = 0, GENESIS, 0
        self.first_posted: int | None = None
        self.findings: list[Finding] = []
        self.loans: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * len(SUB_BALANCES))
        self.days: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
        self._signed: dict[int, list[Checkpoint]] = defaultdict(list)
        for checkpoint in checkpoints:
            self._signed[checkpoint.entry_seq].append(checkpoint)
        self._frontier, self._hashes = Frontier(), list[bytes]()
        self._is_changed, self._last_posted = False, 0
        self._sums = sums

    def find(self, check: str, told: str, **place: str | int) -> None:
        """Note a fault of this partition."""
        self.findings.append(Finding(check, told, {"partition_id": self.partition_id, **place}))

    def feed(self, entry: Sequence[Any], canonical: bytes, stored: bytes) -> None:
        """The next entry: its canonical array, the same as bytes, and the hash kept with it."""
        seq: int = entry[SEQ]
        if seq != self.last_seq + 1:
            self.find("gap", f"it follows entry {self.last_seq}", entry_seq=seq)
        if stored != sha256(self.head + canonical).digest():
            told = "its hash is not that of the entry before it and its own bytes"
            self.find("hash", told, entry_seq=seq, journal_entry_id=entry[ENTRY_ID])
        # On from what is kept, so that only what was changed is named.
        self.head, self.last_seq = stored, seq
        posted = entry[POSTED_MICROS]
        if self.first_posted is None:
            self.first_posted = posted
        if posted is None or posted < self._last_posted:
            self.find("order", "it was posted before the entry before it", entry_seq=seq)
        else:
            self._last_posted = posted
        lines = entry[LINES]
        self.lines += len(lines)
        for place, told in faults_of_lines(lines):
            self.find("balance", told, entry_seq=seq, journal_entry_id=entry[ENTRY_ID], **place)
        if self._signed:
            self._hashes.append(stored)
            if seq in self._signed or len(self._hashes) == _GROW_AT:
                self._frontier, self._hashes = self._frontier.grown(self._hashes), []
                self._compare(seq)
        if self._sums:
            self._add(entry, lines)

    def end(self, chain_head: bytes, last_seq: int) -> None:
        """After the last entry: hold it against where the partition says it stands, and against
        what was signed of entries that are not there.
        """
        if last_seq != self.last_seq:
            told = f"the partition counts {last_seq} entries, and the last one is {self.last_seq}"
            self.find("gap", told, entry_seq=self.last_seq)
        if chain_head != self.head:
            self.find("chain_head", "the partition's chain head is not its last entry's hash")
        ahead = [seq for seq in self._signed if seq > self.last_seq]
        if ahead:
            checkpoint = self._signed[max(ahead)][0]
            told = (
                f"checkpoint {checkpoint.number} of {checkpoint.made_at} has signed "
                f"{checkpoint.entry_seq} entries, {self.last_seq} are there: the end was cut off"
            )
            place = {"entry_seq": self.last_seq, "checkpoint": checkpoint.number}
            self.find("checkpoint", told, **place)

    def _compare(self, seq: int) -> None:
        """Hold the journal against what was signed of it; only the first difference is told."""
        for checkpoint in self._signed.get(seq, ()):
            is_same = (checkpoint.chain_head, checkpoint.merkle_root) == (
                self.head,
                self._frontier.root(),
            )
            if is_same and not self._is_changed:
                self.covered = seq
            elif not self._is_changed:
                self._is_changed = True
                told = (
                    f"entries {self.covered + 1} to {seq} are not those that checkpoint "
                    f"{checkpoint.number} of {checkpoint.made_at} has signed"
                )
                self.find("checkpoint", told, entry_seq=seq, checkpoint=checkpoint.number)

    def _add(self, entry: Sequence[Any], lines: Sequence[Line]) -> None:
        tenant, booked_on, posted_on = entry[TENANT], entry[BOOKED_ON], day_of(entry[POSTED_MICROS])
        for account, direction, amount, currency, layer, loan, *_ in lines:
            is_debit = direction == "DR"
            self.days[tenant, account, currency, layer, booked_on, posted_on][not is_debit] += (
                amount
            )
            if loan is not None and layer == "SETTLED" and account in SUB_BALANCES:
                raises = is_debit == (account in OWED)
                self.loans[tenant, loan][SUB_BALANCES[account]] += amount if raises else -amount


def faults_of_lines(lines: Sequence[Line]) -> Iterator[tuple[dict[str, int], str]]:
    """What does not hold of an entry's lines: the line, if it is one, and how."""
    if len(lines) == 2:
        (_, side, amount, currency, layer, *_), (_, other, same, *others) = lines
        if amount == same > 0 and {side, other} == {"DR", "CR"} and others[:2] == [currency, layer]:
            return
    if len(lines) < 2:
        yield {}, f"it has {len(lines)} lines"
    exceeds_minor: dict[tuple[str, str], int] = defaultdict(int)
    for number, (_, side, amount, currency, layer, *_) in enumerate(lines, 1):
        if side not in ("DR", "CR") or amount <= 0:
            yield {"line": number}, f"{side} {amount} is no debit or credit"
        exceeds_minor[currency, layer] += amount if side == "DR" else -amount
    for (currency, layer), difference_minor in exceeds_minor.items():
        if difference_minor:
            yield {}, f"its debits exceed its credits by {difference_minor} {currency}, {layer}"


@lru_cache(maxsize=8)
def _day(days: int) -> str:
    return datetime.fromtimestamp(days * 86_400, UTC).date().isoformat()


def day_of(posted_micros: int | None) -> str:
    """The day of an instant, in UTC."""
    return "" if posted_micros is None else _day(posted_micros // 86_400_000_000)
