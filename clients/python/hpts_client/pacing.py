"""Which chunk is sent when: few at a time, and at most two of a partition, have no outcome. Pure.

So a live payment never stands behind a whole batch: it may have to wait for all of these, because
one engine may serve all partitions. Four are what keeps an engine fed.

A chunk of which nothing is heard is sent again: if its announcement was lost, the engine recognises
the duplicate and announces anew. That is how a producer without a database asks; the pause grows,
because the engine may just be slow.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hpts_client.chunks import Cut

CHUNKS_UNAPPLIED: Final = 2
"""Of one partition."""
CHUNKS_UNDER_WAY: Final = 4
"""Of all partitions together."""
ASK_AFTER_S: Final = 30.0
ASK_AT_MOST_EVERY_S: Final = 240.0


@dataclass(slots=True)
class _UnderWay:
    pause_s: float
    ask_at: float


class Pace:
    """The chunks of one batch. Times are seconds from anywhere, never going back."""

    def __init__(self, cuts: Iterable[Cut], *, ask_after_s: float = ASK_AFTER_S) -> None:
        self._ask_after_s = ask_after_s
        self._waiting: dict[int, list[Cut]] = {}
        for cut in sorted(cuts, reverse=True):
            self._waiting.setdefault(cut.partition_id, []).append(cut)
        self._under_way: dict[Cut, _UnderWay] = {}

    @property
    def is_done(self) -> bool:
        """Whether every chunk has been settled."""
        return not self._under_way and not any(self._waiting.values())

    def due(self, now: float) -> Sequence[Cut]:
        """What may be sent now: what to ask about first, then the next of each partition."""
        due = [cut for cut, one in self._under_way.items() if one.ask_at <= now]
        return due + self._next(CHUNKS_UNDER_WAY - len(self._under_way))

    def _next(self, room: int) -> list[Cut]:
        """The next chunks, those first of whose partition least is under way."""
        busy = Counter(cut.partition_id for cut in self._under_way)
        found: list[Cut] = []
        for taken in range(CHUNKS_UNAPPLIED):
            for partition_id, waiting in self._waiting.items():
                place = taken - busy[partition_id]
                if len(found) < room and 0 <= place < len(waiting):
                    found.append(waiting[-1 - place])
        return found

    def sent(self, cut: Cut, now: float) -> bool:
        """A chunk that was due is on its way; whether it is so again."""
        one = self._under_way.get(cut)
        if one is None:
            self._waiting[cut.partition_id].remove(cut)
            self._under_way[cut] = _UnderWay(self._ask_after_s, now + self._ask_after_s)
        else:
            one.pause_s = min(2 * one.pause_s, ASK_AT_MOST_EVERY_S)
            one.ask_at = now + one.pause_s
        return one is not None

    def settle(self, cut: Cut) -> bool:
        """Something was heard of a chunk; whether for the first time."""
        return self._under_way.pop(cut, None) is not None
