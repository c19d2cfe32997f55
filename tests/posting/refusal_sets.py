"""Sets of refusals that are made to hold at once, and which of a set must be the answer."""

from collections.abc import Collection, Iterable
from itertools import combinations

from posting_engine.posting.refusals import PRECEDENCE

Codes = frozenset[str]


def sets_of(
    event: str, *, among: Collection[str] = (), never_together: Iterable[Collection[str]] = ()
) -> list[Codes]:
    """Every set of one or more of an event's refusals, or of some of them; less the impossible."""
    codes = [code for code in PRECEDENCE[event] if not among or code in among]
    chosen = [
        frozenset(some) for size in range(1, len(codes) + 1) for some in combinations(codes, size)
    ]
    return [some for some in chosen if not any(some.issuperset(x) for x in never_together)]


def first_of(event: str, holding: Codes) -> str:
    """The answer where all of these hold."""
    return next(code for code in PRECEDENCE[event] if code in holding)
