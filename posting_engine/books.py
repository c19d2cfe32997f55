"""The books: everything the engine reads from and writes to Postgres, and nothing else does.

Reads are one pipelined round trip; a batch is one transaction whose first statement moves the
positions, and so locks them and fences a zombie. What can go wrong: see `store`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from posting_engine import metrics
from posting_engine.answers import positions_from
from posting_engine.key_ring import ring_from
from posting_engine.pages import (
    Pages,
    Statement,
    fill_pages,
    found_from,
    loans_and_closes,
    needs_of,
)
from posting_engine.positions import NotTheGroup, Position
from posting_engine.quarantine_rows import Waiting, waiting_from
from posting_engine.resolving import waiting_wanted
from posting_engine.session import APPLICATION
from posting_engine.store import Connect, Meanwhile, Store
from posting_engine.verdict import Item, Verdict
from posting_engine.writes import columns_named, lease_columns, notes_of_ends, writes_of
from schemas.signing import SigningKey


class Books:
    """The books by one connection of the engine's role, made by `connect` whenever there is none.

    Not thread-safe: the worker's thread owns them.
    """

    def __init__(self, dsn: str, connect: Connect | None = None) -> None:
        self.store = Store(dsn, connect)
        self._second: Books | None = None
        self._dsn, self._connect = dsn, connect

    def close(self) -> None:
        """Drop the connections; an open transaction is rolled back by the server."""
        for books in (self._second, self):
            if books is not None:
                books.store.close()

    @property
    def second(self) -> "Books":
        """The same books by another connection, for look-ups while this one records."""
        if self._second is None:
            self._second = Books(self._dsn, self._connect)
        return self._second

    def interrupt(self) -> None:
        """From another thread: end the statements that the owner waits for."""
        for books in (self, self._second):
            if books is not None:
                books.store.interrupt()

    def settings(self) -> dict[str, Any] | None:
        """The row of `ledger_settings`; None before `hpts migrate`."""
        found = self.store.read([("load_settings", {})])[0]
        return found[0] if found else None

    def key_ring(self) -> dict[str, SigningKey]:
        """The signing keys whose secrets can be read; the others are logged and left out."""
        return ring_from(self.store.read([("load_signing_keys", {})])[0])

    def take_leases(
        self, partition_ids: Sequence[int], owner: str, *, group_id: str | None = None
    ) -> dict[int, Position]:
        """Become the single writer of these partitions; their positions. Raises `NotTheGroup`."""
        wanted = {"partition_ids": list(partition_ids), "owner": owner, "group_id": group_id}
        # Whoever held them and stands still since must not stand in the way with its locks.
        self.store.read([("end_stalled", {"application_name": APPLICATION})])
        taken, pinned = self.store.read([("take_lease", wanted), ("load_settings", {})])
        if group_id is not None and pinned and pinned[0]["group_id"] != group_id:
            raise NotTheGroup(
                f"this engine reads as group {group_id}, and the ledger is pinned to "
                f"{pinned[0]['group_id']}: another deployment serves it. Stop one of the two."
            )
        metrics.note_taken(partition_ids)
        return positions_from(taken)

    def positions(self, partition_ids: Sequence[int]) -> dict[int, Position]:
        """Where partitions stand now, whoever holds them."""
        return positions_from(
            self.store.read([("load_positions", {"partition_ids": list(partition_ids)})])[0]
        )

    def bases(self, partition_count: int) -> dict[int, int]:
        """Where each partition of this topic begins. As constant as the topic that is pinned."""
        found = self.positions(range(partition_count))
        return {partition_id: at.base_offset for partition_id, at in found.items()}

    def owners(self, partition_ids: Sequence[int]) -> set[str]:
        """Who holds the leases of these partitions now."""
        found = self.store.read([("load_owners", {"partition_ids": list(partition_ids)})])[0]
        return {row["lease_owner"] for row in found}

    def release_leases(self, held: Sequence[Position]) -> None:
        """Say that these partitions are no longer written here."""
        metrics.forget(position.partition_id for position in held)
        self.store.read([("release_lease", lease_columns(held))])

    def note_halt(self, position: Position, reason: str) -> None:
        """Record why a partition stands still."""
        held = {"partition_id": position.partition_id, "lease_epoch": position.lease_epoch}
        self.store.read([("note_halt", held | {"reason": reason})])
        metrics.note_halt(position.partition_id)

    def clock(self) -> datetime:
        """What time it is, by the database."""
        [[row]] = self.store.read([("read_clock", {})])
        now: datetime = row["now"]
        return now

    def note_ends(
        self, at_end: Sequence[Position], readable: Mapping[int, int], written: Mapping[int, int]
    ) -> None:
        """Record where the log ends, and that of partitions at its end everything appended up to
        `reached_at` has been applied.
        """
        self.store.read(notes_of_ends(at_end, readable, written))

    def note_fenced(self, held: Sequence[Position], owner: str) -> None:
        """Record which of these partitions another process has taken from this one."""
        self.store.read([("note_fenced", lease_columns(held) | {"owner": owner})])
        metrics.FENCED.inc()
        metrics.forget(position.partition_id for position in held)

    def forget_plans(self) -> None:
        """Plan statements anew, by what the tables have become."""
        self.store.read([("forget_plans", {})])
        if self._second is not None:
            self._second.forget_plans()

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
            answers = self.store.read([*keys, *loans_and_closes(needs, anything_waits)])
            found = found_from(answers, anything_waits)
            return fill_pages(needs, held, found, partition_count, waiting)
        named: list[Statement] = [
            ("load_entries", needs.entries),
            ("load_disbursements", needs.disbursements),
        ]
        named += [(lookup.statement, lookup.parameters) for lookup in needs.lookups]
        answers = self.store.read([*keys, *named])
        outcomes, (entries, disbursements, *lookups) = answers[: len(keys)], answers[len(keys) :]
        needs.add_loans_of([*entries, *disbursements], lookups)
        rest = self.store.read(loans_and_closes(needs, anything_waits))
        found = found_from([*outcomes, *rest], anything_waits)
        found = replace(found, entries=entries, disbursements=disbursements, lookups=lookups)
        return fill_pages(needs, held, found, partition_count, waiting)

    def look_up(self, statements: Sequence[Statement]) -> list[list[dict[str, Any]]]:
        """The rows of look-ups, in one round trip."""
        return self.store.read(statements)

    def _waiting(self, items: Sequence[Item]) -> list[Waiting]:
        """What waits for the loans that a resolution names; it is a run by itself."""
        wanted = waiting_wanted(items)
        found = self.store.read([("load_waiting", wanted)])[0] if wanted else []
        return [waiting_from(row) for row in found]

    def record(self, verdict: Verdict, pages: Pages, meanwhile: Meanwhile = lambda: None) -> None:
        """Write a verdict in one transaction; see the error tree at the top. While Postgres works,
        `meanwhile` is called: it may use `second` for what the transaction does not touch.
        """
        with metrics.COMMIT_SECONDS.time():
            self.store.write(writes_of(verdict, pages), meanwhile, keeps=True)

    def rehearse(self, verdict: Verdict, pages: Pages) -> None:
        """See whether a verdict could be written: write it, and roll back."""
        self.store.write(writes_of(verdict, pages), lambda: None, keeps=False)

    def outgoing(
        self, kind: str, partition_ids: Sequence[int], *, most: int, in_all: int
    ) -> list[dict[str, Any]]:
        """The next commands of a kind to send: oldest first, at most `most` of each partition, and
        `in_all` together, those of the partitions named first.
        """
        wanted = {"partition_ids": list(partition_ids), "kind": kind}
        return self.store.read([("load_outgoing", wanted | {"most": most, "in_all": in_all})])[0]

    def forget_outgoing(self, sent: Sequence[tuple[int, UUID, str]]) -> None:
        """Delete commands that the broker has acknowledged: (partition, tenant, key)."""
        names = ("partition_ids", "tenant_ids", "idempotency_keys")
        self.store.read([("delete_outgoing", columns_named(names, sent))])

    def outgoing_dead_letters(
        self, partition_ids: Sequence[int], *, most: int, most_bytes: int
    ) -> list[dict[str, Any]]:
        """The next messages to publish of these partitions, oldest first; of each at least one."""
        wanted = {"partition_ids": list(partition_ids), "most": most, "most_bytes": most_bytes}
        return self.store.read([("load_outgoing_dead_letters", wanted)])[0]

    def forget_dead_letters(self, sent: Sequence[tuple[int, int]]) -> None:
        """Delete messages that the broker has acknowledged: (partition, outgoing_seq)."""
        columns = columns_named(("partition_ids", "outgoing_seqs"), sent)
        self.store.read([("delete_outgoing_dead_letters", columns)])
