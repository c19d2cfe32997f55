"""The live topics as a source: commands, and what was published about those not applied."""

from collections.abc import Iterator, Mapping

from hpts.cluster import Cluster, OffsetGone, Reader
from hpts.rebuilding.source import Breaking, Facts, Place, SourceDamaged
from posting_engine.log import hidden_records, record_of
from posting_engine.records import Record
from schemas import codec
from schemas.cut_over import CutOver
from schemas.kafka_security import PLAINTEXT, Security
from schemas.partitioning import NO_LOAN
from schemas.quarantine import QUARANTINE, DeadLetter
from schemas.topics import COMMANDS, DEAD_LETTERS


class TopicSource:
    """The commands topic of a cluster. Methods raise `ClusterUnavailable`, too."""

    def __init__(
        self,
        bootstrap: str,
        *,
        security: Security = PLAINTEXT,
        bases: Mapping[int, int] | None = None,
    ) -> None:
        """`bases` as the books have them; where these do not say, by the seals that partitions
        begin with. Raises `SourceDamaged` where there is no such topic.
        """
        self._connection = {"bootstrap.servers": bootstrap, **security}
        self._reader = Reader(bootstrap, security=security)
        self._cluster = Cluster(bootstrap, security=security)
        found = self._cluster.describe([COMMANDS]).get(COMMANDS)
        if found is None:
            raise SourceDamaged(f"{bootstrap} has no topic {COMMANDS}")
        self._topic_id, self._partition_count = found.topic_id, found.partitions
        self._known = dict(bases or {})

    @property
    def topic_id(self) -> str:
        """As the cluster gave it."""
        return self._topic_id

    def bases(self) -> Mapping[int, int]:
        """See `LogSource`."""
        return {p: self._base(p) for p in range(self._partition_count)}

    def bounds(self) -> Mapping[int, Place]:
        """Where each partition begins, and ends for readers: nothing that is under way."""
        found = {}
        for partition_id, base in self.bases().items():
            begin, end = self._reader.bounds(COMMANDS, partition_id)
            found[partition_id] = (base + begin, base + end)
        return found

    def first(self, partition_id: int) -> Record | None:
        """The topic's first record, where it is still there, at its logical offset."""
        begin, end = self._reader.bounds(COMMANDS, partition_id)
        if begin > 0 or end == 0:
            return None
        for message in self._reader.messages(COMMANDS, partition_id, 0, end):
            return record_of(message, self._base(partition_id)) if message.offset() == 0 else None
        return None

    def read(self, partition_id: int, first: int, end: int) -> Iterator[Record]:
        """As `LogSource` has it; what is missing is told from what was never committed."""
        due, base = first, self._base(partition_id)
        if first < base:
            raise SourceDamaged(
                f"partition {partition_id}: the topic begins at offset {base}, and {first} is due: "
                "what was before is in the archive that it was cut over with"
            )
        try:
            for message in self._reader.messages(COMMANDS, partition_id, first - base, end - base):
                record = record_of(message, base)
                self._refuse_gap(partition_id, due, record.offset)
                yield record
                due = record.offset + 1
        except OffsetGone as gone:
            raise SourceDamaged(f"offset {first} was removed: {gone}") from gone
        self._refuse_gap(partition_id, due, end)

    def facts(self) -> Facts:
        """All of `hpts.dead-letters.v1`; of what was said twice, what was said last."""
        letters: dict[Place, str] = {}
        quarantines: dict[Breaking, str] = {}
        for letter in self.published():
            place = (letter.partition_id, letter.command_offset)
            if letter.kind == QUARANTINE:
                decided = letter.decided_offset
                decided = letter.command_offset if decided is None else decided
                loan = letter.loan_id or NO_LOAN
                quarantines[place[0], decided, place[1], loan] = letter.reason
            else:
                letters[place] = letter.reason
        return Facts(letters, quarantines)

    def published(self) -> Iterator[DeadLetter]:
        """What stands in the dead letters topic; nothing where there is no such topic."""
        if not self._cluster.describe([DEAD_LETTERS]):
            return
        begin, end = self._reader.bounds(DEAD_LETTERS, 0)
        for message in self._reader.messages(DEAD_LETTERS, 0, begin, end):
            try:
                told = codec.decode(message.value())
            except codec.UndecodableRecord:
                continue  # whoever wrote that, it was no engine of ours
            if isinstance(told, DeadLetter):
                yield told

    def _base(self, partition_id: int) -> int:
        if partition_id not in self._known:
            self._known[partition_id] = 0
            record = self.first(partition_id)
            self._known[partition_id] = _end_of_the_log_before(record)
        return self._known[partition_id]

    def _refuse_gap(self, partition_id: int, due: int, came: int) -> None:
        base = self._base(partition_id)
        if due < came and hidden_records(self._connection, partition_id, due, came, base) is None:
            raise SourceDamaged(f"partition {partition_id}: offset {due} was removed")


def _end_of_the_log_before(first: Record | None) -> int:
    try:
        seal = None if first is None else codec.decode(first.value)
    except codec.UndecodableRecord:
        return 0
    return seal.end_offset if isinstance(seal, CutOver) else 0
