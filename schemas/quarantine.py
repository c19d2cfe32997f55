"""What stands still until an operator decides: the commands that decide it, and what is published.

A command that would break a rule of the ledger, or whose rows Postgres refuses, quarantines its
loan. Its later commands wait in order; resuming and rejecting are commands in the log themselves.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from schemas.commands import (
    Command,
    PayoffReversal,
    PeriodClosed,
    RefinanceOpening,
    RefinanceRelease,
)

CANNOT_BE_REFUSED: Final = (RefinanceOpening, RefinanceRelease, PayoffReversal, PeriodClosed)
"""Follow-up steps that an operator can only resume: what came before them has posted."""

DEAD_LETTER: Final = "dead_letter"
QUARANTINE: Final = "quarantine"
"""Kinds of `DeadLetter`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineResume(Command):
    """Decide again what waits for a quarantined command's loan.

    `loan_id` as in `quarantined_commands` (the zero UUID for what concerns no loan); None: every
    loan that this command quarantined, an accrual chunk's.
    """

    command_id: UUID
    partition_id: int
    loan_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineReject(QuarantineResume):
    """Refuse a quarantined command, then decide again what waits behind it."""

    explanation: str


Resolution = QuarantineResume | QuarantineReject


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One message of the dead letters topic: a record that was not applied, and why.

    `value` is left out, and `value_length` says how long it was, where the message would not fit
    the topic; the table and the log have it. Of a quarantine: `loan_id` (zero: no loan) and
    `decided_offset`, the offset that was being applied when it broke.
    """

    partition_id: int
    command_offset: int
    kind: str
    reason: str
    key: bytes | None
    value: bytes | None
    value_length: int
    headers: tuple[tuple[str, bytes | None], ...]
    appended_at: datetime
    tenant_id: UUID | None = None
    loan_id: UUID | None = None
    command_id: UUID | None = None
    decided_offset: int | None = None
