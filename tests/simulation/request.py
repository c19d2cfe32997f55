"""What a client asks for, before and after ingress has accepted it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid5

from schemas.codec import encode
from schemas.commands import AnyCommand

TENANTS: Final = (
    UUID("7d3ffb8e-6d2b-4f37-8fd2-6d33b6b2a0c1"),
    UUID("0a1b2c3d-0000-4000-8000-00000000beef"),
)
BREAKS: Final = "breaks"
"""The description of a payment that breaks the engine until it is mended."""

BORROWER: Final = UUID("5a0c34a4-3f0b-4a4e-9a86-0b4f6f2fd1f3")
UNKNOWN_INSTANT: Final = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Request:
    """One request of a client: a command, or the chunks of a batch. Complete once accepted."""

    tenant_id: UUID
    key: str
    commands: tuple[AnyCommand, ...]
    is_batch: bool = False

    @cached_property
    def fingerprint(self) -> bytes:
        """Tells a retry from another request."""
        return sha256(b"".join(map(encode, self.as_if_accepted(UNKNOWN_INSTANT)))).digest()

    def as_if_accepted(self, accepted_at: datetime) -> list[AnyCommand]:
        """The commands as they would be sent if ingress accepted the request then."""
        return [replace(c, accepted_at=accepted_at, fingerprint=b"f" * 32) for c in self.commands]

    def accepted(self, accepted_at: datetime) -> "Request":
        """The request with what ingress adds to it."""
        fingerprint = self.fingerprint
        added: dict[str, Any] = {"accepted_at": accepted_at, "fingerprint": fingerprint}
        return replace(self, commands=tuple(replace(c, **added) for c in self.commands))


def loan_number(tenant_id: UUID, number: int) -> UUID:
    """The same loan for the same number, in every run."""
    return uuid5(tenant_id, f"loan {number}")
