"""Schemas that books are rebuilt in: making one, finding out what one is, and finishing it.

Such a schema says in its comment that it is a rebuild, of which topic, made by which migrations,
whether it is finished, and which indexes are still to be made. What says nothing of the kind is
never written to. Nothing here touches the live schema; `promoting` does.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

from hpts import migrate
from hpts.database import Administrator

LIVE: Final = "hpts"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,47}", re.ASCII)
_TAKEN: Final = frozenset({"hpts", "hpts_edge", "public", "information_schema"})
_MARK: Final = "hpts replay: "
_ON_SCHEMA: Final = f" ON SCHEMA {LIVE} "
_FROM_THE_BEGINNING: Final[Mapping[int, int]] = {}
_MADE_LAST: Final = (
    *("command_outcomes_command", "command_outcomes_steps", "command_outcomes_accrual"),
    *("loans_borrower", "journal_entries_tenant", "journal_lines_reference"),
)
"""Indexes that only readers use: no statement of the engine does (a test looks at its plans)."""


class SchemaRefused(Exception):
    """That schema is not one to rebuild into, or not one to be promoted. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the ledger was pinned to."""

    partition_count: int
    topic_id: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What the schema of a rebuild says of itself. `indexes`: statements that are still to be run.
    `migrations` are the names of those that made it.
    """

    topic_id: str
    migrations: tuple[str, ...]
    is_finished: bool = False
    indexes: tuple[str, ...] = ()


def ledger_of(database: Administrator) -> Ledger:
    """Raises `SchemaRefused` where the database is not of this build, or has no ledger."""
    [[is_there]] = database.ask("find_table", name="hpts_edge.migrations")
    applied = dict(database.ask("load_migrations")) if is_there else {}
    missing = migrate.pending(migrate.shipped(), applied)
    pinned = [] if missing else database.ask("load_pinned")
    if not pinned:
        raise SchemaRefused("the database has no ledger of this build: run `hpts migrate` first")
    return Ledger(*pinned[0])


def make(
    database: Administrator,
    name: str,
    ledger: Ledger,
    *,
    goes_on: bool,
    bases: Mapping[int, int] = _FROM_THE_BEGINNING,
) -> Mark:
    """The schema's mark; it is made, empty, where there is none. `bases` are the topic's.

    Raises `SchemaRefused` for one that is no rebuild of the same topic by the same migrations, and
    for a finished one unless the caller `goes_on` with it.
    """
    if not is_name(name) or name in _TAKEN or name.startswith(("pg_", "hpts_before_")):
        raise SchemaRefused(
            f"{name!r} is no name to rebuild into: small letters, digits and _, beginning with "
            f"a letter, and none of {', '.join(sorted(_TAKEN))}, pg_..., hpts_before_..."
        )
    with database.whole():
        if not database.has_schema(name):
            return _made(database, name, ledger, bases)
        mark = mark_of(database, name)
        if mark is None or mark.topic_id != ledger.topic_id:
            raise SchemaRefused(
                f"schema {name} exists and is no rebuild of topic {ledger.topic_id}: "
                "choose another name, or drop it"
            )
        refuse_other_migrations(name, mark)
        if mark.is_finished and not goes_on:
            raise SchemaRefused(
                f"schema {name} is a finished rebuild, and was left as it is: --catch-up applies "
                "what the log has had since, --promote puts it in the place of the live one"
            )
        return mark


def mark_of(database: Administrator, name: str) -> Mark | None:
    """What a schema says of itself; None for one that is no rebuild, and where there is none."""
    comment = database.comment_of(name) or ""
    if not comment.startswith(_MARK):
        return None
    told = json.loads(comment.removeprefix(_MARK))
    return Mark(
        told["topic_id"], tuple(told["migrations"]), told["is_finished"], tuple(told["indexes"])
    )


def is_name(name: str) -> bool:
    """Whether a name needs no quotes, and so can be one of ours."""
    return _NAME.fullmatch(name) is not None


def has_books(database: Administrator, name: str = LIVE) -> bool:
    """Whether a schema holds books at all."""
    [[found]] = database.ask("find_table", name=f"{name}.partitions")
    return bool(found)


def bases(database: Administrator) -> dict[int, int]:
    """Where the topic begins that the live books follow, as far as they know."""
    return dict(database.ask("load_bases")) if has_books(database) else {}


def positions(database: Administrator, name: str) -> dict[int, int]:
    """How far each partition of a schema's books has been applied: the next offset."""
    with database.within(name):
        return dict(database.ask("load_next_offsets"))


def finish(database: Administrator, name: str) -> None:
    """Make the indexes that were put off, one a transaction; forget the follow-ups that the log
    has; look at the tables for the planner; and say that it is finished.
    """
    mark = _marked(database, name)
    while mark.indexes:
        with database.whole():
            database.run(f"SET LOCAL ROLE hpts_owner; {mark.indexes[0]}")
            database.run("RESET ROLE")
            mark = replace(mark, indexes=mark.indexes[1:])
            _say(database, name, mark)
    with database.within(name):
        database.ask("forget_met_follow_ups")
        database.ask("analyze_books")
        _say(database, name, replace(mark, is_finished=True))


def _made(database: Administrator, name: str, ledger: Ledger, bases: Mapping[int, int]) -> Mark:
    shipped = migrate.shipped()
    database.run(f"CREATE SCHEMA {name} AUTHORIZATION hpts_owner")
    database.run(f"SET LOCAL ROLE hpts_owner; SET LOCAL search_path = {name}")
    for migration in shipped:
        if migration.schema == LIVE:
            database.run(migration.text.replace(_ON_SCHEMA, f" ON SCHEMA {name} "))
    indexes = dict(database.ask("load_index_definitions", schema=name, names=list(_MADE_LAST)))
    for index in indexes:
        database.run(f"DROP INDEX {name}.{index}")
    database.run("RESET ROLE")  # the owner may fill none of its tables
    database.ask(
        "found_partitions",
        topic_id=ledger.topic_id,
        bases=[bases.get(partition_id, 0) for partition_id in range(ledger.partition_count)],
    )
    names = tuple(migration.name for migration in shipped)
    mark = Mark(ledger.topic_id, names, indexes=tuple(indexes.values()))
    _say(database, name, mark)
    return mark


def _marked(database: Administrator, name: str) -> Mark:
    mark = mark_of(database, name)
    if mark is None:
        raise SchemaRefused(f"schema {name} is no rebuild")
    return mark


def refuse_other_migrations(name: str, mark: Mark) -> None:
    """Raise `SchemaRefused` for what an earlier or later build has made."""
    if mark.migrations != tuple(migration.name for migration in migrate.shipped()):
        raise SchemaRefused(
            f"schema {name} was made by other migrations than those of this build: "
            "drop it, and rebuild"
        )


def _say(database: Administrator, name: str, mark: Mark) -> None:
    database.comment(name, _MARK + json.dumps(asdict(mark)))
