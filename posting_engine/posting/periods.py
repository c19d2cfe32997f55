"""Closing a month: decided once, on the tenant's own partition, then told to every partition."""

from datetime import timedelta

from posting_engine.posting.loan import format_instant
from posting_engine.posting.page import Decision, Page, Place, Posting
from posting_engine.posting.refusals import Refusal
from schemas import ids
from schemas.commands import PeriodClose, PeriodClosed


def close(command: PeriodClose, place: Place, page: Page) -> Decision:
    """Decide to close a month. The first close may name any month, and closes all before it."""
    wanted = command.closed_through
    if place.posted_at.date() <= wanted:
        return Refusal("period_not_ended", f"The month ends on {wanted.isoformat()}.")
    already = page.closed_through.get(command.tenant_id)
    if already is not None and wanted <= already:
        return Refusal(
            "period_already_closed", f"The books are closed through {already.isoformat()}."
        )
    if already is not None and already + timedelta(days=1) != wanted.replace(day=1):
        return Refusal(
            "earlier_period_open", f"The books are closed through {already.isoformat()} only."
        )
    told = tuple(
        PeriodClosed(
            tenant_id=command.tenant_id,
            idempotency_key=f"{ids.root_key(command.idempotency_key)}/{partition_id}",
            fingerprint=command.fingerprint,
            accepted_at=command.accepted_at,
            actor=command.actor,
            rules_version=command.rules_version,
            closed_through=wanted,
            partition_id=partition_id,
        )
        for partition_id in range(page.partition_count)
    )
    return Posting(result=_result(command, place), closed_through=wanted, follow_ups=told)


def closed(command: PeriodClosed, place: Place, page: Page) -> Decision:
    """Apply the decision to one partition; what is closed only ever rises."""
    already = page.closed_through.get(command.tenant_id, command.closed_through)
    closed_through = max(already, command.closed_through)
    return Posting(result=_result(command, place), closed_through=closed_through)


def _result(command: PeriodClose | PeriodClosed, place: Place) -> dict[str, object]:
    return {
        "period": command.closed_through.isoformat()[:7],
        "status": "closed",
        "closed_at": format_instant(place.posted_at),
    }
