"""The simulated store does what Postgres does: same calls, same answers, same errors, same rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest
from psycopg.rows import dict_row

from posting_engine import accrual_pages
from posting_engine.batch import decide_batch
from posting_engine.books import Books
from posting_engine.cuts import chunk_in, runs
from posting_engine.pages import Pages
from posting_engine.positions import DataRefused, Fenced, NotTheGroup, Position
from posting_engine.posting.accrual_columns import LoanColumns
from posting_engine.statements import STATEMENTS
from posting_engine.verdict import Item, Verdict
from tests.books.ledger import PARTITIONS
from tests.simulation import reference, statements
from tests.simulation.operators import a_build_that_breaks
from tests.simulation.run import simulate
from tests.simulation.server import GROUP, KEYS, Row

NOT_COMPARED = {
    "partitions": {"lease_taken_at"},
    "outgoing_commands": {"outgoing_seq"},
    "log_ends": {"seen_at"},
    "fenced_writers": {"fenced_at"},
}
EMPTY_AT_REST = {
    *("outgoing_commands", "outgoing_dead_letters", "quarantined_commands", "fenced_writers")
}
JSON = ("metadata", "details", "result", "record_headers")
CUTS = (1, 60, 2, 13)
PIN_THE_GROUP = """
    INSERT INTO hpts_edge.ledger_settings
        (partition_count, group_id, commands_topic_id, outcomes_topic_id, schema_version)
    VALUES (%s, %s, 'a topic', 'another', 1)
"""


class Pair:
    """The same calls on the simulated store and on real Postgres."""

    def __init__(self, admin_dsn: str, engine_dsn: str) -> None:
        self.admin_dsn = admin_dsn
        self.simulated, self.server = reference.books_without_faults(PARTITIONS)
        self.real = Books(engine_dsn)
        with psycopg.connect(admin_dsn) as connection:
            connection.execute(PIN_THE_GROUP, [PARTITIONS, GROUP])

    @property
    def stores(self) -> tuple[Books, Books]:
        return self.simulated, self.real

    def both(self, call: Callable[[Books], Any]) -> Any:
        """The answer, which must be the same of both, errors included."""
        answers = []
        for books in self.stores:
            try:
                answers.append(call(books))
            except (Fenced, DataRefused, NotTheGroup) as error:
                answers.append(type(error))
        assert answers[0] == answers[1]
        return answers[0]

    def assert_same_tables(self) -> None:
        """Every row of every table."""
        with psycopg.connect(
            self.admin_dsn, row_factory=dict_row, options="-c search_path=hpts,hpts_edge"
        ) as connection:
            for table in KEYS.keys() - {"idempotency_reservations"}:
                real = connection.execute(f"SELECT * FROM {table}").fetchall()
                ours = list(self.server.rows(table))
                assert _comparable(table, ours) == _comparable(table, real), table


def _comparable(table: str, rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    dropped = NOT_COMPARED.get(table, set())
    made = [{k: _plain(k, v) for k, v in row.items() if k not in dropped} for row in rows]
    return sorted(made, key=lambda row: tuple(str(row[name]) for name in KEYS[table]))


def _plain(name: str, value: Any) -> Any:
    if name in JSON and isinstance(value, str):
        return reference.from_json(value)
    return int(value) if isinstance(value, Decimal) else value


@pytest.fixture
def pair(fresh_ledger: Callable[[], tuple[str, str]]) -> Iterator[Pair]:
    made = Pair(*fresh_ledger())
    with a_build_that_breaks():
        yield made
    made.real.close()


@pytest.fixture(scope="module")
def items() -> Sequence[Item]:
    """A log as a run leaves it: duplicates, junk, gaps, steps between other commands."""
    for seed in range(200):
        run = simulate(seed)
        if run.broker is None or run.server is None or run.faults:
            continue
        written = all(run.server.tables[table] for table in KEYS.keys() - EMPTY_AT_REST)
        if written and len(run.broker.partitions) == PARTITIONS:
            return reference.log_of(run.broker)
    pytest.fail("no run writes every table")


def applied(pair: Pair, items: Sequence[Item]) -> dict[int, Position]:
    """Both stores after the log, in batches of several partitions; the positions."""
    held: dict[int, Position] = pair.both(lambda b: b.take_leases(range(PARTITIONS), "a test"))
    queues = [[i for i in items if i.record.partition_id == p] for p in range(PARTITIONS)]
    turn = 0
    while any(queues):
        cut = CUTS[turn % len(CUTS)]
        turn += 1
        batch = [item for queue in queues for item in queue[:cut]]
        queues = [queue[cut:] for queue in queues]
        for run in runs(batch):
            verdict, _ = recorded(pair, run, held)
            held.update(verdict.after)
        if pair.server.tables["quarantined_commands"] and turn % 3 == 0:
            pair.assert_same_tables()
    return held


def recorded(
    pair: Pair, run: Sequence[Item], held: Mapping[int, Position]
) -> tuple[Verdict, Pages]:
    """Decide what both stores load alike, and record it in both."""
    before = {p: held[p] for p in {item.record.partition_id for item in run}}
    pages = opened(pair, run, before)
    verdict = decide_batch(run, pages.by_partition, pages.earlier, before, waiting=pages.waiting)
    assert verdict.halts == {}
    # A rehearsal leaves nothing behind, or the record would collide with it.
    assert pair.both(lambda books: books.rehearse(verdict, pages)) is None
    assert pair.both(lambda books: books.record(verdict, pages)) is None
    return verdict, pages


def opened(pair: Pair, run: Sequence[Item], before: Mapping[int, Position]) -> Pages:
    """What both stores load alike; of a run of chunks, their loans in columns."""
    placed = [(item.record.partition_id, chunk_in(item)) for item in run]
    chunks = [(partition_id, chunk) for partition_id, chunk in placed if chunk is not None]
    if not chunks:
        pages: Pages = pair.both(lambda books: books.open_pages(run, before, PARTITIONS))
        return pages
    assert len(chunks) == len(run)
    opened_by = [accrual_pages.open_pages(b, chunks, before, PARTITIONS) for b in pair.stores]
    assert in_words(opened_by[0]) == in_words(opened_by[1])
    return opened_by[1]  # of the real one, since it alone knows where its rows lie


def in_words(pages: Pages) -> Any:
    """Pages with columns as lists, which can be compared."""
    columns = {
        key: {
            name: np.asarray(getattr(found, name)).tolist()
            for name in LoanColumns.__dataclass_fields__
            if name != "row_ids"
        }
        for page in pages.by_partition.values()
        for key, found in page.loan_columns.items()
    }
    bare = {p: replace(page, loan_columns={}) for p, page in pages.by_partition.items()}
    return columns, bare, pages.earlier


def test_the_same_log_leaves_the_same_rows(pair: Pair, items: Sequence[Item]) -> None:
    applied(pair, items)
    pair.assert_same_tables()
    filled = KEYS.keys() - {"idempotency_reservations", "quarantined_commands"}
    filled -= {"log_ends", "fenced_writers"}
    assert all(pair.server.tables[table] for table in filled)


def test_every_other_call_answers_the_same(pair: Pair, items: Sequence[Item]) -> None:
    held = applied(pair, items)
    everywhere = list(range(PARTITIONS))
    others_first = everywhere[::-1]
    waiting = pair.both(lambda b: b.outgoing("follow_up", everywhere, most=3, in_all=99))
    waiting += pair.both(lambda b: b.outgoing("chunk", others_first, most=2, in_all=3))
    letters = pair.both(lambda b: b.outgoing_dead_letters(everywhere, most=3, most_bytes=10**6))
    fewer = pair.both(lambda b: b.outgoing_dead_letters(everywhere, most=3, most_bytes=1))
    assert 0 < len(fewer) < len(letters)
    gone = [(row["partition_id"], row["outgoing_seq"]) for row in letters]
    pair.both(lambda b: b.forget_dead_letters(gone[:2]))
    keys = [(row["partition_id"], row["tenant_id"], row["idempotency_key"]) for row in waiting]
    pair.both(lambda b: b.forget_outgoing(keys[:2]))
    later = [replace(p, reached_at=p.reached_at + timedelta(hours=1)) for p in held.values()]
    ends = dict(enumerate([5, 6, 7]))
    pair.both(lambda b: b.note_ends(later[:2], ends, ends | {3: 9}))
    pair.both(lambda b: b.note_ends([], {1: 6, 0: 5}, {0: 8, 1: 9}))
    pair.both(lambda b: b.note_halt(held[1], "a reason"))
    pair.both(lambda b: b.release_leases([held[2], replace(held[3], lease_epoch=9)]))
    pair.both(lambda b: b.positions([0, 1, 2, 3]))
    pair.assert_same_tables()
    assert pair.both(lambda b: b.owners([0, 1, 2, 3])) == {"a test"}
    assert pair.both(lambda b: b.owners([2])) == set()
    assert pair.both(lambda b: b.take_leases([0], "a third", group_id="no")) is NotTheGroup
    assert len(pair.both(lambda b: b.take_leases([0], "a third", group_id=GROUP))) == 1
    pair.both(lambda b: b.take_leases([1, 0], "another"))
    pair.both(lambda b: b.note_halt(held[1], "with an epoch that is gone"))
    pair.both(lambda b: b.note_ends([replace(held[0], reached_at=later[0].reached_at)], {}, {}))
    for _ in range(2):
        pair.both(lambda b: b.note_fenced([held[0], held[1], held[2]], "a test"))
    assert sorted(pair.server.tables["fenced_writers"]) == [(0, 1), (1, 1)]
    pair.both(lambda b: b.forget_plans())
    pair.assert_same_tables()


def test_what_one_refuses_the_other_refuses(pair: Pair, items: Sequence[Item]) -> None:
    held = pair.both(lambda b: b.take_leases(range(PARTITIONS), "a test"))
    first = [item for item in items if item.record.partition_id == 0][:40]
    for run in list(runs(first))[:1]:
        verdict, pages = recorded(pair, run, held)
    moved = held | verdict.after

    def again(positions: Mapping[int, Position], **changes: Any) -> Any:
        """What comes of recording the batch once more, from these positions, changed."""
        before = {0: positions[0]}
        after = {0: replace(positions[0], next_offset=99)}
        other = replace(verdict, before=before, after=after, **changes)
        return pair.both(lambda books: books.record(other, pages))

    # A zombie's rows collide with what was written before it: it is fenced, not refused.
    assert again(held) is Fenced
    assert again({0: replace(moved[0], lease_epoch=0)}) is Fenced
    assert again({0: replace(moved[0], topic_id="another")}) is Fenced
    assert again(moved) is DataRefused
    pair.assert_same_tables()


def test_every_statement_of_the_engine_is_simulated() -> None:
    # Checkpoints are a thread of their own, beside what is simulated (tests/proving).
    beside = {name for name in STATEMENTS if "checkpoint" in name or name == "load_entry_hashes"}
    assert set(STATEMENTS) - beside - set(statements.SIMULATED) == set()


def test_a_loan_that_somebody_else_wrote_is_not_overwritten(
    pair: Pair, items: Sequence[Item]
) -> None:
    held = applied(pair, items)
    key: tuple[int, UUID, UUID] = next(iter(pair.server.tables["loans"]))
    written = pair.server.tables["loans"][key]
    loan = {name: value for name, value in written.items() if name != "partition_id"}
    assert loan["version"] > 0
    columns = {name: [value] for name, value in written.items()}
    stale = columns | {"read_version": [loan["version"] - 1]}
    fresh = columns | {"read_version": [loan["version"]]}
    del held
    for parameters, count in ((stale, 0), (fresh, 1)):
        assert (
            pair.both(lambda b, p=parameters: len(b.store.read([("update_loans", p)])[0])) == count
        )
