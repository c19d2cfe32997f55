"""The books: everything the engine reads from and writes to Postgres, and nothing else does.

The only module that imports psycopg. Reads are one pipelined round trip; a batch is one
transaction whose first statement moves the positions, and so locks them and fences a zombie.

    StoreUnavailable   connection lost, server going down, deadlock: resync, then try again
    DataRefused        SQLSTATE 22 or 23: the rows themselves are at fault
    Fenced             another process holds a partition: drop everything, rejoin
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import pq
from psycopg.adapt import Dumper, PyFormat
from psycopg.rows import DictRow, dict_row
from psycopg.types.numeric import Int8BinaryDumper

from posting_engine.answers import check, check_fence, positions_from
from posting_engine.arrays import Array, declared_arrays, encoded
from posting_engine.key_ring import ring_from
from posting_engine.pages import Pages, Statement, fill_pages, found_in, loans_and_closes, needs_of
from posting_engine.positions import (
    DataRefused,
    NotTheGroup,
    Position,
    StoreUnavailable,
)
from posting_engine.quarantine_rows import Waiting, waiting_from
from posting_engine.resolving import MOST_DECIDED
from posting_engine.session import APPLICATION, KEEPALIVE, OPTIONS
from posting_engine.statements import STATEMENTS
from posting_engine.verdict import Item, Verdict
from posting_engine.writes import lease_columns, writes_of
from schemas.crash_points import crash_point
from schemas.quarantine import QuarantineReject, QuarantineResume
from schemas.signing import SigningKey

_CANCEL_WITHIN_S: Final = 1.5
_ANSWERED: Final = ("load_", "take_", "end_", "move_", "update_loans")  # statements that tell rows

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
        parameters = {
            "partition_id": position.partition_id,
            "lease_epoch": position.lease_epoch,
            "reason": reason,
        }
        self._read([("note_halt", parameters)])

    def note_reached(self, held: Sequence[Position]) -> None:
        """Record that everything appended up to each `reached_at` has been applied."""
        reached = {"reached_at": [position.reached_at for position in held]}
        self._read([("note_reached", lease_columns(held) | reached)])

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
            found = found_in(answers, anything_waits)
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
        found = found_in([*outcomes, *rest], anything_waits)
        found = replace(found, entries=entries, disbursements=disbursements, lookups=lookups)
        return fill_pages(needs, held, found, partition_count, waiting)

    def _waiting(self, items: Sequence[Item]) -> list[Waiting]:
        """What waits for the loans that a resolution names; it is a run by itself."""
        resolutions = [
            (item.record.partition_id, item.content)
            for item in items
            if isinstance(item.content, QuarantineResume | QuarantineReject)
        ]
        if not resolutions:
            return []
        [(partition_id, resolution)] = resolutions
        parameters = {
            "partition_id": partition_id,
            "tenant_id": resolution.tenant_id,
            "command_id": resolution.command_id,
            "loan_id": resolution.loan_id,
            "most": MOST_DECIDED,
        }
        return [waiting_from(row) for row in self._read([("load_waiting", parameters)])[0]]

    def record(self, verdict: Verdict, pages: Pages) -> None:
        """Write a verdict in one transaction; see the error tree at the top."""
        self._write(verdict, pages, is_rehearsal=False)

    def rehearse(self, verdict: Verdict, pages: Pages) -> None:
        """See whether a verdict could be written: write it, and roll back."""
        self._write(verdict, pages, is_rehearsal=True)

    def _write(self, verdict: Verdict, pages: Pages, *, is_rehearsal: bool) -> None:
        statements = writes_of(verdict, pages)
        cursors: list[psycopg.Cursor[DictRow]] = []
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

    def outgoing(
        self, *, follow_ups_of: Sequence[int], chunks_of: Sequence[int], most: Mapping[str, int]
    ) -> list[dict[str, Any]]:
        """The next commands to send of these partitions: follow-ups, then chunks; oldest first,
        at most `most[kind]` a partition.
        """
        wanted: list[Statement] = [
            (
                "load_outgoing",
                {"partition_ids": list(partition_ids), "kind": kind, "most": most[kind]},
            )
            for kind, partition_ids in (("follow_up", follow_ups_of), ("chunk", chunks_of))
        ]
        follow_ups, chunks = self._read(wanted)
        return follow_ups + chunks

    def forget_outgoing(self, sent: Sequence[tuple[int, UUID, str]]) -> None:
        """Delete commands that the broker has acknowledged: (partition, tenant, key)."""
        columns = {
            "partition_ids": [key[0] for key in sent],
            "tenant_ids": [key[1] for key in sent],
            "idempotency_keys": [key[2] for key in sent],
        }
        self._read([("delete_outgoing", columns)])

    def outgoing_dead_letters(
        self, partition_ids: Sequence[int], most: int
    ) -> list[dict[str, Any]]:
        """The next messages to publish of these partitions, oldest first."""
        wanted = {"partition_ids": list(partition_ids), "most": most}
        return self._read([("load_outgoing_dead_letters", wanted)])[0]

    def forget_dead_letters(self, sent: Sequence[tuple[int, int]]) -> None:
        """Delete messages that the broker has acknowledged: (partition, outgoing_seq)."""
        columns = {
            "partition_ids": [partition_id for partition_id, _ in sent],
            "outgoing_seqs": [outgoing_seq for _, outgoing_seq in sent],
        }
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
        return self._connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise DataRefused(_told(error)) from error
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


def _told(error: psycopg.Error) -> str:
    """What Postgres refused, without the rows that its detail quotes: others may read it."""
    message = error.diag.message_primary or str(error)
    return message if error.sqlstate is None else f"{message} ({error.sqlstate})"
