"""Commands, outcomes, journal entries to and from bytes: Confluent framing (00, schema id, Avro).

Schema ids are pinned in `avro/schemas.lock` with the SHA-256 of each schema's canonical form,
so a dead or reset registry cannot change what a record means. The only module that imports
`fastavro`.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from typing import Any, Final, get_args
from uuid import UUID

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.schema import to_parsing_canonical_form

from schemas.commands import AdjustmentLine, AnyCommand
from schemas.cut_over import CutOver
from schemas.ids import uuid_of
from schemas.journal_topic import JournalEntry, JournalLine
from schemas.quarantine import DeadLetter, QuarantineReject, QuarantineResume, Resolution


class UndecodableRecord(Exception):
    """The bytes are no framed record of a schema that this build knows how to read."""


class UnknownSchema(UndecodableRecord):
    """The framing is right but this build does not have the schema id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An announcement. `result` is the JSON text of `command_outcomes.result`."""

    tenant_id: UUID
    command_id: UUID
    correlation_id: UUID
    idempotency_key: str
    fingerprint: bytes
    status: str
    result: str
    partition_id: int
    command_offset: int
    dry_run: bool = False


Message = AnyCommand | Resolution | CutOver | Outcome | DeadLetter | JournalEntry

_RESOLUTIONS: Final = (QuarantineResume, QuarantineReject)
_TYPES: Final[dict[str, Any]] = {
    kind.__name__: kind
    for kind in (
        *(*get_args(AnyCommand), *_RESOLUTIONS, CutOver),
        *(Outcome, DeadLetter, JournalEntry),
    )
}
_LINES: Final[dict[str, Any]] = {kind.__name__: kind for kind in (AdjustmentLine, JournalLine)}
_FRAME: Final = struct.Struct(">bI")


@dataclass(frozen=True, slots=True)
class _Record:
    """A record type as a value of ours: ids are UUIDs there, and 16 bytes in Avro."""

    kind: Any
    uuid_fields: tuple[str, ...]

    def fields_of(self, value: Any) -> dict[str, Any]:
        record = {name: getattr(value, name) for name in self.kind.__dataclass_fields__}
        for name in self.uuid_fields:
            identifier = record[name]
            record[name] = None if identifier is None else identifier.bytes
        return record

    def value_of(self, record: dict[str, Any]) -> Any:
        for name in self.uuid_fields:
            if record[name] is not None:
                record[name] = uuid_of(int.from_bytes(record[name], "big"))
        return self.kind(**record)


@dataclass(frozen=True, slots=True)
class _Schema:
    schema_id: int
    source: str
    parsed: Any
    record: _Record
    line: _Record | None


def fingerprint_of(schema: Any) -> str:
    """SHA-256 of a schema's parsing canonical form, in hex."""
    return sha256(to_parsing_canonical_form(schema).encode()).hexdigest()


def _load() -> dict[int, _Schema]:
    folder = files("schemas") / "avro"
    schemas: dict[int, _Schema] = {}
    for line in (folder / "schemas.lock").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        number, name, pinned = line.split()
        text = (folder / f"{name}.avsc").read_text()
        source = json.loads(text)
        if fingerprint_of(source) != pinned:
            raise RuntimeError(f"schema {name} differs from the one pinned in schemas.lock")
        record = _Record(_TYPES[name], _uuids_in(source))
        parsed = parse_schema(source)
        schemas[int(number)] = _Schema(int(number), text, parsed, record, _line_of(source))
    return schemas


def _uuids_in(source: Any) -> tuple[str, ...]:
    return tuple(
        field["name"]
        for field in source["fields"]
        if "Uuid" in json.dumps(field["type"]) and '"array"' not in json.dumps(field["type"])
    )


def _line_of(source: Any) -> _Record | None:
    for field in source["fields"]:
        if field["name"] == "lines":
            item = field["type"]["items"]
            return _Record(_LINES[item["name"]], _uuids_in(item))
    return None


_BY_ID: Final = _load()
_BY_KIND: Final = {schema.record.kind: schema for schema in _BY_ID.values()}


def encode(message: Message) -> bytes:
    """The framed Avro bytes of a message."""
    schema = _BY_KIND[type(message)]
    record = schema.record.fields_of(message)
    if schema.line is not None:
        record["lines"] = [schema.line.fields_of(line) for line in record["lines"]]
    if "headers" in record:
        record["headers"] = [{"name": n, "value": value} for n, value in record["headers"]]
    return encode_fields(schema.record.kind, record)


def encode_fields(kind: type[Message], fields: Mapping[str, Any]) -> bytes:
    """The same of what is no object yet: a mapping with the schema's names, ids as 16 bytes. What
    else the mapping has is left out.
    """
    schema = _BY_KIND[kind]
    buffer = BytesIO()
    buffer.write(_FRAME.pack(0, schema.schema_id))
    schemaless_writer(buffer, schema.parsed, fields)
    return buffer.getvalue()


def decode(value: bytes | None) -> Message:
    """Read framed bytes; `UnknownSchema` or `UndecodableRecord` say why they cannot be read.

    Every byte must belong to the record: trailing bytes are refused, so nothing can hide behind it.
    """
    if value is None or len(value) < _FRAME.size:
        raise UndecodableRecord("the value is shorter than its frame")
    magic, schema_id = _FRAME.unpack_from(value)
    if magic != 0:
        raise UndecodableRecord("the value does not begin with the magic byte 00")
    schema = _BY_ID.get(schema_id)
    if schema is None:
        raise UnknownSchema(f"schema id {schema_id} is not in schemas.lock")
    buffer = BytesIO(value)
    buffer.seek(_FRAME.size)
    try:
        record: Any = schemaless_reader(buffer, schema.parsed, None)
        if schema.line is not None:
            record["lines"] = tuple(schema.line.value_of(line) for line in record["lines"])
        if "headers" in record:
            record["headers"] = tuple((one["name"], one["value"]) for one in record["headers"])
        message: Message = schema.record.value_of(record)
    except (ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError) as error:
        raise UndecodableRecord(f"no valid {schema.record.kind.__name__}: {error}") from error
    if buffer.tell() != len(value):
        raise UndecodableRecord("bytes follow the record")
    return message


def sources() -> dict[int, tuple[str, str]]:
    """Every schema by its id: the record's name, and the schema as its file has it."""
    return {
        schema_id: (schema.record.kind.__name__, schema.source)
        for schema_id, schema in _BY_ID.items()
    }


def schema_name_of(value: bytes) -> str | None:
    """The record type that a framed value claims, for people who read dead letters."""
    if len(value) < _FRAME.size:
        return None
    schema = _BY_ID.get(_FRAME.unpack_from(value)[1])
    return None if schema is None else schema.record.kind.__name__
