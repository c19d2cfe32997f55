"""The books: everything the engine reads from and writes to Postgres, and nothing else does.

The only module that imports psycopg. Reads are one pipelined round trip; a batch is one
transaction whose first statement moves the positions, and so locks them and fences a zombie.

    StoreUnavailable   connection lost, server going down, deadlock: resync, then try again
    DataRefused        SQLSTATE 22 or 23: the rows themselves are at fault
    Fenced             another process holds a partition: drop everything, rejoin
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg.rows import DictRow, dict_row
from psycopg.types.numeric import Int8BinaryDumper

from posting_engine import rows
from posting_engine.batch import Item, Verdict
from posting_engine.pages import Found, Needs, Pages, fill_pages, needs_of
from posting_engine.positions import DataRefused, Fenced, Position, StoreUnavailable
from posting_engine.statements import STATEMENTS
from schemas.crash_points import crash_point
from schemas.signing import SigningKey, UnreadableSecret, resolve_secret

_log = structlog.get_logger()

# Look-ups by key are always right here, and a hash join over a whole table never is. One plan a
# statement, made anew about once a second (`forget_plans`), costs less than one an execution.
_PLANNER = (
    "-c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off -c enable_bitmapscan=off "
    "-c plan_cache_mode=force_generic_plan"
)
_SAFETY = "-c idle_in_transaction_session_timeout=5s -c synchronous_commit=on"
_OPTIONS = f"-c search_path=hpts,hpts_edge -c timezone=UTC {_PLANNER} {_SAFETY}"

Statement = tuple[str, Mapping[str, Any]]


class Books:
    """One connection of the engine's role. Not thread-safe: the worker's thread owns it."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection[DictRow] | None = None

    def close(self) -> None:
        """Drop the connection; an open transaction is rolled back by the server."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def settings(self) -> dict[str, Any] | None:
        """The row of `ledger_settings`; None before `hpts migrate`."""
        found = self._read([("load_settings", {})])[0]
        return found[0] if found else None

    def key_ring(self) -> dict[str, SigningKey]:
        """The signing keys whose secrets can be read; the others are logged and left out."""
        ring = {}
        for row in self._read([("load_signing_keys", {})])[0]:
            try:
                secret = resolve_secret(row["secret_reference"])
            except UnreadableSecret as error:
                _log.error("signing key left out", key_id=row["key_id"], error=str(error))
                continue
            tenants = None if row["tenants"] is None else frozenset(row["tenants"])
            valid = (row["valid_from"], row["valid_until"])
            ring[row["key_id"]] = SigningKey(row["key_id"], secret, tenants, *valid)
        return ring

    def take_leases(self, partition_ids: Sequence[int], owner: str) -> dict[int, Position]:
        """Become the single writer of these partitions; their positions."""
        parameters = {"partition_ids": list(partition_ids), "owner": owner}
        return _positions(self._read([("take_lease", parameters)])[0])

    def positions(self, partition_ids: Sequence[int]) -> dict[int, Position]:
        """Where partitions stand now, whoever holds them."""
        return _positions(
            self._read([("load_positions", {"partition_ids": list(partition_ids)})])[0]
        )

    def release_leases(self, held: Sequence[Position]) -> None:
        """Say that these partitions are no longer written here."""
        self._read([("release_lease", _lease_columns(held))])

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
        self._read([("note_reached", _lease_columns(held) | reached)])

    def forget_plans(self) -> None:
        """Plan statements anew, by what the tables have become."""
        self._read([("forget_plans", {})])

    def open_pages(
        self, items: Sequence[Item], held: Mapping[int, Position], partition_count: int
    ) -> Pages:
        """What a batch needs of the books, and the earlier outcomes of its keys."""
        needs = needs_of(items)
        if needs.names_loans_only:
            wanted = [("load_outcomes", needs.keys), *_loans_and_closes(needs)]
            outcomes, loans, closes = self._read(wanted)
            found = Found(outcomes=outcomes, loans=loans, closes=closes)
            return fill_pages(needs, held, found, partition_count)
        named: list[Statement] = [
            ("load_outcomes", needs.keys),
            ("load_entries", needs.entries),
            ("load_disbursements", needs.disbursements),
        ]
        named += [(lookup.statement, lookup.parameters) for lookup in needs.lookups]
        outcomes, entries, disbursements, *lookups = self._read(named)
        needs.add_loans_of([*entries, *disbursements], lookups)
        loans, closes = self._read(_loans_and_closes(needs))
        found = Found(
            outcomes=outcomes,
            loans=loans,
            closes=closes,
            entries=entries,
            disbursements=disbursements,
            lookups=lookups,
        )
        return fill_pages(needs, held, found, partition_count)

    def record(self, verdict: Verdict, pages: Pages) -> None:
        """Write a verdict in one transaction; see the error tree at the top."""
        statements = _writes_of(verdict, pages)
        with self._errors():
            connection = self._connected()
            with connection.transaction():
                with connection.pipeline():
                    cursors = [
                        connection.execute(STATEMENTS[name], parameters)
                        for name, parameters in statements
                    ]
                _check(statements, cursors)
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

    def _read(self, statements: Sequence[Statement]) -> list[list[dict[str, Any]]]:
        """Run statements in one round trip, each by itself; the rows of each."""
        with self._errors():
            connection = self._connected()
            with connection.pipeline():
                cursors = [
                    connection.execute(STATEMENTS[name], parameters)
                    for name, parameters in statements
                ]
            return [c.fetchall() if c.description is not None else [] for c in cursors]

    def _connected(self) -> psycopg.Connection[DictRow]:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._dsn,
                autocommit=True,
                row_factory=dict_row,
                options=_OPTIONS,
                connect_timeout=5,
                application_name="hpts-posting-engine",
                prepare_threshold=0,
            )
            # One width for every integer: else each mix of widths is another statement to plan.
            self._connection.adapters.register_dumper(int, Int8BinaryDumper)
        return self._connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise DataRefused(str(error)) from error
        except psycopg.Error as error:
            self.close()
            raise StoreUnavailable(str(error)) from error


def _loans_and_closes(needs: Needs) -> list[Statement]:
    return [("load_loans", needs.loans), ("load_closed_periods", needs.tenants)]


def _positions(found: Sequence[dict[str, Any]]) -> dict[int, Position]:
    return {row["partition_id"]: Position(**row) for row in found}


def _lease_columns(held: Sequence[Position]) -> dict[str, Any]:
    return {
        "partition_ids": [position.partition_id for position in held],
        "lease_epochs": [position.lease_epoch for position in held],
    }


def _check(statements: Sequence[Statement], cursors: Sequence[psycopg.Cursor[DictRow]]) -> None:
    """Hold the answers against what was asked, before the commit."""
    for (name, parameters), cursor in zip(statements, cursors, strict=True):
        if name == "move_position" and cursor.rowcount != len(parameters["partition_ids"]):
            raise Fenced("another process has moved a position or taken a lease")
        if name == "update_loans" and cursor.rowcount != len(parameters["loan_id"]):
            raise Fenced("a loan was written by somebody else")
        if name == "check_balance" and (unbalanced := cursor.fetchall()):
            raise DataRefused(f"entries do not balance: {unbalanced}")


def _writes_of(verdict: Verdict, pages: Pages) -> list[Statement]:
    moved = [p for p, after in verdict.after.items() if after != verdict.before[p]]
    written: list[Statement] = [("move_position", _moves(verdict, moved))]
    if verdict.dead_letters:
        written.append(("insert_dead_letters", _dead_letter_columns(verdict)))
    if verdict.outcomes:
        written.append(("insert_outcomes", rows.outcome_columns(verdict.outcomes)))
    if verdict.touched_loans:
        written += _loan_writes(verdict, pages)
    if verdict.disbursed:
        disbursed = [(key[0], key[1], amount) for key, amount in verdict.disbursed.items()]
        written.append(("put_disbursements", rows.disbursement_columns(disbursed)))
    if verdict.disbursement_entries:
        links = rows.disbursement_entry_columns(verdict.disbursement_entries)
        written.append(("insert_disbursement_entries", links))
    if verdict.closes:
        written.append(("put_closed_periods", rows.closed_through_columns(verdict.closes)))
        written.append(("insert_period_closes", rows.close_columns(verdict.closes)))
    if verdict.follow_ups:
        written.append(("insert_follow_ups", rows.follow_up_columns(verdict.follow_ups)))
    if verdict.targets:
        written.append(("insert_reversal_targets", rows.target_columns(verdict.targets)))
    if verdict.links:
        written += [
            ("insert_entries", rows.entry_columns(verdict.links)),
            ("insert_lines", rows.line_columns(verdict.links)),
            ("add_account_days", rows.account_day_columns(verdict.links)),
            ("check_balance", _written_ranges(verdict, moved)),
        ]
    return written


def _loan_writes(verdict: Verdict, pages: Pages) -> list[Statement]:
    opened, changed = [], []
    for partition_id, tenant_id, loan_id in verdict.touched_loans:
        loan = pages.by_partition[partition_id].loans[tenant_id, loan_id]
        read_version = pages.read_versions.get((partition_id, tenant_id, loan_id))
        if read_version is None:
            opened.append((partition_id, loan, 0))
        else:
            changed.append((partition_id, loan, read_version))
    written: list[Statement] = []
    if opened:
        written.append(("insert_loans", rows.loan_columns(opened)))
    if changed:
        written.append(("update_loans", rows.loan_columns(changed)))
    return written


def _moves(verdict: Verdict, moved: Sequence[int]) -> dict[str, Any]:
    before = [verdict.before[p] for p in moved]
    after = [verdict.after[p] for p in moved]
    return {
        **_lease_columns(before),
        "topic_ids": [position.topic_id for position in before],
        "expected_offsets": [position.next_offset for position in before],
        "next_offsets": [position.next_offset for position in after],
        "record_hashes": [position.last_record_hash for position in after],
        "appended_at": [position.last_appended_at for position in after],
        "entry_seqs": [position.last_entry_seq for position in after],
        "chain_heads": [position.chain_head for position in after],
    }


def _written_ranges(verdict: Verdict, moved: Sequence[int]) -> dict[str, Any]:
    return {
        "partition_ids": list(moved),
        "first_seqs": [verdict.before[p].last_entry_seq + 1 for p in moved],
        "last_seqs": [verdict.after[p].last_entry_seq for p in moved],
    }


def _dead_letter_columns(verdict: Verdict) -> dict[str, Any]:
    records = [letter.record for letter in verdict.dead_letters]
    return {
        "partition_id": [record.partition_id for record in records],
        "command_offset": [record.offset for record in records],
        "appended_at": [record.appended_at for record in records],
        "reason": [letter.reason for letter in verdict.dead_letters],
        "record_key": [record.key for record in records],
        "record_value": [record.value for record in records],
        "record_headers": [
            rows.to_json([[name, (value or b"").hex()] for name, value in record.headers])
            for record in records
        ],
    }
