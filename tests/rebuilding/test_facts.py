"""What a rebuild takes as it was, what it judges anew, and how a difference is named."""

import dataclasses
import json

import psycopg
import pytest

from hpts.rebuilding.digest import TABLES
from hpts.rebuilding.replay import CannotReplay
from hpts.rebuilding.schema import SchemaRefused
from hpts.rebuilding.source import Facts, SourceDamaged
from tests.rebuilding.memory_log import HOME, LOAN, Rebuilt, paid

NOT_DIGESTED = {
    "loans": {"quarantined", "version"},
    "partitions": None,
    "outgoing_commands": None,
    "outgoing_dead_letters": None,
}
"""Columns and whole tables that no digest holds: a mark that the queue tells better, a counter of
writes, positions and leases (entries and heads are in the digest), what is still to be sent."""


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


@pytest.mark.parametrize("name", ["hpts", "hpts_edge", "public", "Not_ours", "stranger"])
def test_no_schema_but_a_rebuild_is_written_to(rebuilt: Rebuilt, name: str) -> None:
    rebuilt.ask("CREATE SCHEMA stranger")
    with pytest.raises(SchemaRefused):
        rebuilt.replay(name, paid([10_00]))
    assert rebuilt.ask("SELECT count(*) FROM hpts.journal_entries") == [(0,)]
    assert rebuilt.ask(
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'stranger'::regnamespace"
    ) == [(0,)]


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
