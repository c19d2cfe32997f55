"""What ingress reads and writes in Postgres. The only module here that imports psycopg.

Rows of many tenants pass through, so every read of a table with row-level security names its
tenant within the transaction. Errors of the connection become `StoreUnavailable`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from weakref import WeakSet

import psycopg
from psycopg.rows import dict_row
from psycopg.types.numeric import Int2
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ingress_api.queued import Queued
from ingress_api.reservation import Manifest, Reservation, as_arrays
from ingress_api.statements import SQL
from schemas.codec import Outcome
from schemas.crash_points import crash_point
from schemas.cut_off import CutOff
from schemas.keepalive import KEEPALIVE

ROWS_AT_ONCE: Final = 200
Row = dict[str, Any]
Run = Callable[[str, Mapping[str, object]], Awaitable[list[Row]]]
_OUTGOING_TYPES: Final = (
    *("int2", "uuid", "text", "text", "int2"),
    *("bytea", "bytea", "int2", "text"),
)
"""The types of the columns in `copy_outgoing`, in its order."""
# Before anything is told to be accepted it is durable here and on a standby, where there is one: no
# clock cancels the wait for that.
_OPTIONS: Final = (
    "-c search_path=hpts,hpts_edge -c plan_cache_mode=force_custom_plan "
    "-c synchronous_commit=on -c statement_timeout=0"
)
READ_WITHIN_S: Final = 10.0
"""Every read here is a look-up by key: a server that takes longer does not answer at all."""

_NO_ANSWER: Final = (
    *(psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError, PoolTimeout),
    # The books are lost, and somebody is rebuilding them: what is asked of them must wait.
    *(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName),
)
_OUTCOME_MEMBERS: Final = tuple(Outcome.__dataclass_fields__)


class StoreUnavailable(Exception):
    """Postgres did not answer; what was asked may or may not have been done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """What became of one step. `chunks_total`: how many there are in all."""

    outcome: Outcome
    command_type: str
    chunks_total: int


class Store:
    """A pool of connections and the statements over it."""

    def __init__(self, dsn: str, *, connections: int) -> None:
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Row]] = AsyncConnectionPool(
            dsn,
            min_size=2,
            max_size=connections,
            open=False,
            timeout=5.0,
            # Else the pauses between two tries grow, and with them the outage.
            reconnect_timeout=5.0,
            kwargs={
                "row_factory": dict_row,
                "autocommit": True,
                "application_name": "hpts ingress",
                **KEEPALIVE,
                "options": _OPTIONS,
            },
            configure=self._listen,
        )
        self.pool_stats = self._pool.get_stats
        self._unconfirmed: WeakSet[psycopg.AsyncConnection[Row]] = WeakSet()
        self.partition_count = 0
        self.commands_topic_id = ""

    async def open(self) -> None:
        """Connect and learn how the ledger is cut; raises `StoreUnavailable`."""
        try:
            await self._pool.open(wait=True, timeout=30.0)
        except PoolTimeout as error:
            raise StoreUnavailable("no connection to Postgres") from error
        ledger = await self.one("load_ledger", {})
        if ledger is None:
            raise StoreUnavailable("the ledger is not set up: run hpts migrate")
        self.partition_count = ledger["partition_count"]
        self.commands_topic_id = ledger["commands_topic_id"]

    async def close(self) -> None:
        """Give all connections back."""
        await self._pool.close()

    async def rows(
        self,
        statement: str,
        parameters: Mapping[str, object],
        *,
        tenant_id: UUID | None = None,
        within_s: float | None = READ_WITHIN_S,
    ) -> list[Row]:
        """The rows of a named statement; with a tenant, what that tenant may see. `within_s`: how
        long the server has to answer, None for as long as it takes.
        """
        async with self._connection(within_s=within_s) as connection:
            if tenant_id is None:
                return await (await connection.execute(SQL[statement], parameters)).fetchall()
            async with connection.pipeline(), connection.transaction():
                await connection.execute(SQL["set_tenant"], {"tenant_id": tenant_id})
                cursor = await connection.execute(
                    SQL[statement], {**parameters, "tenant_id": tenant_id}
                )
            return await _fetched(cursor)

    async def one(self, statement: str, parameters: Mapping[str, object]) -> Row | None:
        """The first row of a named statement on tables without row-level security."""
        found = await self.rows(statement, parameters)
        return found[0] if found else None

    async def run(self, statement: str, parameters: Mapping[str, object]) -> None:
        """Run a named statement that has no result, on tables without row-level security."""
        async with self._connection() as connection:
            await connection.execute(SQL[statement], parameters)

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID) -> AsyncIterator[Run]:
        """One transaction of a tenant; what runs named statements in it."""
        async with self._connection(within_s=READ_WITHIN_S) as link, link.transaction():
            await link.execute(SQL["set_tenant"], {"tenant_id": tenant_id})

            async def run(statement: str, parameters: Mapping[str, object]) -> list[Row]:
                cursor = await link.execute(SQL[statement], parameters)
                return await cursor.fetchall() if cursor.description is not None else []

            yield run

    async def reserve(self, wanted: Sequence[Reservation]) -> dict[tuple[UUID, str], datetime]:
        """Reserve keys in one durable commit; sent_at by (tenant, key) of those now reserved.

        `wanted` is sorted by (tenant, key) and names each once.
        """
        reserved = await self.rows("reserve", as_arrays(wanted), within_s=None)
        return {(row["tenant_id"], row["idempotency_key"]): row["sent_at"] for row in reserved}

    async def reservation(self, tenant_id: UUID, idempotency_key: str) -> Reservation | None:
        """Who holds a key."""
        named = {"tenant_id": tenant_id, "idempotency_key": idempotency_key}
        row = await self.one("find_reservation", named)
        return None if row is None else Reservation(**named, **row)  # type: ignore[arg-type]

    async def last_offsets(self) -> dict[int, int]:
        """Partition -> the last offset that has been applied, -1 for none."""
        return {row["partition_id"]: row["last_offset"] for row in await self.rows("load_ends", {})}

    async def outcomes(self, tenant_id: UUID, places: Sequence[tuple[int, str]]) -> list[Outcome]:
        """What became of the commands at these (partition, key)."""
        found = await self.rows(
            "find_outcomes",
            {
                "partition_ids": [partition_id for partition_id, _ in places],
                "idempotency_keys": [key for _, key in places],
            },
            tenant_id=tenant_id,
        )
        return [outcome_from(row) for row in found]

    async def quarantined(self, tenant_id: UUID, command_id: UUID) -> list[Row]:
        """What waits in quarantine of a command, or of a request's steps."""
        named = {"command_id": command_id, "partition_count": self.partition_count}
        return await self.rows("find_quarantined", named, tenant_id=tenant_id)

    async def is_held(self, tenant_id: UUID, command_id: UUID) -> bool:
        """Whether a command, or a step of the request, waits for an operator."""
        rows = await self.quarantined(tenant_id, command_id)
        return any(not row["is_share"] for row in rows)

    async def steps(self, tenant_id: UUID, correlation_id: UUID) -> list[StepOutcome]:
        """What became of the steps of a request in parts, so far; not which loans were rejected."""
        found = await self.rows(
            "find_steps",
            {"correlation_id": correlation_id, "partition_count": self.partition_count},
            tenant_id=tenant_id,
        )
        return await asyncio.to_thread(lambda: [step_from(row) for row in found])

    async def steps_known(self, tenant_id: UUID, correlation_id: UUID) -> int:
        """Of how many steps of a request in parts it is known what became of them."""
        named = {"correlation_id": correlation_id, "partition_count": self.partition_count}
        (row,) = await self.rows("count_steps", named, tenant_id=tenant_id)
        return int(row["known"])

    async def accept_in_parts(
        self,
        reservation: Reservation,
        queued: Queued,
        *,
        manifest: Manifest | None,
        reply_partition: int,
        traceparent: str | None,
    ) -> bool:
        """Queue the steps and reserve the key, all or nothing; False: the key was taken.

        The steps are taken from `queued` as they are copied, so that no more than a few of a
        large batch exist at once.
        """
        common = (reservation.tenant_id, reply_partition, traceparent)
        try:
            async with self._connection() as connection, connection.transaction():
                await _copy_steps(connection, queued, common)
                if manifest is not None:
                    batch = {name: getattr(manifest, name) for name in Manifest.__slots__}
                    batch["tenant_id"] = reservation.tenant_id
                    await connection.execute(SQL["insert_batch"], batch)
                # Last, so that nobody waits long for this row.
                taken = await connection.execute(SQL["reserve"], as_arrays([reservation]))
                is_own = await taken.fetchone() is not None
                if not is_own:
                    raise psycopg.Rollback
                crash_point("ingress-parts-written")
        except psycopg.errors.UniqueViolation:
            # The same batch is, or was, being accepted: its steps or manifest are there.
            return False
        return is_own

    @asynccontextmanager
    async def _connection(
        self, *, within_s: float | None = None
    ) -> AsyncIterator[psycopg.AsyncConnection[Row]]:
        with CutOff() as cut_off:
            try:
                async with self._pool.connection() as connection:
                    if within_s is not None:
                        cut_off.after(within_s, connection.fileno)
                    self._unconfirmed.discard(connection)
                    yield connection
                    if connection in self._unconfirmed:
                        raise StoreUnavailable("a commit was not confirmed")
            except _NO_ANSWER as error:
                raise StoreUnavailable(type(error).__name__) from error

    async def _listen(self, connection: psycopg.AsyncConnection[Row]) -> None:
        """A commit whose wait for a standby was cancelled is done here, and says so in a warning:
        whether it outlives this server is unknown.
        """

        def hear(told: psycopg.errors.Diagnostic) -> None:
            if told.severity_nonlocalized == "WARNING":
                self._unconfirmed.add(connection)

        connection.add_notice_handler(hear)


def outcome_from(row: Row) -> Outcome:
    """An outcome as it would have been announced."""
    members = {name: row[name] for name in _OUTCOME_MEMBERS if name in row}
    return Outcome(**{**members, "fingerprint": bytes(row["fingerprint"])})


def step_from(row: Row) -> StepOutcome:
    """One step's outcome from its row."""
    return StepOutcome(
        outcome=outcome_from(row),
        command_type=row["command_type"],
        chunks_total=row["chunks_total"],
    )


async def _fetched(cursor: psycopg.AsyncCursor[Row]) -> list[Row]:
    """All rows. A batch has thousands of outcomes, so other requests have their turn in between."""
    found: list[Row] = []
    while True:
        some = await cursor.fetchmany(ROWS_AT_ONCE)
        found += some
        if len(some) < ROWS_AT_ONCE:
            return found
        await asyncio.sleep(0)


async def _copy_steps(
    connection: psycopg.AsyncConnection[Row],
    queued: Queued,
    common: tuple[UUID, int, str | None],
) -> None:
    tenant_id, reply_partition, traceparent = common
    async with connection.cursor().copy(SQL["copy_outgoing"]) as copy:
        copy.set_types(_OUTGOING_TYPES)
        # Made in a thread, a few at a time: a large batch must not hold up the other requests.
        while (some := await asyncio.to_thread(queued.take)) is not None:
            for step in some:
                partition_id = Int2(step.partition_id)
                row = (partition_id, tenant_id, step.idempotency_key, "chunk", partition_id)
                record = (step.record_key, step.record_value)
                await copy.write_row((*row, *record, reply_partition, traceparent))
            crash_point("ingress-parts-copying")
