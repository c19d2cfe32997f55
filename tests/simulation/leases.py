"""The statements about positions and who may move them."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from tests.simulation.server import Row, Session

Parameters = Mapping[str, Any]
Rows = list[Row]

GROUP: Final = "the group"
"""The consumer group that the ledger is pinned to."""

_POSITION: Final = (
    *("partition_id", "topic_id", "next_offset", "last_record_hash", "lease_epoch"),
    *("last_appended_at", "last_entry_seq", "chain_head", "reached_at", "quarantined_count"),
)


def _columns(parameters: Parameters, names: tuple[str, ...] = ()) -> Rows:
    names = names or tuple(parameters)
    columns = [parameters[name] for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _chosen(row: Row) -> Row:
    return {name: row[name] for name in _POSITION}


def _move_position(session: Session, parameters: Parameters) -> Rows:
    names = ("partition_ids", "topic_ids", "lease_epochs", "expected_offsets", "next_offsets")
    names += ("record_hashes", "appended_at", "entry_seqs", "chain_heads", "quarantined_counts")
    matched = []
    for move in _columns(parameters, names):

        def is_expected(row: Row, move: Row = move) -> bool:
            same_lease = row["lease_epoch"] == move["lease_epoch"]
            same_place = row["next_offset"] == move["expected_offsets"]
            return same_lease and same_place and row["topic_id"] == move["topic_ids"]

        move["lease_epoch"] = move["lease_epochs"]
        row = _locked_partition(session, move["partition_ids"], is_expected)
        if row is None:
            continue
        just_before = move["appended_at"] - timedelta(microseconds=1)
        changed = row | {
            "next_offset": move["next_offsets"],
            "last_record_hash": move["record_hashes"],
            "last_appended_at": move["appended_at"],
            "reached_at": max(row["reached_at"], just_before),
            "last_entry_seq": move["entry_seqs"],
            "chain_head": move["chain_heads"],
            "quarantined_count": move["quarantined_counts"],
        }
        session.put("partitions", changed)
        matched.append(changed)
    return matched


def _locked_partition(
    session: Session, partition_id: int, is_wanted: Callable[[Row], bool]
) -> Row | None:
    """The row, locked, if it is wanted before the lock and after it."""
    row = session.get("partitions", (partition_id,))
    if row is None or not is_wanted(row):
        return None
    session.lock("partitions", (partition_id,))
    return row


def _take_lease(session: Session, parameters: Parameters) -> Rows:
    taken: Rows = []
    if parameters["group_id"] not in (None, GROUP):
        return taken
    for partition_id in sorted(parameters["partition_ids"]):
        row = _locked_partition(session, partition_id, lambda _: True)
        if row is not None:
            more = {"lease_epoch": row["lease_epoch"] + 1, "lease_owner": parameters["owner"]}
            session.put("partitions", row | more | {"halted_because": None})
            taken.append(_chosen(row | more))
    return taken


def _release_lease(session: Session, parameters: Parameters) -> Rows:
    """SKIP LOCKED: what somebody else holds is left as it is."""
    locks = session.server.locks
    free = [
        leased
        for leased in zip(parameters["partition_ids"], parameters["lease_epochs"], strict=True)
        if locks.get(("partitions", (leased[0],)), session) is session
    ]
    wanted = {"partition_ids": [p for p, _ in free], "lease_epochs": [epoch for _, epoch in free]}
    return _where_leased(session, wanted, lambda row, _: row | {"lease_owner": None})


def _load_owners(session: Session, parameters: Parameters) -> Rows:
    found = (session.get("partitions", (p,)) for p in parameters["partition_ids"])
    owners = {row["lease_owner"] for row in found if row is not None and row["lease_owner"]}
    return [{"lease_owner": owner} for owner in sorted(owners)]


def _note_reached(session: Session, parameters: Parameters) -> Rows:
    def reached(row: Row, asked: Row) -> Row:
        return row | {"reached_at": max(row["reached_at"], asked["reached_at"])}

    return _where_leased(session, parameters, reached)


def _note_halt(session: Session, parameters: Parameters) -> Rows:
    one = {"partition_ids": [parameters["partition_id"]]}
    one["lease_epochs"] = [parameters["lease_epoch"]]
    reason = {"halted_because": parameters["reason"]}
    return _where_leased(session, one, lambda row, _: row | reason)


def _where_leased(
    session: Session, parameters: Parameters, change: Callable[[Row, Row], Row]
) -> Rows:
    changed = []
    for asked in _columns(parameters):
        epoch = asked["lease_epochs"]
        row = _locked_partition(
            session, asked["partition_ids"], lambda r, e=epoch: r["lease_epoch"] == e
        )
        if row is not None:
            changed.append(change(row, asked))
            session.put("partitions", changed[-1])
    return changed


def _load_positions(session: Session, parameters: Parameters) -> Rows:
    found = (session.get("partitions", (p,)) for p in parameters["partition_ids"])
    return [_chosen(row) for row in found if row is not None]


LEASE_STATEMENTS: Final[dict[str, Callable[[Session, Parameters], Rows]]] = {
    "load_owners": _load_owners,
    "load_positions": _load_positions,
    "move_position": _move_position,
    "note_halt": _note_halt,
    "note_reached": _note_reached,
    "release_lease": _release_lease,
    "take_lease": _take_lease,
}
