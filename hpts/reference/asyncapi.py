"""schemas/asyncapi.yaml (AsyncAPI 3) and docs/reference/topics.md: the topics and what is on them.

From `schemas.topics` and the Avro schemas with their pinned ids. Needs the `dev` extra (PyYAML).
"""

import json
from importlib.resources import files
from typing import Any, Final, NamedTuple

from schemas.topics import (
    CHECKPOINTS,
    COMMANDS,
    DEAD_LETTERS,
    OUTCOMES,
    REPLY_PARTITION_HEADER,
    SIGNATURE_HEADER,
    TOPICS,
    TRACEPARENT_HEADER,
    Topic,
)

OF_TOPIC: Final = {
    "Outcome": OUTCOMES,
    "DeadLetter": DEAD_LETTERS,
    "JournalEntry": "hpts.journal.v1",
}
"""Every other schema is a command, or what a log begins with."""
AVRO: Final = "application/vnd.apache.avro+json;version=1.9.0"

HEAD: Final = """\
# Topics and messages

`hpts migrate` makes the topics; every process that uses them refuses weaker settings by name. The
same for programs: `schemas/asyncapi.yaml` (AsyncAPI 3), with the Avro schemas in `schemas/avro/`.
Values are framed as Confluent's tools do: a zero byte, four bytes of schema id, the Avro body. How
to write commands: [Kafka producers](../guides/kafka-producers.md).

This page is made by `python -m hpts.reference`.
"""

ABOUT: Final = {
    COMMANDS: (
        "commands",
        "The log that the books follow, in order within each partition. Written by ingress, by the "
        "engines (steps and chunks), and by direct producers; every record is signed.",
    ),
    OUTCOMES: (
        "outcomes",
        "What became of a command, told to the process that waits for it. Announcements only: the "
        "truth is in Postgres, and what is lost here costs latency.",
    ),
    CHECKPOINTS: (
        "checkpoints",
        "Signed chain heads, for auditors: see docs/verification.md.",
    ),
    DEAD_LETTERS: (
        "deadLetters",
        "Records that were no command, and every time a command was quarantined.",
    ),
    "hpts.journal.v1": (
        "journal",
        "The journal, entry by entry, for warehouses and other systems.",
    ),
}


class Schema(NamedTuple):
    """One Avro schema with its pinned id."""

    schema_id: int
    name: str
    told: str
    topic: str


def schemas() -> list[Schema]:
    """Every schema, by id."""
    folder = files("schemas") / "avro"
    found = []
    for line in (folder / "schemas.lock").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            number, name, _ = line.split()
            source = json.loads((folder / f"{name}.avsc").read_text(encoding="utf-8"))
            topic = OF_TOPIC.get(name, COMMANDS)
            found.append(Schema(int(number), name, source.get("doc", ""), topic))
    return found


def document() -> str:
    """The whole AsyncAPI document."""
    import yaml

    known = schemas()
    whole = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "HPTS: the lending ledger's topics",
            "version": "1.0.0",
            "description": "Made by `python -m hpts.reference`; never edited.",
        },
        "defaultContentType": "application/vnd.apache.avro",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "variables": {"bootstrap": {"description": "HPTS_KAFKA_BOOTSTRAP"}},
            }
        },
        "channels": {ABOUT[topic.name][0]: _channel(topic, known) for topic in TOPICS},
        "operations": {
            ("take" if topic.name == COMMANDS else "publish") + _capital(ABOUT[topic.name][0]): {
                "action": "receive" if topic.name == COMMANDS else "send",
                "channel": {"$ref": f"#/channels/{ABOUT[topic.name][0]}"},
            }
            for topic in TOPICS
        },
        "components": {
            "messages": {one.name: _message(one) for one in known} | {"Checkpoint": _CHECKPOINT},
            "schemas": {"RecordHeaders": _HEADERS},
        },
    }
    return str(yaml.safe_dump(whole, sort_keys=False, width=100))


def page() -> str:
    """docs/reference/topics.md."""
    parts = [HEAD]
    for topic in TOPICS:
        settings = ", ".join(f"`{name}={value}`" for name, value in topic.settings.items())
        count = topic.partitions or "the ledger's own number, for life"
        rows = "".join(
            f"| {one.schema_id} | `{one.name}` | {one.told} |\n"
            for one in schemas()
            if one.topic == topic.name
        )
        table = f"\n| id | record | what |\n|---|---|---|\n{rows}" if rows else ""
        parts.append(
            f"## {topic.name}\n\n{ABOUT[topic.name][1]}\n\nPartitions: {count}. {settings}\n{table}"
        )
    return "\n".join(parts)


def _channel(topic: Topic, known: list[Schema]) -> dict[str, Any]:
    names = [one.name for one in known if one.topic == topic.name] or ["Checkpoint"]
    kafka: dict[str, Any] = {"topic": topic.name, "x-settings": dict(topic.settings)}
    if topic.partitions is not None:
        kafka["partitions"] = topic.partitions
    return {
        "address": topic.name,
        "description": ABOUT[topic.name][1],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"kafka": kafka},
    }


def _message(one: Schema) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": one.name,
        "summary": one.told,
        "x-schema-id": one.schema_id,
        "payload": {"schemaFormat": AVRO, "schema": {"$ref": f"./avro/{one.name}.avsc"}},
        "bindings": {
            "kafka": {"schemaIdLocation": "payload", "schemaIdPayloadEncoding": "confluent"}
        },
    }
    if one.topic == COMMANDS:
        message["headers"] = {"$ref": "#/components/schemas/RecordHeaders"}
    return message


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


_HEADERS: Final[dict[str, Any]] = {
    "type": "object",
    "required": [SIGNATURE_HEADER],
    "properties": {
        SIGNATURE_HEADER: {
            "type": "string",
            "description": "Key id and HMAC-SHA-256 of the value; see the signing key ring.",
        },
        REPLY_PARTITION_HEADER: {
            "type": "string",
            "description": "Where on the outcomes topic the sender listens.",
        },
        TRACEPARENT_HEADER: {"type": "string", "description": "W3C Trace Context."},
    },
}
_CHECKPOINT: Final[dict[str, Any]] = {
    "name": "Checkpoint",
    "summary": "Where a partition's journal stands, signed (Ed25519).",
    "contentType": "application/json",
    "payload": {
        "type": "object",
        "required": ["checkpoint", "signature"],
        "properties": {
            "checkpoint": {"type": "array"},
            "signature": {"type": "string", "pattern": "^[0-9a-f]{128}$"},
        },
    },
}
