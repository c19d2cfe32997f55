"""Deciding a batch: offset order within each partition, effects visible to what follows.

No I/O: pages and earlier outcomes go in, a verdict comes out, to be recorded in one
transaction. How a log is cut into batches never shows in what is decided.
"""

from collections.abc import Mapping, Sequence

from posting_engine import halts, quarantine_rows
from posting_engine.positions import Position
from posting_engine.posting.decide import decide as decide_by_the_rules
from posting_engine.posting.page import Page, Place
from posting_engine.quarantine import Case, Decide, hear
from posting_engine.quarantine_rows import Waiting
from posting_engine.resolving import resolve
from posting_engine.verdict import DeadLetterRow, Item, KeyOfCommand, Verdict
from schemas.codec import Outcome
from schemas.cut_over import CutOver
from schemas.quarantine import DEAD_LETTER, QuarantineReject, QuarantineResume


def decide_batch(
    items: Sequence[Item],
    pages: Mapping[int, Page],
    earlier: dict[KeyOfCommand, Outcome],
    before: Mapping[int, Position],
    *,
    waiting: Sequence[Waiting] = (),
    decide: Decide = decide_by_the_rules,
) -> Verdict:
    """Decide items in the order given. `waiting` is what the one resolution is about, if any."""
    verdict = Verdict(before=before, after=dict(before))
    for item in items:
        record = item.record
        position = verdict.after[record.partition_id]
        posted_at = max(record.appended_at, position.last_appended_at)
        place = Place(record.partition_id, record.offset, posted_at)
        if isinstance(item.content, str):
            verdict.dead_letters.append(DeadLetterRow(record, item.content))
            letter = quarantine_rows.to_publish(record, DEAD_LETTER, item.content)
            verdict.to_publish.append(letter)
        elif not isinstance(item.content, CutOver):  # a seal that fits moves the position alone
            page = pages[record.partition_id]
            _decide_one(Case(item, place, page, verdict, earlier, decide), waiting)
        verdict.after[record.partition_id] = verdict.after[record.partition_id].applied(
            record.offset + 1,
            # What is hidden can never be read again, so it cannot witness that the log is the same.
            None if item.content == halts.HIDDEN else record.hash,
            posted_at,
        )
    return verdict


def _decide_one(case: Case, waiting: Sequence[Waiting]) -> None:
    command = case.item.content
    if isinstance(command, str | CutOver):
        raise TypeError("a record that is no command is not decided")
    key = (case.place.partition_id, command.tenant_id, command.idempotency_key)
    known = case.earlier.get(key)
    if known is not None and not command.dry_run:
        # The sender may be waiting for an answer that went to a process that is gone.
        case.verdict.announcements.append((case.item.record.reply_partition, known))
    elif isinstance(command, QuarantineResume | QuarantineReject):
        resolve(case, command, waiting)
    else:
        hear(case, command)
