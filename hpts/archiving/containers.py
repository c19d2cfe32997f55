"""Records and facts to and from Avro object containers: the command line's only fastavro.

A container carries its own schema, so any Avro tool reads an archive without this project.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import Any, Final
from uuid import UUID

import fastavro
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException

from posting_engine.records import Record

_NAMESPACE: Final = "hpts.archive.v1"
RECORD: Final = fastavro.parse_schema(
    {
        "type": "record",
        "name": "ArchivedRecord",
        "namespace": _NAMESPACE,
        "doc": "One committed record of the command log, as it was read.",
        "fields": [
            {"name": "offset", "type": "long"},
            {"name": "appended_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "key", "type": ["null", "bytes"]},
            {"name": "value", "type": ["null", "bytes"]},
            {
                "name": "headers",
                "type": {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "Header",
                        "fields": [
                            {"name": "name", "type": "string"},
                            {"name": "value", "type": ["null", "bytes"]},
                        ],
                    },
                },
            },
        ],
    }
)
FACT: Final = fastavro.parse_schema(
    {
        "type": "record",
        "name": "Fact",
        "namespace": _NAMESPACE,
        "doc": "What was decided about a record that was not applied. decided_offset and loan_id "
        "are a quarantine's; without them it is a dead letter.",
        "fields": [
            {"name": "command_offset", "type": "long"},
            {"name": "reason", "type": "string"},
            {"name": "decided_offset", "type": ["null", "long"]},
            {"name": "loan_id", "type": ["null", {"type": "fixed", "name": "Uuid", "size": 16}]},
        ],
    }
)


_BREAKS: Final = (
    *(ValueError, TypeError, AttributeError, LookupError, EOFError, OverflowError),
    *(struct.error, zlib.error, SchemaParseException, SchemaResolutionError),
)
"""What damaged bytes may raise in fastavro."""


class Unreadable(Exception):
    """The bytes are no container of what they should hold."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact about a partition; `decided_offset` and `loan_id` of a quarantine only."""

    command_offset: int
    reason: str
    decided_offset: int | None = None
    loan_id: UUID | None = None


def of_records(records: Iterable[Record]) -> bytes:
    """A container of records of one partition."""
    return _container(RECORD, (_told(record) for record in records))


def records_in(data: bytes, partition_id: int) -> Iterator[Record]:
    """The records of a container, in its order. Raises `Unreadable`."""
    for row in _rows(data, RECORD):
        headers = tuple((header["name"], header["value"]) for header in row["headers"])
        at: datetime = row["appended_at"]
        yield Record(partition_id, row["offset"], at, row["key"], row["value"], headers)


def of_facts(facts: Iterable[Fact]) -> bytes:
    """A container of facts about one partition."""
    rows = (
        {
            "command_offset": fact.command_offset,
            "reason": fact.reason,
            "decided_offset": fact.decided_offset,
            "loan_id": None if fact.loan_id is None else fact.loan_id.bytes,
        }
        for fact in facts
    )
    return _container(FACT, rows)


def facts_in(data: bytes) -> Iterator[Fact]:
    """The facts of a container. Raises `Unreadable`."""
    for row in _rows(data, FACT):
        loan = row["loan_id"]
        yield Fact(
            row["command_offset"],
            row["reason"],
            row["decided_offset"],
            None if loan is None else UUID(bytes=loan),
        )


def sha256_of(record: Record) -> str:
    """SHA-256, in hex, over all of a record that is archived: its offset, time and headers, too."""
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, RECORD, _told(record))
    return sha256(buffer.getvalue()).hexdigest()


def size_of(record: Record) -> int:
    """About how many bytes a record takes."""
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return 32 + len(record.key or b"") + len(record.value or b"") + headers


def _told(record: Record) -> dict[str, Any]:
    return {
        "offset": record.offset,
        "appended_at": record.appended_at,
        "key": record.key,
        "value": record.value,
        "headers": [{"name": name, "value": value} for name, value in record.headers],
    }


def _container(schema: Any, rows: Iterable[dict[str, Any]]) -> bytes:
    buffer = BytesIO()
    fastavro.writer(buffer, schema, rows, codec="deflate", sync_interval=256 * 1024)
    return buffer.getvalue()


def _rows(data: bytes, schema: Any) -> Iterator[Any]:
    try:
        yield from fastavro.reader(BytesIO(data), schema)
    except _BREAKS as error:
        raise Unreadable(f"no container of {schema['name']}: {error}") from error
