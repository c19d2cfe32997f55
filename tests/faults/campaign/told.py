"""The clients' logs, read: what each command was, and all that a client was told about it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Line = dict[str, Any]


@dataclass(eq=False)
class Told:
    """One command of one client, in the order in which it was begun."""

    key: str
    kind: str
    loans: tuple[str, ...]
    began_at: float
    answers: list[Line] = field(default_factory=list)

    @property
    def final(self) -> Line | None:
        """The first answer that was the last word: posted or refused."""
        return next((answer for answer in self.answers if answer["status"] != 202), None)

    @property
    def command_ids(self) -> set[str]:
        """Every id it was told under; more than one is a fault."""
        return {answer["command_id"] for answer in self.answers if answer["command_id"]}

    def offsets(self) -> Iterator[tuple[int, int]]:
        """The (partition, offset) of the last word."""
        yield from places(self.final["position"] if self.final else None)


@dataclass(eq=False)
class ClientLog:
    """The log of one client."""

    name: str
    commands: dict[str, Told]
    faults: list[str]


def read(path: Path) -> ClientLog:
    """One client's log."""
    log = ClientLog(path.stem, {}, [])
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        if "sent" in line:
            key = line["sent"]
            log.commands[key] = Told(key, line["kind"], tuple(line["loans"]), line["at"])
        elif "told" in line:
            log.commands[line["told"]].answers.append(line)
        else:
            log.faults.append(f"{log.name} was told {line['fault']} about {line['key']}")
    return log


def read_all(folder: Path) -> list[ClientLog]:
    """Every client's log."""
    return [read(path) for path in sorted(folder.glob("client-*.jsonl"))]


def places(position: str | None) -> Iterator[tuple[int, int]]:
    """`HPTS-Position` as (partition, offset)."""
    for place in (position or "").split(","):
        if place:
            partition_id, _, offset = place.partition(":")
            yield int(partition_id), int(offset)
