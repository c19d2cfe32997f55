"""Entries of the journal with their lines, as they are published: read in bounded runs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, Final

from deliveries.store import Row, Store
from schemas.partitioning import NO_LOAN

MOST_ENTRIES: Final = 500
MOST_LINES: Final = 20_000
"""Of all partitions together; but an entry is read whole, and one of each partition."""


def read_entries(store: Store, after: Mapping[int, int]) -> list[Row]:
    """The next entries of each partition after one of them (partition -> entry_seq), in order, each
    with its `lines`.
    """
    if not after:
        return []
    found = store.rows(
        "load_unpublished_entries",
        partition_ids=list(after),
        after_seqs=list(after.values()),
        most=max(1, MOST_ENTRIES // len(after)),
    )
    runs = [list(run) for _, run in groupby(found, key=lambda entry: entry["partition_id"])]
    most_lines = MOST_LINES // max(1, len(runs))
    runs = [_cut(run, most_lines) for run in runs]
    lines = _lines_of(store, runs) if runs else {}
    entries = [entry for run in runs for entry in run]
    for entry in entries:
        entry["lines"] = lines[entry["partition_id"], entry["entry_seq"]]
    return entries


def key_of(entry: Row) -> bytes:
    """The record key: tenant ‖ loan, of the first line that names a loan; else tenant ‖ zero."""
    loans = (line["loan_id"] for line in entry["lines"] if line["loan_id"] is not None)
    key: bytes = entry["tenant_id"] + next(loans, NO_LOAN.bytes)
    return key


def _cut(run: list[Row], most_lines: int) -> list[Row]:
    """The first entries of a run, up to so many lines; at least one."""
    total = 0
    for place, entry in enumerate(run):
        total += entry["line_count"]
        if total > most_lines and place:
            return run[:place]
    return run


def _lines_of(store: Store, runs: Iterable[list[Row]]) -> dict[tuple[int, int], list[Row]]:
    wanted: dict[str, list[Any]] = {
        "partition_ids": [run[0]["partition_id"] for run in runs],
        "first_seqs": [run[0]["entry_seq"] for run in runs],
        "last_seqs": [run[-1]["entry_seq"] for run in runs],
        "line_counts": [sum(entry["line_count"] for entry in run) for run in runs],
    }
    lines = defaultdict[tuple[int, int], list[Row]](list)
    for line in store.rows("load_lines", **wanted):
        lines[line["partition_id"], line["entry_seq"]].append(line)
    return lines
