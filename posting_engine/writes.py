"""From a verdict to the statements that write it, in order. No driver here."""

from collections.abc import Mapping, Sequence
from typing import Any

from posting_engine import accrual_rows, quarantine_rows, rows
from posting_engine.pages import Pages, Statement
from posting_engine.positions import Position
from posting_engine.verdict import Verdict


def writes_of(verdict: Verdict, pages: Pages) -> list[Statement]:
    """The statements that write a verdict, in order: the positions first, which fences."""
    moved = [p for p, after in verdict.after.items() if after != verdict.before[p]]
    written: list[Statement] = [("move_position", _moves(verdict, moved))]
    if verdict.dead_letters:
        written.append(("insert_dead_letters", _dead_letter_columns(verdict)))
    written += _quarantine_writes(verdict)
    if verdict.outcomes:
        written.append(("insert_outcomes", rows.outcome_columns(verdict.outcomes)))
    if verdict.touched_loans:
        written += _loan_writes(verdict, pages)
    if verdict.disbursed:
        disbursed = [(key[0], key[1], amount) for key, amount in verdict.disbursed.items()]
        written.append(("put_disbursements", rows.disbursement_columns(disbursed)))
    if verdict.disbursement_entries:
        links = rows.disbursement_entry_columns(verdict.disbursement_entries)
        written.append(("insert_disbursement_entries", links))
    if verdict.closes:
        written.append(("put_closed_periods", rows.closed_through_columns(verdict.closes)))
        written.append(("insert_period_closes", rows.close_columns(verdict.closes)))
    if verdict.follow_ups:
        written.append(("insert_follow_ups", rows.follow_up_columns(verdict.follow_ups)))
    if verdict.targets:
        written.append(("insert_reversal_targets", rows.target_columns(verdict.targets)))
    if verdict.links:
        written += [
            ("insert_entries", rows.entry_columns(verdict.links)),
            ("insert_lines", rows.line_columns(verdict.links)),
            ("add_account_days", rows.account_day_columns(verdict.links)),
        ]
    written += accrual_rows.writes_of(verdict.parts)
    if verdict.links or verdict.parts:
        written.append(("check_balance", _written_ranges(verdict, moved)))
    return written


def _quarantine_writes(verdict: Verdict) -> list[Statement]:
    written: list[Statement] = []
    if verdict.unqueued:
        unqueued = quarantine_rows.unqueued_columns(verdict.unqueued)
        written.append(("delete_quarantined_commands", unqueued))
    if verdict.broken_again:
        broken = quarantine_rows.quarantine_columns(verdict.broken_again)
        written.append(("update_quarantined_commands", broken))
    if verdict.queued:
        queued = quarantine_rows.quarantined_columns(verdict.queued)
        written.append(("insert_quarantined_commands", queued))
    if verdict.quarantines:
        facts = quarantine_rows.quarantine_columns(verdict.quarantines)
        written.append(("insert_quarantines", facts))
    if verdict.to_publish:
        letters = quarantine_rows.outgoing_columns(verdict.to_publish)
        written.append(("insert_outgoing_dead_letters", letters))
    return written


def _loan_writes(verdict: Verdict, pages: Pages) -> list[Statement]:
    opened, changed = [], []
    for partition_id, tenant_id, loan_id in verdict.touched_loans:
        loan = pages.by_partition[partition_id].loans[tenant_id, loan_id]
        read_version = pages.read_versions.get((partition_id, tenant_id, loan_id))
        if read_version is None:
            opened.append((partition_id, loan, 0))
        else:
            changed.append((partition_id, loan, read_version))
    written: list[Statement] = []
    if opened:
        written.append(("insert_loans", rows.loan_columns(opened)))
    if changed:
        written.append(("update_loans", rows.loan_columns(changed)))
    return written


def _moves(verdict: Verdict, moved: Sequence[int]) -> dict[str, Any]:
    before = [verdict.before[p] for p in moved]
    after = [verdict.after[p] for p in moved]
    return {
        **lease_columns(before),
        "topic_ids": [position.topic_id for position in before],
        "expected_offsets": [position.next_offset for position in before],
        "next_offsets": [position.next_offset for position in after],
        "record_hashes": [position.last_record_hash for position in after],
        "appended_at": [position.last_appended_at for position in after],
        "entry_seqs": [position.last_entry_seq for position in after],
        "chain_heads": [position.chain_head for position in after],
        "quarantined_counts": [position.quarantined_count for position in after],
    }


def _written_ranges(verdict: Verdict, moved: Sequence[int]) -> dict[str, Any]:
    return {
        "partition_ids": list(moved),
        "first_seqs": [verdict.before[p].last_entry_seq + 1 for p in moved],
        "last_seqs": [verdict.after[p].last_entry_seq for p in moved],
    }


def _dead_letter_columns(verdict: Verdict) -> dict[str, Any]:
    records = [letter.record for letter in verdict.dead_letters]
    return {
        "partition_id": [record.partition_id for record in records],
        "command_offset": [record.offset for record in records],
        "appended_at": [record.appended_at for record in records],
        "reason": [letter.reason for letter in verdict.dead_letters],
        "record_key": [record.key for record in records],
        "record_value": [record.value for record in records],
        "record_headers": [quarantine_rows.headers_json(record) for record in records],
    }


def notes_of_ends(
    at_end: Sequence[Position], readable: Mapping[int, int], written: Mapping[int, int]
) -> list[Statement]:
    """The statements that record where the log ends, and what has been reached there."""
    asked: list[Statement] = []
    if at_end:
        reached = {"reached_at": [position.reached_at for position in at_end]}
        asked.append(("note_reached", lease_columns(at_end) | reached))
    if known := sorted(readable.keys() & written.keys()):
        ends = {
            "partition_ids": known,
            "readable_offsets": [readable[p] for p in known],
            "written_offsets": [written[p] for p in known],
        }
        asked.append(("note_ends", ends))
    return asked


def columns_named(names: Sequence[str], keys: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """Keys as arrays, one a member."""
    return {name: [key[place] for key in keys] for place, name in enumerate(names)}


def lease_columns(held: Sequence[Position]) -> dict[str, Any]:
    """The partitions and the epochs that they are held by."""
    return {
        "partition_ids": [position.partition_id for position in held],
        "lease_epochs": [position.lease_epoch for position in held],
    }
