"""A log that differs in one bit gives other books."""

from collections.abc import Callable
from typing import Any

from confluent_kafka import Producer

from hpts.database import Administrator, administrator
from hpts.rebuilding import rebuild
from schemas import codec, signing
from schemas.topics import COMMANDS, SIGNATURE_HEADER
from tests.books import ledger
from tests.books.conftest import cluster, fresh_ledger
from tests.faults.own_ledger import OwnLedger, Servers
from tests.rebuilding import written_log

__all__ = ["cluster", "fresh_ledger"]
FreshLedger = Callable[[], tuple[str, str]]


def test_one_changed_bit_in_one_command_changes_the_digest(
    servers: Servers, fresh_ledger: FreshLedger
) -> None:
    commands = written_log.mixed_commands(fresh_ledger, seed=8)[:200]
    digests = []
    for changes in (False, True):
        own = OwnLedger(servers, partition_count=ledger.PARTITIONS)
        try:
            key = written_log.signing_key(own)
            producer = Producer({"bootstrap.servers": own.bootstrap})
            for number, (partition_id, command) in enumerate(commands):
                value = bytearray(codec.encode(command))
                if changes and number == 150:
                    value[-1] ^= 1
                signature = signing.sign(key, bytes(value))
                producer.produce(
                    COMMANDS,
                    bytes(value),
                    b"k",
                    partition_id,
                    headers=[(SIGNATURE_HEADER, signature)],
                )
            producer.flush(10)
            rebuild.rebuild(own.admin_dsn, own.bootstrap, "rebuilt")
            with administrator(own.admin_dsn) as database:
                digests.append(_without_instants(database))
        finally:
            own.close()
    assert digests[0] != digests[1]


def _without_instants(database: Administrator) -> list[Any]:
    """Two topics never have the same append times, so what hangs on them is left out."""
    with database.snapshot("rebuilt"):
        return [
            list(database.copied(f"SELECT {what} ORDER BY 1, 2, 3"))
            for what in (
                "partition_id, command_offset, result::text, fingerprint, status"
                " FROM command_outcomes",
                "partition_id, command_offset, reason FROM dead_letters",
                "partition_id, loan_id, principal_minor, interest_minor, status FROM loans",
            )
        ]
