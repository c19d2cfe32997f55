"""What the read edge asks of Postgres. The only module here that imports psycopg.

Each read is one transaction, REPEATABLE READ and READ ONLY, that names its tenant to row-level
security for itself alone: a pooled connection keeps nothing. The statements filter by tenant as
well, so there are two walls. Statements see views only.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any, Final, LiteralString, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from schemas.cut_off import CutOff
from schemas.keepalive import KEEPALIVE

Row = dict[str, Any]
Result = TypeVar("Result")
Connection = psycopg.AsyncConnection[Row]

SQL: Final[dict[str, LiteralString]] = {
    file.name.removesuffix(".sql"): file.read_text().rstrip().rstrip(";")
    for file in (files("read_api") / "sql").iterdir()
    if file.name.endswith(".sql")
}
_STATEMENT_TIMEOUT_S: Final = 15
_OPTIONS: Final = (
    "-c search_path=hpts,hpts_edge -c timezone=UTC "
    f"-c statement_timeout={_STATEMENT_TIMEOUT_S * 1000}"
)
_CUT_OFF_AFTER_S: Final = _STATEMENT_TIMEOUT_S + 1.0
"""When even that has not come: the server does not answer at all."""
_CHECK_WITHIN_S: Final = 2.0
_POOL_TIMEOUT_S: Final = 5.0


_NO_BOOKS: Final = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName)
"""They are lost, and somebody is rebuilding them."""


class StoreUnavailable(Exception):
    """Postgres did not answer, or holds no ledger yet."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a partition stands: the next offset, and the instant up to which all is applied."""

    partition_id: int
    next_offset: int
    reached_at: datetime
    last_entry_seq: int
    halted_because: str | None
    lag_s: float
    quarantined_count: int = 0
    is_held_back: bool = False
    """Whether more is written than can be read: a transaction is open in the log."""


class Snapshot:
    """One consistent view of the books, for one tenant."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def rows(self, statement: str, **parameters: object) -> list[Row]:
        """All rows of one of the files in `sql/`; `tenant_id` is always among its parameters."""
        named = {"tenant_id": self._tenant_id, **parameters}
        cursor = await self._connection.execute(SQL[statement], named, prepare=True)
        return await cursor.fetchall()

    async def positions(self) -> list[Position]:
        """Every partition of the ledger, within this snapshot."""
        return [Position(**row) for row in await self.rows("load_positions")]


class Store:
    """A pool of read-only connections. Raises `StoreUnavailable` for whatever is not an answer."""

    def __init__(self, dsn: str, connections: int) -> None:
        self._partition_count = 0
        self._pool = AsyncConnectionPool(
            dsn,
            connection_class=psycopg.AsyncConnection[Row],
            kwargs={"row_factory": dict_row, "options": _OPTIONS, **KEEPALIVE},
            configure=_make_read_only,
            check=_check,
            min_size=min(2, connections),
            max_size=connections,
            timeout=_POOL_TIMEOUT_S,
            # Else the pauses between two tries grow, and with them the outage.
            reconnect_timeout=_POOL_TIMEOUT_S,
            open=False,
        )
        self.pool_stats = self._pool.get_stats

    async def open(self) -> None:
        """Begin to connect; a server that is down shows in the reads."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def read(self, tenant_id: UUID, work: Callable[[Snapshot], Awaitable[Result]]) -> Result:
        """Do `work` on one snapshot; once more where the connection turns out to be broken.

        A statement that took too long is not begun again: it would take as long.
        """
        try:
            return await self._read(tenant_id, work)
        except psycopg.errors.QueryCanceled as error:
            raise StoreUnavailable("a statement took too long") from error
        except psycopg.OperationalError:
            pass
        try:
            return await self._read(tenant_id, work)
        except psycopg.OperationalError as error:
            raise StoreUnavailable(type(error).__name__) from error

    async def positions(self) -> list[Position]:
        """Every partition of the ledger, now."""
        return await self.read(UUID(int=0), Snapshot.positions)

    async def deliveries(self) -> list[Row]:
        """What leaves the ledger, one row each, and how far it is behind."""
        return await self.read(UUID(int=0), lambda books: books.rows("load_deliveries"))

    async def reconciled(self) -> Row | None:
        """How the last run of the witness ended, and how long ago the last complete one did."""
        rows = await self.read(UUID(int=0), lambda books: books.rows("load_last_run"))
        return rows[0] if rows else None

    async def partition_count(self) -> int:
        """The ledger's partition count, which never changes."""
        if not self._partition_count:
            self._partition_count = len(await self.positions())
            if not self._partition_count:
                raise StoreUnavailable("the database holds no ledger yet: run `hpts migrate`")
        return self._partition_count

    async def _read(self, tenant_id: UUID, work: Callable[[Snapshot], Awaitable[Result]]) -> Result:
        with CutOff() as cut_off:
            try:
                async with self._pool.connection() as connection, connection.pipeline():
                    cut_off.after(_CUT_OFF_AFTER_S, connection.fileno)
                    parameters = {"tenant_id": str(tenant_id)}
                    await connection.execute(SQL["set_tenant"], parameters, prepare=True)
                    return await work(Snapshot(connection, tenant_id))
            except PoolTimeout as error:
                raise StoreUnavailable("no connection became free") from error
            except _NO_BOOKS as error:
                raise StoreUnavailable("the books are not there") from error
            except psycopg.OperationalError as error:
                if cut_off.is_cut:
                    raise StoreUnavailable("no answer in time") from error
                raise


async def _check(connection: Connection) -> None:
    """Whether Postgres still answers: it may have been restarted, or stand still."""
    with CutOff() as cut_off:
        cut_off.after(_CHECK_WITHIN_S, connection.fileno)
        await AsyncConnectionPool.check_connection(connection)


async def _make_read_only(connection: Connection) -> None:
    await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
    await connection.set_read_only(True)
