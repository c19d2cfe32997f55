"""What `hpts verify` says of books that are sound: nothing, whatever happened in them."""

import os
from collections.abc import Callable

import pytest

from hpts.database import Snapshot
from hpts.proving.checkpoints import Evidence, evidence
from hpts.proving.verifying import verify
from schemas.chain import entry_hash
from tests.books.ledger import BEGINNING
from tests.proving.small_ledger import (
    KEY,
    SmallLedger,
    fill,
    partitions_of,
    signed,
    verified,
)

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


def test_a_partition_of_which_nothing_was_signed_in_time_is_a_finding(
    small_ledger: SmallLedger,
) -> None:
    began = int(BEGINNING.timestamp()) * 1_000_000
    with small_ledger.connect() as connection:
        shot, nothing = Snapshot(connection), Evidence()
        overdue = verify(shot, nothing, due=began + 3_600_000_000)
        young = verify(shot, nothing, due=began)
        undemanded = verify(shot, nothing)
    with_entries = {one["partition_id"] for one in map(dict, (f.place for f in overdue.findings))}
    assert {one.check for one in overdue.findings} == {"checkpoint"}
    assert len(with_entries) == len(overdue.findings) == len(young.notes) > 1
    assert young.findings == undemanded.findings == []
    assert young.notes == undemanded.notes


def test_books_that_follow_another_topic_than_the_ledger_are_told(
    small_ledger: SmallLedger,
) -> None:
    with small_ledger.connect() as connection:
        connection.execute(
            "INSERT INTO ledger_settings (partition_count, group_id, commands_topic_id, "
            "outcomes_topic_id, schema_version) VALUES (4, 'a group', 'a topic', 'another', 1)"
        )
        assert verified(connection, Evidence()).is_sound
        connection.execute("UPDATE ledger_settings SET commands_topic_id = 'of another ledger'")
        found = verified(connection, Evidence()).findings
        connection.rollback()
    assert [(one.check, one.place["partition_id"]) for one in found] == [
        ("topic", partition_id) for partition_id in range(4)
    ]


def test_the_last_checkpoint_is_that_of_most_entries_whatever_its_number(
    small_ledger: SmallLedger,
) -> None:
    """Numbers begin anew where a database was lost: a position taken back is found all the same."""
    with small_ledger.connect() as connection:
        partition = max(partitions_of(connection), key=lambda one: one["last_entry_seq"])
        place, count = partition["partition_id"], partition["last_entry_seq"]
        messages = [*signed(partition, [1, 2, 3]), *signed(partition, [count])]
        found = evidence(messages, KEY.public_key())
        last = found.last(place)
        assert last is not None
        assert (last.number, last.entry_seq) == (1, count)
        assert verified(connection, found).is_sound
        connection.execute(
            "UPDATE partitions SET next_offset = next_offset - 1 WHERE partition_id = %s", (place,)
        )
        assert "position" in {one.check for one in verified(connection, found).findings}
        connection.rollback()
