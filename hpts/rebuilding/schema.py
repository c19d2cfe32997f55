"""Schemas that books are rebuilt in: making one, finding out what one is, putting it in place.

A schema of a rebuild says so in its comment, with the topic that it follows; nothing else is ever
written to, and none of this touches the live schema before `promote`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from hpts import migrate
from hpts.database import Administrator

LIVE: Final = "hpts"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,47}", re.ASCII)
_TAKEN: Final = frozenset({"hpts", "hpts_edge", "public", "information_schema"})
_MARK: Final = "hpts replay of topic "
_READERS: Final = "hpts_ingress, hpts_engine, hpts_reader, hpts_deliveries, hpts_reconciliation"


class SchemaRefused(Exception):
    """That schema is not one to rebuild into, or not one to be promoted. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the ledger was pinned to."""

    partition_count: int
    topic_id: str


def ledger_of(database: Administrator) -> Ledger:
    """Raises `SchemaRefused` where the database is not of this build, or has no ledger."""
    applied = dict(database.ask("load_migrations")) if _has_migrations(database) else {}
    missing = migrate.pending(migrate.shipped(), applied)
    pinned = [] if missing else database.ask("load_pinned")
    if not pinned:
        raise SchemaRefused("the database has no ledger of this build: run `hpts migrate` first")
    return Ledger(*pinned[0])


def _has_migrations(database: Administrator) -> bool:
    [[found]] = database.ask("find_table", name="hpts_edge.migrations")
    return bool(found)


def check_name(name: str) -> None:
    """Raise `SchemaRefused` for a name that is none to rebuild into."""
    if not _NAME.fullmatch(name) or name in _TAKEN or name.startswith("pg_"):
        raise SchemaRefused(
            f"{name!r} is no name to rebuild into: small letters, digits and _, "
            f"beginning with a letter, and not {', '.join(sorted(_TAKEN))}"
        )


def make(database: Administrator, name: str, ledger: Ledger) -> bool:
    """Make the schema, empty, if there is none; whether it was made. Raises `SchemaRefused` for
    one that is no rebuild of the same topic.
    """
    check_name(name)
    with database.whole():
        database.ask("lock_migrations")
        mark = mark_of(database, name)
        if mark is not None:
            if mark != ledger.topic_id:
                raise SchemaRefused(
                    f"schema {name} exists and is no rebuild of topic {ledger.topic_id}: "
                    "choose another name, or drop it"
                )
            return False
        database.run(f"CREATE SCHEMA {name} AUTHORIZATION hpts_owner")
        database.run(f"COMMENT ON SCHEMA {name} IS '{_MARK}{ledger.topic_id}'")
        database.run(f"SET LOCAL ROLE hpts_owner; SET LOCAL search_path = {name}")
        for migration in migrate.shipped():
            if migration.schema == LIVE:
                database.run(migration.text)
        database.run("SET LOCAL ROLE NONE")
        database.run(f"GRANT USAGE ON SCHEMA {name} TO {_READERS}")
        database.ask(
            "found_partitions", partition_count=ledger.partition_count, topic_id=ledger.topic_id
        )
    return True


def mark_of(database: Administrator, name: str) -> str | None:
    """The topic that a schema says to be a rebuild of; empty where it is none; None: no schema."""
    found = database.ask("load_schema_comment", name=name)
    if not found:
        return None
    comment = found[0][0] or ""
    return comment.removeprefix(_MARK) if comment.startswith(_MARK) else ""


def has_books(database: Administrator, name: str = LIVE) -> bool:
    """Whether a schema holds books at all."""
    [[found]] = database.ask("find_table", name=f"{name}.partitions")
    return bool(found)


def positions(database: Administrator, name: str) -> dict[int, int]:
    """How far each partition of a schema's books has been applied: the next offset."""
    with database.whole():
        database.run(f"SET LOCAL search_path = {name}")
        return dict(database.ask("load_next_offsets"))


def tidy(database: Administrator, name: str) -> None:
    """Forget the follow-ups that were met in the log, and look at the tables for the planner."""
    with database.whole():
        database.run(f"SET LOCAL search_path = {name}")
        database.ask("forget_met_follow_ups")
        database.run("ANALYZE")


def promote(
    database: Administrator, name: str, published: Iterable[bytes], *, now: datetime
) -> str | None:
    """Put a rebuilt schema in the place of the live one, in one transaction; what the live one is
    called from now on, None where there was none. Raises `SchemaRefused`.

    `published` is what the dead letters topic holds, and so need not be published again.
    """
    if mark_of(database, name) in (None, ""):
        raise SchemaRefused(f"schema {name} is no rebuild")
    old = f"hpts_before_{now.astimezone(UTC):%Y%m%d%H%M%S}"
    with database.whole():
        database.run("SET LOCAL lock_timeout = '15s'")
        is_there = has_books(database)
        if is_there:
            _take_over(database, name)
            # An engine that waits for these rows goes on with the old ones: it must find it fenced.
            database.ask("fence_live", least=int(now.timestamp()))
        database.run(f"SET LOCAL search_path = {name}")
        database.ask("forget_met_follow_ups")
        database.ask("forget_published", published=list(published))
        # Beyond every epoch that a writer of the lost books may remember: those count from 0 up.
        database.ask("fence_all", least=int(now.timestamp()))
        if _exists(database, LIVE):
            database.run(f"ALTER SCHEMA {LIVE} RENAME TO {old}")
        database.run(f"ALTER SCHEMA {name} RENAME TO {LIVE}")
        database.run(f"COMMENT ON SCHEMA {LIVE} IS NULL")
    return old if is_there else None


def _take_over(database: Administrator, name: str) -> None:
    """What the live books have and the log has not; nothing of it can change meanwhile."""
    database.run("LOCK TABLE hpts.partitions, hpts.outgoing_commands IN ACCESS EXCLUSIVE MODE")
    if running := database.ask("find_running_engines"):
        raise SchemaRefused(
            f"{running[0][0]} serves partitions of the live books: stop the engines, then promote"
        )
    behind = _behind(positions(database, LIVE), positions(database, name))
    if behind:
        raise SchemaRefused(
            f"{name} is behind the live books in partitions {', '.join(map(str, behind))}: "
            "run the replay again first"
        )
    database.run(f"SET LOCAL search_path = {name}")
    database.ask("take_over_outgoing")
    database.ask("take_over_epochs")


def _behind(live: Mapping[int, int], rebuilt: Mapping[int, int]) -> list[int]:
    return [p for p, offset in sorted(live.items()) if rebuilt.get(p, 0) < offset]


def _exists(database: Administrator, name: str) -> bool:
    return bool(database.ask("load_schema_comment", name=name))
