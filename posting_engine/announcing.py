"""Telling of what was committed: the waiting ingress of its outcomes, people of quarantines.

Nothing may be told of a verdict before its transaction.
"""

import structlog

from posting_engine import metrics
from posting_engine.log import Sender
from posting_engine.verdict import Verdict
from schemas import codec

_log = structlog.get_logger()


def announce(verdict: Verdict, sender: Sender) -> None:
    """Tell of a verdict that was committed. What is lost of it costs latency, not truth."""
    metrics.note_applied(verdict)
    told = [(to, one) for to, one in verdict.announcements if to is not None]
    values = [codec.encode(one) for _, one in told]  # first, so that they leave together
    for (to, one), value in zip(told, values, strict=True):
        sender.announce(to, one.command_id.bytes, value)
    _log.debug(
        "batch",
        outcomes=len(verdict.outcomes),
        entries=len(verdict.links) + sum(part.link is not None for part in verdict.parts),
        dead_letters=len(verdict.dead_letters),
    )
    for fact in verdict.quarantines:
        _log.error(
            "loan quarantined",
            partition=fact.partition_id,
            offset=fact.command_offset,
            loan=str(fact.loan_id),
            reason=fact.reason,
        )
