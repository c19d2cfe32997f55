"""Putting rebuilt books in the place of the live ones, in one transaction.

Whoever writes to the live schema meanwhile waits for the end of it, and then finds, by the same
names, the rebuilt tables: names are looked up again once a lock was waited for. Engines are fenced
by epochs beyond every one there was.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from hpts.database import Administrator
from hpts.rebuilding.schema import (
    LIVE,
    SchemaRefused,
    has_books,
    mark_of,
    positions,
    refuse_other_migrations,
)
from ingress_api.progress import SCOPE_OF_TYPE
from schemas import codec
from schemas.quarantine import DeadLetter

Published = tuple[str, int, int, int | None, bytes]
"""A message of the dead letters topic: kind, partition, offset, decided offset, loan."""

_LOCKED_WITHIN: Final = "15s"
_MOST_TOLD: Final = 10


@dataclass(frozen=True, slots=True)
class Promotion:
    """What became of it. `old`: what the schema that was live is called now; None: there was
    none. `reservations`: keys that were filled in from the log. `differences`: in what the live
    books were other ones, as far as they went.
    """

    old: str | None
    reservations: int
    differences: tuple[str, ...] = ()


def promote(
    database: Administrator,
    name: str,
    published: Iterable[DeadLetter],
    *,
    now: datetime,
    despite_differences: bool = False,
) -> Promotion:
    """Swap. The schema must be finished, not behind the live one, and what the live one was as far
    as that went, unless it is meant to replace wrong books; raises `SchemaRefused`.

    `published` is what the dead letters topic holds, and so is not published again.
    """
    mark = mark_of(database, name)
    if mark is None or not mark.is_finished:
        raise SchemaRefused(f"schema {name} is no finished rebuild")
    old = f"hpts_before_{now.astimezone(UTC):%Y%m%d%H%M%S}"
    known = {_identity(letter) for letter in published}
    with database.whole():
        database.run(f"SET LOCAL lock_timeout = '{_LOCKED_WITHIN}'")
        database.ask("lock_migrations_here")
        refuse_other_migrations(name, mark)
        is_there = has_books(database)
        differences: tuple[str, ...] = ()
        if is_there:
            _refuse_unready(database, name)
            differences = _differences(database, name)
            if differences and not despite_differences:
                raise SchemaRefused(_told(name, differences))
            with database.within(name):
                database.ask("take_over_outgoing")
                database.ask("take_over_leases")
        database.run(f"SET LOCAL search_path = {name}, hpts_edge")
        _forget_published(database, known)
        database.ask("forget_met_follow_ups")
        [[filled]] = database.ask("fill_reservations", **_scopes())
        # Beyond every epoch that a writer of the lost books may remember: those count from 0 up.
        database.ask("fence_all", least=int(now.timestamp()))
        if is_there:
            database.run(f"ALTER SCHEMA {LIVE} RENAME TO {old}")
        elif database.has_schema(LIVE):
            database.run(f"DROP SCHEMA {LIVE}")  # empty, or this fails
        database.run(f"ALTER SCHEMA {name} RENAME TO {LIVE}")
        database.comment(LIVE, None)
    return Promotion(old if is_there else None, int(filled), differences)


def _refuse_unready(database: Administrator, name: str) -> None:
    """From here on nothing of the live books changes; raises where they could be lost by it."""
    database.ask("lock_live_books")
    if running := database.ask("find_running_engines"):
        raise SchemaRefused(
            f"{running[0][0]} serves partitions of the live books: stop the engines, then promote"
        )
    rebuilt = positions(database, name)
    if behind := _behind(positions(database, LIVE), rebuilt):
        raise SchemaRefused(
            f"{name} is behind the live books in partitions {', '.join(map(str, behind))}: the "
            "log was applied further than it can be read now"
        )


def _differences(database: Administrator, name: str) -> tuple[str, ...]:
    """Where the live books have gone another way: in their journals, and in what was decided."""
    with database.within(name):
        heads = database.ask("find_differing_heads")
        facts = database.ask("find_differing_facts")
    told = [f"partition {p}: the journal up to entry {seq}, the last live one" for p, seq in heads]
    for partition_id, decided, kind, offset, is_live in facts:
        where = "the live books" if is_live else name
        told.append(f"partition {partition_id}: {kind} of {offset} at {decided} in {where} alone")
    return tuple(told)


def _told(name: str, differences: tuple[str, ...]) -> str:
    first = "; ".join(differences[:_MOST_TOLD])
    more = f"; and {len(differences) - _MOST_TOLD} more" if len(differences) > _MOST_TOLD else ""
    return (
        f"{name} is not what the live books were ({first}{more}): look at `hpts diff {name}`, "
        "rebuild anew with the engines stopped, and where it is the live books that are wrong, "
        "--despite-differences puts the rebuilt ones in their place"
    )


def _behind(live: Mapping[int, int], rebuilt: Mapping[int, int]) -> list[int]:
    return [p for p, offset in sorted(live.items()) if rebuilt.get(p, 0) < offset]


def _forget_published(database: Administrator, known: set[Published]) -> None:
    done = []
    for partition_id, outgoing_seq, value in database.ask("load_outgoing_letters"):
        letter = codec.decode(value)
        if isinstance(letter, DeadLetter) and _identity(letter) in known:
            done.append((partition_id, outgoing_seq))
    database.ask(
        "forget_letters",
        partition_ids=[partition_id for partition_id, _ in done],
        outgoing_seqs=[outgoing_seq for _, outgoing_seq in done],
    )


def _identity(letter: DeadLetter) -> Published:
    loan = letter.loan_id.bytes if letter.loan_id is not None else b""
    place = (letter.partition_id, letter.command_offset)
    return (letter.kind, *place, letter.decided_offset, loan)


def _scopes() -> dict[str, list[str]]:
    """What whoever asks for a command must be allowed, by the command."""
    return {"command_types": list(SCOPE_OF_TYPE), "scopes": list(SCOPE_OF_TYPE.values())}
