"""What became of a batch: the outcomes of its chunks, added up as they come. Pure.

Only sums are kept. Which loans were refused is read at `GET /accruals/{id}/rejections`.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from hpts_client.chunks import Acceptance
from schemas import ids
from schemas.codec import Outcome
from schemas.money import format_minor

_QUARANTINED: Final = "quarantined"
_POSTED: Final = "posted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A batch all of whose chunks are known. `chunks_held` wait for an operator.

    `rejections`: code -> how many loans. `is_resumed`: an earlier run had begun it.
    """

    idempotency_key: str
    accrual_event_id: UUID
    journal_entry_id: UUID | None
    command_id: UUID
    loan_count: int
    total_accrued_minor: int
    rejections: dict[str, int]
    principal_mismatch_count: int
    posted_at: str | None
    chunks_total: int
    chunks_held: int
    is_resumed: bool
    seconds: float

    @property
    def rejected_count(self) -> int:
        """Loans that could not accrue."""
        return sum(self.rejections.values())

    @property
    def is_all_posted(self) -> bool:
        """Whether every loan of the batch has accrued."""
        return not self.rejections and not self.chunks_held

    def members(self) -> dict[str, Any]:
        """As JSON: named and spelled as the API does."""
        entry_id = self.journal_entry_id
        return {
            "idempotency_key": self.idempotency_key,
            "accrual_event_id": str(self.accrual_event_id),
            "journal_entry_id": None if entry_id is None else str(entry_id),
            "command_id": str(self.command_id),
            "loan_count": self.loan_count,
            "total_accrued_minor": format_minor(self.total_accrued_minor),
            "rejected_count": self.rejected_count,
            "rejections": self.rejections,
            "principal_mismatch_count": self.principal_mismatch_count,
            "posted_at": self.posted_at,
            "chunks_total": self.chunks_total,
            "chunks_held": self.chunks_held,
            "resumed": self.is_resumed,
            "seconds": round(self.seconds, 3),
        }


@dataclass(slots=True)
class Tally:
    """The sums so far."""

    chunks_total: int
    loan_count: int = 0
    total_accrued_minor: int = 0
    principal_mismatch_count: int = 0
    chunks_held: int = 0
    has_entry: bool = False
    is_resumed: bool = False
    posted_at: str | None = None
    rejections: Counter[str] = field(default_factory=Counter)

    def take(self, outcome: Outcome) -> int | None:
        """Add one chunk's outcome; each must be given once. How many loans it tells of; None where
        the chunk is held, and nothing is known of its loans.
        """
        if outcome.status == _QUARANTINED:
            self.chunks_held += 1
            return None
        result: dict[str, Any] = json.loads(outcome.result)
        rejected = [one["code"] for one in result.get("rejections", ())]
        self.rejections.update(rejected)
        posted_at = result.get("posted_at")
        if posted_at is not None:
            self.posted_at = max(self.posted_at or posted_at, posted_at)
        if outcome.status != _POSTED:
            return len(rejected)
        self.loan_count += result["loan_count"]
        self.total_accrued_minor += int(result["total_accrued_minor"])
        self.principal_mismatch_count += result["principal_mismatch_count"]
        self.has_entry |= result["journal_entry_id"] is not None
        return int(result["loan_count"]) + len(rejected)

    def report(self, acceptance: Acceptance, seconds: float) -> Report:
        """The whole, once every chunk was taken."""

        def derived(kind: str) -> UUID:
            return ids.derive(
                kind,
                tenant_id=acceptance.tenant_id,
                key=acceptance.idempotency_key,
                accepted_at=acceptance.accepted_at,
                partition_id=ids.IN_PARTS,
            )

        return Report(
            idempotency_key=acceptance.idempotency_key,
            accrual_event_id=derived(ids.ACCRUAL_EVENT),
            journal_entry_id=derived(ids.JOURNAL_ENTRY) if self.has_entry else None,
            command_id=derived(ids.COMMAND),
            loan_count=self.loan_count,
            total_accrued_minor=self.total_accrued_minor,
            rejections=dict(sorted(self.rejections.items())),
            principal_mismatch_count=self.principal_mismatch_count,
            posted_at=self.posted_at,
            chunks_total=self.chunks_total,
            chunks_held=self.chunks_held,
            is_resumed=self.is_resumed,
            seconds=seconds,
        )
