"""Random edits of history by a superuser: with what was signed, every one of them is found."""

import os
from random import Random

from hpts.proving.checkpoints import evidence
from tests.proving.small_ledger import KEY, SmallLedger, partitions_of, signed, verified
from tests.proving.tampering import DEFERRED, append_pair, edit

EDITS = int(os.environ.get("HPTS_TAMPER_EDITS", "150"))
SEED = int(os.environ.get("HPTS_TAMPER_SEED", "20261126"))


def test_every_edit_is_found_and_named(small_ledger: SmallLedger) -> None:
    evidence = small_ledger.evidence
    missed = []
    for number in range(EDITS):
        with small_ledger.connect() as connection:
            connection.execute(DEFERRED)
            done = edit(connection, Random(f"{SEED} {number}"))
            found = verified(connection, evidence).findings
            connection.rollback()
        told = [{"check": one.check, **one.place} for one in found]
        if not any(done.named.items() <= one.items() for one in told):
            missed.append(f"{number}: {done.told} ({done.named}): {told}")
    assert not missed, f"{len(missed)} of {EDITS}:\n" + "\n".join(missed)
    assert small_ledger.verify().is_sound


def test_an_appended_pair_is_found_though_an_engine_has_signed_it(
    small_ledger: SmallLedger,
) -> None:
    """Its link is right, so the next checkpoint covers it: those before it tell."""
    with small_ledger.connect() as connection:
        connection.execute(DEFERRED)
        done = append_pair(connection, Random(7), has_outcome=True)
        partition_id, entry_seq = done.named["partition_id"], done.named["entry_seq"]
        partition = partitions_of(connection)[partition_id]
        last = small_ledger.evidence.last(partition_id)
        assert last is not None
        messages = [*small_ledger.messages, *signed(partition, [entry_seq], after=last)]
        report = verified(connection, evidence(messages, KEY.public_key()))
        connection.rollback()
    found = [one.place for one in report.findings if one.check == "backdated"]
    assert {(one["partition_id"], one["entry_seq"]) for one in found} == {(partition_id, entry_seq)}
    assert report.covered == report.entries


def test_who_claims_to_have_waited_in_quarantine_must_have_been_resumed(
    small_ledger: SmallLedger,
) -> None:
    """Else an old record could be passed off as one that a later record resumed."""
    with small_ledger.connect() as connection:
        changed = connection.execute(
            "UPDATE command_outcomes SET resumed_offset = command_offset WHERE (partition_id, "
            "command_offset) = (SELECT partition_id, command_offset FROM command_outcomes "
            "WHERE resumed_offset IS NULL AND command_type = 'Payment' LIMIT 1) "
            "RETURNING partition_id"
        ).fetchone()
        found = verified(connection, small_ledger.evidence).findings
        connection.rollback()
    assert changed is not None
    assert [(one.check, one.place["partition_id"]) for one in found] == [
        ("outcome_sense", changed[0])
    ]
