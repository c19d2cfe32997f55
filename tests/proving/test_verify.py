"""What `hpts verify` says of books that are sound: nothing, whatever happened in them."""

import os
from collections.abc import Callable

import pytest

from schemas.chain import entry_hash
from tests.proving.small_ledger import SmallLedger, fill

CLEAN_RUNS = int(os.environ.get("HPTS_CLEAN_RUNS", "2"))


def test_sound_books_raise_no_alarm(small_ledger: SmallLedger) -> None:
    report = small_ledger.verify()
    assert [finding.as_json() for finding in report.findings] == []
    assert report.entries > 150
    assert report.covered == report.entries
    assert report.notes == []


@pytest.mark.parametrize("seed", range(CLEAN_RUNS))
def test_no_other_history_raises_one_either(
    fresh_ledger: Callable[[], tuple[str, str]], seed: int
) -> None:
    report = fill(*fresh_ledger(), commands=150, seed=seed).verify()
    assert [finding.as_json() for finding in report.findings] == []
    assert report.covered == report.entries > 20


def test_the_verifier_s_canonical_bytes_are_the_engine_s(small_ledger: SmallLedger) -> None:
    """Two encoders, one definition: by the columns as the driver gives them, not by texts."""
    with small_ledger.connect() as connection:
        cursor = connection.execute(
            "SELECT e.*, (SELECT json_agg(json_build_array(account_code, direction, amount_minor,"
            " currency, layer, loan_id, borrower_id, external_ref) ORDER BY sequence) FROM"
            " journal_lines AS j WHERE (j.partition_id, j.entry_seq) = (e.partition_id,"
            " e.entry_seq)) AS lines, lag(entry_hash, 1, %s) OVER (PARTITION BY partition_id"
            " ORDER BY entry_seq) AS previous FROM journal_entries AS e",
            (bytes(32),),
        )
        names = [column.name for column in cursor.description or ()]
        for row in cursor.fetchall():
            fields = dict(zip(names, row, strict=True))
            stored, previous = fields.pop("entry_hash"), fields.pop("previous")
            del fields["command_offset"]
            assert entry_hash(previous, **fields) == stored
