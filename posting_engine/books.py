"""The books: everything the engine reads from and writes to Postgres, and nothing else does.

The only module that imports psycopg. Reads are one pipelined round trip; a batch is one
transaction whose first statement moves the positions, and so locks them and fences a zombie.

    StoreUnavailable   connection lost, server going down, deadlock, or a commit with a warning (its
                       wait for a standby was cancelled): resync, then try again
    DataRefused        SQLSTATE 22 or 23: the rows themselves are at fault
    Fenced             another process holds a partition: drop everything, rejoin
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import pq
from psycopg.adapt import Dumper, PyFormat
from psycopg.rows import DictRow, dict_row
from psycopg.types.numeric import Int8BinaryDumper

from posting_engine.answers import check, check_fence, positions_from, told_by
from posting_engine.arrays import Array, declared_arrays, encoded
from posting_engine.key_ring import ring_from
from posting_engine.pages import (
    Pages,
    Statement,
    fill_pages,
    found_from,
    loans_and_closes,
    needs_of,
)
from posting_engine.positions import (
    DataRefused,
    NotTheGroup,
    Position,
    StoreUnavailable,
)
from posting_engine.quarantine_rows import Waiting, waiting_from
from posting_engine.resolving import waiting_wanted
from posting_engine.session import APPLICATION, KEEPALIVE, OPTIONS
from posting_engine.statements import STATEMENTS
from posting_engine.verdict import Item, Verdict
from posting_engine.writes import (
    columns_named,
    lease_columns,
    notes_of_ends,
    outgoing_of,
    writes_of,
)
from schemas.crash_points import crash_point
from schemas.signing import SigningKey

_CANCEL_WITHIN_S: Final = 1.5
_ANSWERED: Final = ("load_", "read_", "take_", "end_", "move_", "update_loans")  # with rows

_ARRAYS_OF: Final = {text: declared_arrays(text) for text in STATEMENTS.values()}

Connect = Callable[[str], psycopg.Connection[DictRow]]  # in autocommit mode; its rows are dicts


class Books:
    """One connection of the engine's role, made by `connect` whenever there is none.

    Not thread-safe: the worker's thread owns it.
    """

    def __init__(self, dsn: str, connect: Connect | None = None) -> None:
        self._dsn = dsn
        self._connect = connect or connect_as_engine
        self._connection: psycopg.Connection[DictRow] | None = None
        self._warning: str | None = None

    def close(self) -> None:
        """Drop the connection; an open transaction is rolled back by the server."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def interrupt(self) -> None:
        """From another thread: end the statement that the owner waits for, if any answer comes."""
        connection = self._connection
        if connection is not None:
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=_CANCEL_WITHIN_S)

    def settings(self) -> dict[str, Any] | None:
        """The row of `ledger_settings`; None before `hpts migrate`."""
        found = self._read([("load_settings", {})])[0]
        return found[0] if found else None

    def key_ring(self) -> dict[str, SigningKey]:
        """The signing keys whose secrets can be read; the others are logged and left out."""
        return ring_from(self._read([("load_signing_keys", {})])[0])

    def take_leases(
        self, partition_ids: Sequence[int], owner: str, *, group_id: str | None = None
    ) -> dict[int, Position]:
        """Become the single writer of these partitions; their positions. Raises `NotTheGroup`."""
        wanted = {"partition_ids": list(partition_ids), "owner": owner, "group_id": group_id}
        # Whoever held them and stands still since must not stand in the way with its locks.
        self._read([("end_stalled", {"application_name": APPLICATION})])
        taken, pinned = self._read([("take_lease", wanted), ("load_settings", {})])
        if group_id is not None and pinned and pinned[0]["group_id"] != group_id:
            raise NotTheGroup(
                f"this engine reads as group {group_id}, and the ledger is pinned to "
                f"{pinned[0]['group_id']}: another deployment serves it. Stop one of the two."
            )
        return positions_from(taken)

    def positions(self, partition_ids: Sequence[int]) -> dict[int, Position]:
        """Where partitions stand now, whoever holds them."""
        return positions_from(
            self._read([("load_positions", {"partition_ids": list(partition_ids)})])[0]
        )

    def owners(self, partition_ids: Sequence[int]) -> set[str]:
        """Who holds the leases of these partitions now."""
        found = self._read([("load_owners", {"partition_ids": list(partition_ids)})])[0]
        return {row["lease_owner"] for row in found}

    def release_leases(self, held: Sequence[Position]) -> None:
        """Say that these partitions are no longer written here."""
        self._read([("release_lease", lease_columns(held))])

    def note_halt(self, position: Position, reason: str) -> None:
        """Record why a partition stands still."""
        held = {"partition_id": position.partition_id, "lease_epoch": position.lease_epoch}
        self._read([("note_halt", held | {"reason": reason})])

    def clock(self) -> datetime:
        """What time it is, by the database."""
        [[row]] = self._read([("read_clock", {})])
        now: datetime = row["now"]
        return now

    def note_ends(
        self, at_end: Sequence[Position], readable: Mapping[int, int], written: Mapping[int, int]
    ) -> None:
        """Record where the log ends, and that of partitions at its end everything appended up to
        `reached_at` has been applied.
        """
        self._read(notes_of_ends(at_end, readable, written))

    def note_fenced(self, held: Sequence[Position], owner: str) -> None:
        """Record which of these partitions another process has taken from this one."""
        self._read([("note_fenced", lease_columns(held) | {"owner": owner})])

    def forget_plans(self) -> None:
        """Plan statements anew, by what the tables have become."""
        self._read([("forget_plans", {})])

    def open_pages(
        self, items: Sequence[Item], held: Mapping[int, Position], partition_count: int
    ) -> Pages:
        """What a batch needs of the books, and the earlier outcomes of its keys."""
        waiting = self._waiting(items)
        needs = needs_of(items, waiting)
        # While nothing of these partitions waits, which is nearly always, nobody looks for it.
        anything_waits = any(position.quarantined_count for position in held.values())
        keys: list[Statement] = [("load_outcomes", needs.keys)]
        keys += [("load_quarantined_keys", needs.keys)] * anything_waits
        if needs.names_loans_only:
            answers = self._read([*keys, *loans_and_closes(needs, anything_waits)])
            found = found_from(answers, anything_waits)
            return fill_pages(needs, held, found, partition_count, waiting)
        named: list[Statement] = [
            ("load_entries", needs.entries),
            ("load_disbursements", needs.disbursements),
        ]
        named += [(lookup.statement, lookup.parameters) for lookup in needs.lookups]
        answers = self._read([*keys, *named])
        outcomes, (entries, disbursements, *lookups) = answers[: len(keys)], answers[len(keys) :]
        needs.add_loans_of([*entries, *disbursements], lookups)
        rest = self._read(loans_and_closes(needs, anything_waits))
        found = found_from([*outcomes, *rest], anything_waits)
        found = replace(found, entries=entries, disbursements=disbursements, lookups=lookups)
        return fill_pages(needs, held, found, partition_count, waiting)

    def _waiting(self, items: Sequence[Item]) -> list[Waiting]:
        """What waits for the loans that a resolution names; it is a run by itself."""
        wanted = waiting_wanted(items)
        found = self._read([("load_waiting", wanted)])[0] if wanted else []
        return [waiting_from(row) for row in found]

    def record(self, verdict: Verdict, pages: Pages) -> None:
        """Write a verdict in one transaction; see the error tree at the top."""
        self._write(verdict, pages, is_rehearsal=False)

    def rehearse(self, verdict: Verdict, pages: Pages) -> None:
        """See whether a verdict could be written: write it, and roll back."""
        self._write(verdict, pages, is_rehearsal=True)

    def _write(self, verdict: Verdict, pages: Pages, *, is_rehearsal: bool) -> None:
        statements = writes_of(verdict, pages)
        cursors: list[psycopg.Cursor[DictRow]] = []
        self._warning = None
        with self._errors(), _transaction(connection := self._connected()) as pipeline:
            try:
                for name, parameters in statements:
                    cursors.append(connection.execute(STATEMENTS[name], parameters))
                pipeline.sync()
            except (psycopg.DataError, psycopg.IntegrityError):
                # What was written before us collides with it: no fault of the data.
                _drain(pipeline)
                check_fence(statements, cursors)
                raise
            check(statements, cursors)
            if is_rehearsal:
                raise psycopg.Rollback
            crash_point("engine-before-commit")
        if self._warning is not None:
            # Committed here, and perhaps not on a standby: what became of it is to be asked.
            raise StoreUnavailable(f"a commit was not confirmed: {self._warning}")

    def outgoing(
        self, *, follow_ups_of: Sequence[int], chunks_of: Sequence[int], most: Mapping[str, int]
    ) -> list[dict[str, Any]]:
        """The next commands to send of these partitions: follow-ups, then chunks; oldest first,
        at most `most[kind]` a partition.
        """
        follow_ups, chunks = self._read(outgoing_of(follow_ups_of, chunks_of, most))
        return follow_ups + chunks

    def forget_outgoing(self, sent: Sequence[tuple[int, UUID, str]]) -> None:
        """Delete commands that the broker has acknowledged: (partition, tenant, key)."""
        names = ("partition_ids", "tenant_ids", "idempotency_keys")
        self._read([("delete_outgoing", columns_named(names, sent))])

    def outgoing_dead_letters(
        self, partition_ids: Sequence[int], *, most: int, most_bytes: int
    ) -> list[dict[str, Any]]:
        """The next messages to publish of these partitions, oldest first; of each at least one."""
        wanted = {"partition_ids": list(partition_ids), "most": most, "most_bytes": most_bytes}
        return self._read([("load_outgoing_dead_letters", wanted)])[0]

    def forget_dead_letters(self, sent: Sequence[tuple[int, int]]) -> None:
        """Delete messages that the broker has acknowledged: (partition, outgoing_seq)."""
        columns = columns_named(("partition_ids", "outgoing_seqs"), sent)
        self._read([("delete_outgoing_dead_letters", columns)])

    def _read(self, statements: Sequence[Statement]) -> list[list[dict[str, Any]]]:
        """Run statements in one round trip, each by itself; the rows of each."""
        with self._errors():
            connection = self._connected()
            with connection.pipeline():
                cursors = [
                    connection.execute(STATEMENTS[name], parameters)
                    for name, parameters in statements
                ]
            return [
                cursor.fetchall() if name.startswith(_ANSWERED) else []
                for (name, _), cursor in zip(statements, cursors, strict=True)
            ]

    def _connected(self) -> psycopg.Connection[DictRow]:
        if self._connection is None:
            self._connection = self._connect(self._dsn)
            self._connection.add_notice_handler(self._note_warning)
        return self._connection

    def _note_warning(self, told: psycopg.errors.Diagnostic) -> None:
        if told.severity_nonlocalized == "WARNING":
            self._warning = told.message_primary

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise DataRefused(told_by(error)) from error
        except psycopg.Error as error:
            self.close()
            raise StoreUnavailable(str(error)) from error


@contextmanager
def _transaction(connection: psycopg.Connection[DictRow]) -> Iterator[psycopg.Pipeline]:
    """A transaction in two round trips: BEGIN goes along with the statements, COMMIT by itself,
    after their answers have come (`sync`) and been looked at.
    """
    try:
        with connection.pipeline() as pipeline:
            connection.execute(STATEMENTS["begin"])
            try:
                yield pipeline
            except psycopg.Error:
                _drain(pipeline)
                raise
            connection.commit()
    except Exception as error:
        with suppress(psycopg.Error):  # a connection that is broken rolls back by itself
            connection.rollback()
        if not isinstance(error, psycopg.Rollback):
            raise


def _drain(pipeline: psycopg.Pipeline) -> None:
    """After an error: take the answers that are left, and those that end it."""
    for _ in range(2):
        with suppress(psycopg.Error):
            pipeline.sync()


def connect_as_engine(dsn: str) -> psycopg.Connection[DictRow]:
    """A connection with the settings that the engine's statements are made for."""
    connection = _Connection.connect(
        dsn,
        autocommit=True,
        row_factory=dict_row,
        options=OPTIONS,
        application_name=APPLICATION,
        prepare_threshold=0,
        **KEEPALIVE,
    )
    connection.adapters.register_dumper(Array, _ArrayDumper)
    # One width for every other integer: else each mix of widths is another statement to plan.
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    return connection


class _Connection(psycopg.Connection[DictRow]):
    """Encodes the arrays that a statement declares (see `arrays`)."""

    def execute(self, query: Any, params: Any = None, **more: Any) -> psycopg.Cursor[DictRow]:
        """Run a statement; numbers that are too large are data at fault, as Postgres would say."""
        try:
            told = params and encoded(params, _ARRAYS_OF.get(query, {}))
        except (struct.error, ValueError) as error:
            raise psycopg.DataError(str(error)) from error
        return super().execute(query, told, **more)


class _ArrayDumper(Dumper):
    format = pq.Format.BINARY

    def get_key(self, obj: Array, format: PyFormat) -> Any:  # noqa: A002, ARG002  # the base's
        return (Array, obj.type_oid)

    def upgrade(self, obj: Array, format: PyFormat) -> "Dumper":  # noqa: A002, ARG002
        dumper = type(self)(Array)
        dumper.oid = obj.type_oid
        return dumper

    def dump(self, obj: Array) -> bytes:
        return obj.encoded
