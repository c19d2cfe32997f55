"""Random edits of history by a superuser: with what was signed, every one of them is found."""

import os
from random import Random

from tests.proving.small_ledger import SmallLedger, verified
from tests.proving.tampering import DEFERRED, edit

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
