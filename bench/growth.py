"""What grows, in bytes: tables with their indexes, the write-ahead log, the command topic."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from bench.loans import query
from bench.measured import Bench
from schemas.topics import COMMANDS

_NOT_GROWING: Final = "partitions"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes at one moment."""

    tables: dict[str, int]
    wal: int
    topic: int


def sizes(bench: Bench) -> Sizes:
    """How large everything is now."""
    with psycopg.connect(bench.dsn) as connection:
        tables: dict[str, int] = dict(connection.execute(query("table_bytes")).fetchall())
        wal = connection.execute(query("wal_bytes")).fetchone()
    topic = sum(
        segment.stat().st_size
        for segment in Path(bench.stack["data_dir"]).rglob(f"{COMMANDS}-*/*.log")
    )
    return Sizes(tables, wal[0] if wal is not None else 0, topic)


def growth(before: Sizes, after: Sizes, count: int) -> dict[str, int]:
    """Bytes for each of `count`. Pages are whole, so few commands tell little."""
    tables = {
        name: round((size - before.tables.get(name, 0)) / count)
        for name, size in after.tables.items()
        if name != _NOT_GROWING
    }
    return {
        "tables": sum(tables.values()),
        "wal": round((after.wal - before.wal) / count),
        "topic": round((after.topic - before.topic) / count),
        **{name: size for name, size in tables.items() if size > 0},
    }
