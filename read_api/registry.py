"""The read-only part of the Confluent Schema Registry protocol, answered from `schemas/avro`. Pure.

So whatever speaks to a registry (deserializers, Kafka Connect, ksqlDB, user interfaces) can read
our topics without one: the ids are those in the frames of the records. A subject is a topic and
what its values are: `<topic>-value` where they are of one record, else `<topic>-<record>` for each.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote

from schemas import codec
from schemas.topics import COMMANDS, DEAD_LETTERS, JOURNAL, OUTCOMES

MEDIA_TYPE: Final = "application/vnd.schemaregistry.v1+json"
Answer = tuple[int, Any]

_OF_ONE_RECORD: Final = {"Outcome": OUTCOMES, "DeadLetter": DEAD_LETTERS, "JournalEntry": JOURNAL}
_VERSION: Final = 1
"""A released schema never changes: what changes is a record of another name, or a topic's next."""
_LATEST: Final = ("1", "latest", "-1")


def _subject_of(name: str) -> str:
    topic = _OF_ONE_RECORD.get(name)
    return f"{COMMANDS}-hpts.v1.{name}" if topic is None else f"{topic}-value"


_SOURCES: Final = codec.sources()
_SUBJECTS: Final = {_subject_of(name): schema_id for schema_id, (name, _) in _SOURCES.items()}
_NO_SUBJECT: Final[Answer] = (404, {"error_code": 40401, "message": "Subject not found"})
_NO_VERSION: Final[Answer] = (404, {"error_code": 40402, "message": "Version not found"})
_NO_SCHEMA: Final[Answer] = (404, {"error_code": 40403, "message": "Schema not found"})
_NO_ROUTE: Final[Answer] = (404, {"error_code": 404, "message": "HTTP 404 Not Found"})


def answer(path: str) -> Answer:
    """Status and body of a GET below the registry's address."""
    match [unquote(part) for part in path.split("/")]:
        case [""]:
            return 200, {}
        case ["mode"]:
            return 200, {"mode": "READONLY"}
        case ["config"]:
            return 200, {"compatibilityLevel": "FULL_TRANSITIVE"}
        case ["schemas", "types"]:
            return 200, ["AVRO"]
        case ["schemas", "ids", text, *rest]:
            return _by_id(text, rest)
        case ["subjects"]:
            return 200, sorted(_SUBJECTS)
        case ["subjects", subject, "versions", *rest]:
            return _by_subject(subject, rest)
    return _NO_ROUTE


def _by_id(text: str, rest: list[str]) -> Answer:
    schema_id = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if schema_id not in _SOURCES:
        return _NO_SCHEMA
    name, source = _SOURCES[schema_id]
    subject = _subject_of(name)
    ways: Mapping[tuple[str, ...], Callable[[], Any]] = {
        (): lambda: {"schema": source},
        ("schema",): lambda: json.loads(source),
        ("subjects",): lambda: [subject],
        ("versions",): lambda: [{"subject": subject, "version": _VERSION}],
    }
    way = ways.get(tuple(rest))
    return _NO_ROUTE if way is None else (200, way())


def _by_subject(subject: str, rest: list[str]) -> Answer:
    schema_id = _SUBJECTS.get(subject)
    if schema_id is None:
        return _NO_SUBJECT
    _, source = _SOURCES[schema_id]
    match rest:
        case []:
            return 200, [_VERSION]
        case [version, *_] if version not in _LATEST:
            return _NO_VERSION
        case [_]:
            found = {"subject": subject, "version": _VERSION, "id": schema_id, "schema": source}
            return 200, found
        case [_, "schema"]:
            return 200, json.loads(source)
        case [_, "referencedby"]:
            return 200, []
    return _NO_ROUTE
