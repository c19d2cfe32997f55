"""What a rebuild takes as it was, what it judges anew, and how a difference is named."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from hpts.database import administrator
from hpts.local.ledger import register_signing_key
from hpts.rebuilding import schema
from hpts.rebuilding.diff import Comparison, compare
from hpts.rebuilding.digest import TABLES, digest
from hpts.rebuilding.replay import CannotReplay, Share, replay_partition
from hpts.rebuilding.source import Facts, SourceDamaged
from posting_engine.records import Record
from schemas import codec, signing
from schemas.commands import AnyCommand
from schemas.placement import place_of
from schemas.signing import SigningKey
from schemas.topics import SIGNATURE_HEADER
from tests.books import ledger

KEY = SigningKey("ours-1", b"s" * 64, None, datetime(2020, 1, 1, tzinfo=UTC), None)
LEDGER = schema.Ledger(ledger.PARTITIONS, "a topic")
LOAN = ledger.loan_number(1)
HOME = ledger.owner_of(LOAN)
NOT_DIGESTED = {
    "loans": {"quarantined", "version"},
    "partitions": None,
    "outgoing_commands": None,
    "outgoing_dead_letters": None,
}
"""Columns and whole tables that no digest holds: a mark that the queue tells better, a counter of
writes, positions and leases (entries and heads are in the digest), what is still to be sent."""


@dataclass
class Log:
    """A log in memory, as a source."""

    records: dict[int, list[Record]] = field(default_factory=dict)
    topic_id: str = "a topic"

    def append(self, command: AnyCommand) -> Record:
        value, (partition_id, key) = codec.encode(command), place_of(command, ledger.PARTITIONS)
        records = self.records.setdefault(partition_id, [])
        headers = ((SIGNATURE_HEADER, signing.sign(KEY, value)),)
        at = ledger.BEGINNING + timedelta(seconds=len(records))
        records.append(Record(partition_id, len(records), at, key, value, headers))
        return records[-1]

    def bounds(self) -> Mapping[int, tuple[int, int]]:
        return {p: (0, len(self.records.get(p, ()))) for p in range(ledger.PARTITIONS)}

    def read(self, partition_id: int, first: int, end: int) -> Iterator[Record]:
        yield from self.records.get(partition_id, [])[first:end]

    def facts(self) -> Facts:
        return Facts()


@dataclass
class Rebuilt:
    """A ledger without Kafka, and what logs in memory come to on it."""

    admin_dsn: str

    def replay(self, name: str, log: Log, facts: Facts | None = None, *, batch: int = 50) -> str:
        with administrator(self.admin_dsn) as database:
            schema.make(database, name, LEDGER, goes_on=True)
            share = Share(
                source=lambda: log,
                dsn=self.admin_dsn,
                schema=name,
                partition_count=ledger.PARTITIONS,
                ends={p: end for p, (_, end) in log.bounds().items()},
                facts=facts or Facts(),
                batch_records=batch,
            )
            for partition_id in share.ends:
                replay_partition(share, partition_id)
            schema.finish(database, name)
            return digest(database, name).sha256

    def compare(self, one: str, other: str) -> Comparison:
        with administrator(self.admin_dsn) as database:
            return compare(database, one, other)

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.admin_dsn) as connection:
            return connection.execute(statement).fetchall()


@pytest.fixture
def rebuilt(fresh_ledger: Callable[[], tuple[str, str]], tmp_path: Path) -> Rebuilt:
    secret = tmp_path / "secret"
    secret.write_bytes(KEY.secret)
    admin_dsn, _ = fresh_ledger()
    register_signing_key(admin_dsn, key_id=KEY.key_id, secret=secret)
    with psycopg.connect(admin_dsn) as connection:
        connection.execute("UPDATE hpts_edge.signing_keys SET valid_from = '2020-01-01'")
    return Rebuilt(admin_dsn)


def paid(amounts: Sequence[int]) -> Log:
    log = Log()
    log.append(ledger.disbursement("open", LOAN))
    for number, amount_minor in enumerate(amounts):
        log.append(ledger.payment(f"pay:{number}", LOAN, amount_minor))
    return log


def test_one_bit_of_one_amount_is_named_by_its_line(rebuilt: Rebuilt) -> None:
    first = rebuilt.replay("one", paid([10_00, 20_00, 30_00]))
    second = rebuilt.replay("other", paid([10_00, 20_00 ^ 1, 30_00]))

    assert first != second
    [difference] = rebuilt.compare("one", "other").differences
    assert (difference.table, difference.partition_id) == ("journal_entries", HOME)
    assert difference.key == {"partition_id": str(HOME), "entry_seq": "3"}
    assert difference.columns == ("entry_hash",)


@pytest.mark.parametrize("batch", [1, 2, 3, 1000])
def test_how_the_log_is_cut_never_shows(rebuilt: Rebuilt, batch: int) -> None:
    log = paid([10_00 + n for n in range(12)])
    assert rebuilt.replay("whole", log) == rebuilt.replay("cut", log, batch=batch)


@pytest.mark.parametrize(
    ("edit", "table", "columns"),
    [
        ("UPDATE journal_lines SET amount_minor = 1 WHERE entry_seq = 2 AND sequence = 1",
         "journal_lines", ("amount_minor",)),
        ("UPDATE loans SET principal_minor = principal_minor + 1", "loans", ("principal_minor",)),
        ("DELETE FROM journal_lines WHERE entry_seq = 2 AND sequence = 2", "journal_lines", ()),
        ("UPDATE command_outcomes SET result = '{}' WHERE idempotency_key = 'pay:1'",
         "command_outcomes", ("result",)),
        ("UPDATE partitions SET chain_head = decode(repeat('ab', 32), 'hex') WHERE partition_id = "
         f"{HOME}", "partitions", ("chain_head",)),
    ],
    ids=["line", "loan", "line-deleted", "outcome", "head"],
)  # fmt: skip
def test_a_corrupted_row_is_named(
    rebuilt: Rebuilt, edit: str, table: str, columns: tuple[str, ...]
) -> None:
    for name in ("sound", "damaged"):
        rebuilt.replay(name, paid([10_00, 20_00]))
    assert rebuilt.compare("sound", "damaged").are_equal
    with psycopg.connect(rebuilt.admin_dsn) as connection:
        connection.execute("SET search_path = damaged")
        connection.execute(edit)

    [found] = rebuilt.compare("damaged", "sound").differences

    assert (found.table, found.columns) == (table, columns)
    if not columns:
        assert (found.one is None, found.other is not None) == (True, True)
        assert found.key["sequence"] == "2"


def test_a_recorded_dead_letter_stays_one_whatever_the_code_would_decide(rebuilt: Rebuilt) -> None:
    facts = Facts({(HOME, 1): "malformed: by an earlier release"}, {})
    rebuilt.replay("books", paid([10_00, 20_00]), facts)
    assert rebuilt.ask("SELECT command_offset, reason FROM books.dead_letters") == [
        (1, "malformed: by an earlier release")
    ]
    assert rebuilt.ask("SELECT count(*) FROM books.journal_entries") == [(2,)]


def test_a_recorded_quarantine_holds_the_loan_again(rebuilt: Rebuilt) -> None:
    facts = Facts({}, {(HOME, 1, 1, LOAN): "broke, once"})
    rebuilt.replay("books", paid([10_00, 20_00]), facts)
    found = rebuilt.ask(
        "SELECT command_offset, reason FROM books.quarantined_commands ORDER BY command_offset"
    )
    assert found == [(1, "broke, once"), (2, None)]


def test_what_nobody_recorded_is_judged_anew(rebuilt: Rebuilt) -> None:
    log = paid([10_00])
    log.records[HOME].append(dataclasses.replace(log.records[HOME][1], offset=2, headers=()))
    rebuilt.replay("books", log)
    assert rebuilt.ask("SELECT reason FROM books.dead_letters") == [
        ("unsigned: no signature, or no value",)
    ]


def test_a_log_that_was_rewritten_is_not_gone_on_with(rebuilt: Rebuilt) -> None:
    rebuilt.replay("books", paid([10_00]))
    with pytest.raises(SourceDamaged, match="not the record that was applied"):
        rebuilt.replay("books", paid([10_01, 20_00]))
    other = paid([10_00, 20_00])
    other.topic_id = "another"
    with pytest.raises(CannotReplay, match="another"):
        rebuilt.replay("books", other)


def test_every_column_counts_or_is_known_not_to(rebuilt: Rebuilt) -> None:
    found = rebuilt.ask(
        "SELECT table_name, column_name FROM information_schema.columns JOIN "
        "information_schema.tables USING (table_schema, table_name) "
        "WHERE table_schema = 'hpts' AND table_type = 'BASE TABLE'"
    )
    forgotten = []
    for table, column in found:
        excused = NOT_DIGESTED.get(str(table), set())
        if excused is None or column in excused:
            continue
        if str(column) not in TABLES[str(table)].selected.replace(",", " ").split():
            forgotten.append((table, column))
    assert forgotten == []


def test_a_rebuilt_schema_is_what_the_migrations_make(rebuilt: Rebuilt) -> None:
    rebuilt.replay("books", paid([10_00]))
    told = {
        name: rebuilt.ask(
            "SELECT c.relname, c.relkind, c.relacl::text, c.relrowsecurity, c.relforcerowsecurity, "
            "pg_get_userbyid(c.relowner), coalesce(replace(pg_get_indexdef(c.oid), "
            f"'{name}.', ''), '') FROM pg_class AS c WHERE relnamespace = '{name}'::regnamespace "
            "ORDER BY 1"
        )
        for name in ("hpts", "books")
    }
    assert told["books"] == told["hpts"]
    grants = rebuilt.ask(
        "SELECT nspacl::text, nspowner FROM pg_namespace WHERE nspname IN ('hpts', 'books')"
    )
    assert grants[0] == grants[1]
    mark = rebuilt.ask("SELECT obj_description('books'::regnamespace)")[0][0]
    assert json.loads(str(mark).removeprefix("hpts replay: "))["indexes"] == []
