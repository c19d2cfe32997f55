"""Loans by the million, written into the ledger's tables by SQL, and batches that accrue them.

No command made these loans, so a replay would not find them and their principal has no journal:
for a benchmark that is worth what it saves, hours of disbursements. What is measured then, goes
the whole way.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4
from zlib import crc32

import psycopg

SQL: Final = Path(__file__).parent / "sql"
_ID_BYTES: Final = 16
_INTERESTS: Final = 4_999


@dataclass(frozen=True, slots=True)
class Loans:
    """Loans of one tenant, 16 bytes of id each, in no order."""

    packed_ids: bytes

    def __len__(self) -> int:
        return len(self.packed_ids) // _ID_BYTES

    def ids(self) -> Iterator[bytes]:
        """Each loan's id."""
        packed = self.packed_ids
        return (packed[at : at + _ID_BYTES] for at in range(0, len(packed), _ID_BYTES))

    def some(self, count: int) -> "Loans":
        """Some of them, spread over all."""
        step = max(1, len(self) // count)
        chosen = (one for number, one in enumerate(self.ids()) if number % step == 0)
        return Loans(b"".join(chosen)[: count * _ID_BYTES])


def query(name: str) -> bytes:
    """The named statement of this folder."""
    return (SQL / f"{name}.sql").read_bytes()


def seed(dsn: str, tenant_id: UUID, count: int, *, vacuum: bool = True) -> Loans:
    """So many new active loans of 1,000.00 USD, opened on 5 January 2026."""
    loans = Loans(os.urandom(_ID_BYTES * count))
    tenant_crc = crc32(tenant_id.bytes)
    with psycopg.connect(dsn) as connection:
        found = connection.execute(query("load_partition_count")).fetchone()
        partition_count = found[0] if found is not None else 0
        connection.execute(query("make_new_loans"))
        with connection.cursor() as cursor, cursor.copy(query("copy_new_loans")) as copy:
            rows = (
                f"{crc32(one, tenant_crc) % partition_count}\t{one.hex()}\n" for one in loans.ids()
            )
            while block := "".join(islice(rows, 10_000)):
                copy.write(block)
        connection.execute(query("insert_new_loans"), {"tenant_id": tenant_id})
    if vacuum:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(query("vacuum_loans"))
    return loans


@dataclass(frozen=True, slots=True)
class BatchFile:
    """A batch of accruals as lines, and the sum of its interest."""

    path: Path
    count: int
    total_minor: int


def write_batch(loans: Loans, accrued_on: date, folder: Path) -> BatchFile:
    """Every loan's interest for a day: 1 to 4,999 minor units."""
    path, total_minor = folder / f"{accrued_on}.{uuid4()}.ndjson", 0
    with path.open("w", encoding="ascii") as lines:
        lines.write(
            f'{{"program_id":"{uuid4()}","accrual_date":"{accrued_on}",'
            f'"day_count_convention":"ACT_365","currency":"USD","expected_loan_count":{len(loans)}}}\n'
        )
        for number, one in enumerate(loans.ids()):
            interest_minor = 1 + number % _INTERESTS
            total_minor += interest_minor
            lines.write(
                f'{{"loan_id":"{UUID(bytes=one)}","outstanding_principal_minor":"100000",'
                f'"interest_minor":"{interest_minor}"}}\n'
            )
    return BatchFile(path, len(loans), total_minor)
