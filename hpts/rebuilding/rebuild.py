"""A rebuild from beginning to end: which schema, which facts, up to where; and promoting it."""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from hpts.archiving.source import OVERLAP, open_source
from hpts.database import Administrator, administrator
from hpts.rebuilding import schema
from hpts.rebuilding.promoting import Promotion, promote
from hpts.rebuilding.replay import BATCH_RECORDS, Share, replay_all
from hpts.rebuilding.source import Facts, LogSource, SourceDamaged
from hpts.rebuilding.topic import TopicSource
from posting_engine.posting.decide import decide as decide_by_the_rules
from posting_engine.quarantine import Decide
from schemas.kafka_security import Security


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay is: records applied of all there are, since when, and what is to come."""

    applied: int
    total: int
    seconds: float
    applied_before: int

    @property
    def per_second(self) -> float:
        """Records a second of this run."""
        return (self.applied - self.applied_before) / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """By the rate so far; None before there is one."""
        return (self.total - self.applied) / self.per_second if self.per_second > 0 else None


Watch = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """What to rebuild, where, and how. `archive`: a path or `s3://` address to read first; with
    `archive_alone` the topics are not read at all.

    `until`: partition -> the last offset to apply; the others go to the log's end.
    """

    admin_dsn: str
    bootstrap: str
    into: str
    until: Mapping[int, int] = field(default_factory=dict)
    archive: str | None = None
    archive_alone: bool = False
    goes_on: bool = False
    processes: int | None = None
    batch_records: int = BATCH_RECORDS
    decide: Decide = decide_by_the_rules
    security: Security = field(default_factory=dict)

    def run(self, watch: Watch) -> Progress:
        """Replay; what came of it. Raises `SchemaRefused`, `SourceDamaged`, and what `replay_all`
        does. What was applied stays, and is gone on with the next time.
        """
        with administrator(self.admin_dsn) as database:
            ledger, bases = schema.ledger_of(database), schema.bases(database)
            source = self._source(bases)()
            if source.topic_id != ledger.topic_id:
                raise SourceDamaged(
                    f"the source follows topic {source.topic_id}, the ledger {ledger.topic_id}"
                )
            ends = self._ends(source, ledger.partition_count)
            begins = source.bases()
            schema.make(database, self.into, ledger, goes_on=self.goes_on, bases=begins)
            share = Share(
                source=self._source(bases, overlap=0),  # compared once, here
                dsn=self.admin_dsn,
                schema=self.into,
                partition_count=ledger.partition_count,
                ends=ends,
                facts=known_facts(database, source),
                batch_records=self.batch_records,
                decide=self.decide,
            )
            progress = self._replayed(database, share, watch)
            schema.finish(database, self.into)
        return progress

    def promote(self, watch: Watch, *, despite_differences: bool = False) -> Promotion:
        """Catch up with the log's end, and put the rebuilt books in the place of the live ones."""
        replace(self, until={}, goes_on=True).run(watch)
        source = TopicSource(self.bootstrap, security=self.security)
        with administrator(self.admin_dsn) as database:
            return promote(
                database,
                self.into,
                source.published(),
                now=datetime.now(UTC),
                despite_differences=despite_differences,
            )

    def _source(
        self, bases: Mapping[int, int], *, overlap: int = OVERLAP
    ) -> Callable[[], LogSource]:
        by: dict[str, Any] = {"security": self.security, "bases": bases}
        if self.archive is None:
            return functools.partial(TopicSource, self.bootstrap, **by)
        after = None if self.archive_alone else self.bootstrap
        return functools.partial(open_source, self.archive, after, overlap=overlap, **by)

    def _ends(self, source: LogSource, partition_count: int) -> dict[int, int]:
        bounds = source.bounds()
        if sorted(bounds) != list(range(partition_count)):
            raise SourceDamaged(
                f"the log has {len(bounds)} partitions, and the ledger {partition_count}"
            )
        for partition_id, (first, _) in bounds.items():
            if first > 0:
                raise SourceDamaged(
                    f"partition {partition_id} begins at offset {first}: what was before was "
                    "removed, so these books can only be rebuilt from an archive"
                )
        for partition_id, offset in self.until.items():
            if partition_id not in bounds or offset >= bounds[partition_id][1]:
                raise SourceDamaged(f"the log does not reach {partition_id}:{offset}")
        ends = {p: end for p, (_, end) in bounds.items()}
        return ends | {p: offset + 1 for p, offset in self.until.items()}

    def _replayed(self, database: Administrator, share: Share, watch: Watch) -> Progress:
        began, total = time.monotonic(), sum(share.ends.values())

        def applied() -> int:
            return sum(schema.positions(database, self.into).values())

        before = applied()

        def look() -> Progress:
            progress = Progress(applied(), total, time.monotonic() - began, before)
            watch(progress)
            return progress

        replay_all(share, processes=self.processes, on_look=look)
        return look()


def known_facts(database: Administrator, source: LogSource) -> Facts:
    """What was decided: as the live books have it, and beyond them what the source says."""
    published = source.facts()
    if not schema.has_books(database):
        return published
    applied = schema.positions(database, schema.LIVE)
    with database.within(schema.LIVE):
        letters = {(p, o): why for p, o, why in database.ask("load_facts_dead_letters")}
        breaking = database.ask("load_facts_quarantines")
    broken = {(p, decided, o, loan): why for p, decided, o, loan, why in breaking}

    def is_later(place: Sequence[Any]) -> bool:
        """Up to where the live books have been applied they know all of it, whoever else claims."""
        return bool(place[1] >= applied.get(place[0], 0))

    later = Facts(
        {place: why for place, why in published.dead_letters.items() if is_later(place)},
        {place: why for place, why in published.quarantines.items() if is_later(place)},
    )
    return Facts(letters, broken).and_those_of(later)
