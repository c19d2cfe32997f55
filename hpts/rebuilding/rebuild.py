"""One rebuild from start to finish: a schema, the log applied to it, and its promotion."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hpts.database import Administrator, administrator
from hpts.rebuilding import schema
from hpts.rebuilding.replay import BATCH_RECORDS, CannotReplay, Share, replay_all
from hpts.rebuilding.source import Facts, LogSource, SourceDamaged
from hpts.rebuilding.topic import TopicSource
from posting_engine.key_ring import ring_from

Look = Callable[[int, int], None]
"""Records applied so far by this run, and how many there are in all."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a run did: the records that it applied, and how far the schema has come."""

    records: int
    next_offsets: Mapping[int, int]


def rebuild(
    admin_dsn: str,
    bootstrap: str,
    name: str,
    *,
    until: Mapping[int, int] | None = None,
    batch_records: int = BATCH_RECORDS,
    processes: int | None = None,
    on_look: Look = lambda _done, _total: None,
    source: Callable[[], LogSource] | None = None,
) -> Rebuilt:
    """Make or go on with a rebuild, up to the log's end as it is now, or `until` (partition -> the
    last offset; partitions that it does not name go to the end). `source` None: the live topic.

    Raises `SchemaRefused`, `SourceDamaged`, `CannotReplay` and what servers that are away raise.
    """
    make_source = source or functools.partial(TopicSource, bootstrap)
    log = make_source()
    with administrator(admin_dsn) as database:
        ledger = schema.ledger_of(database)
        if log.topic_id != ledger.topic_id:
            raise SourceDamaged(
                f"the ledger is pinned to the topic with id {ledger.topic_id}, and this log is "
                f"{log.topic_id}"
            )
        _check_keys(database)
        ends = _ends(log, ledger, until)
        schema.make(database, name, ledger)
        before = schema.positions(database, name)
        share = Share(
            source=make_source,
            dsn=admin_dsn,
            schema=name,
            partition_count=ledger.partition_count,
            ends=ends,
            facts=_live_facts(database).and_those_of(log.facts()),
            batch_records=batch_records,
        )
        total = sum(max(0, end - before[p]) for p, end in ends.items())

        def look() -> None:
            now = schema.positions(database, name)
            on_look(sum(now[p] - before[p] for p in now), total)

        replay_all(share, processes=processes, on_look=look)
        schema.tidy(database, name)
        after = schema.positions(database, name)
    return Rebuilt(sum(after[p] - before[p] for p in after), after)


def promote(admin_dsn: str, bootstrap: str, name: str) -> str | None:
    """Put a rebuild in the place of the live books; what these are called now, if there are any.

    Raises `SchemaRefused` with everything as it was.
    """
    published = set(TopicSource(bootstrap).published_values())
    with administrator(admin_dsn) as database:
        schema.check_name(name)
        return schema.promote(database, name, published, now=datetime.now(UTC))


def _ends(log: LogSource, ledger: schema.Ledger, until: Mapping[int, int] | None) -> dict[int, int]:
    bounds = log.bounds()
    if set(bounds) != set(range(ledger.partition_count)):
        raise SourceDamaged(
            f"the log has partitions {sorted(bounds)}, the ledger {ledger.partition_count}"
        )
    ends = {}
    for partition_id, (_, end) in bounds.items():
        last = None if until is None else until.get(partition_id)
        if last is not None and last >= end:
            raise CannotReplay(f"partition {partition_id}: the log ends before offset {last}")
        ends[partition_id] = end if last is None else last + 1
    if beyond := set(until or {}) - set(ends):
        raise CannotReplay(f"there is no partition {min(beyond)}")
    return ends


def _check_keys(database: Administrator) -> None:
    """Without a secret all that it signed would count as foreign, and be set aside."""
    names = ("key_id", "secret_reference", "tenants", "valid_from", "valid_until")
    rows = [dict(zip(names, row, strict=True)) for row in database.ask("load_key_ring")]
    readable = ring_from(rows)
    missing = [str(row["key_id"]) for row in rows if row["key_id"] not in readable]
    if missing or not rows:
        raise CannotReplay(
            f"the secrets of signing keys cannot be read here: {', '.join(missing) or 'no key'}. "
            "Every key that ever signed a command is needed to tell commands from forgeries."
        )


def _live_facts(database: Administrator) -> Facts:
    """What the live books have of it; nothing where they are lost."""
    if not schema.has_books(database):
        return Facts()
    letters: dict[Any, str] = {(p, o): why for p, o, why in database.ask("load_letters")}
    broken = {(p, d, o, loan): why for p, d, o, loan, why in database.ask("load_quarantines")}
    return Facts(letters, broken)
