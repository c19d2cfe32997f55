"""The statements about positions and leases: who writes a partition, and from where."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from tests.simulation.server import Row, Session

Parameters = Mapping[str, Any]
Rows = list[Row]

_POSITION: Final = (
    *("partition_id", "topic_id", "next_offset", "last_record_hash", "lease_epoch"),
    *("last_appended_at", "last_entry_seq", "chain_head", "reached_at", "quarantined_count"),
    "base_offset",
)


def columns(parameters: Parameters, names: Sequence[str] | None = None) -> Rows:
    """Arrays to rows."""
    names = list(parameters) if names is None else names
    arrays = [parameters[name] for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*arrays, strict=True)]


def chosen(row: Row, names: Sequence[str]) -> Row:
    """Some of a row's columns."""
    return {name: row[name] for name in names}


def _move_position(session: Session, parameters: Parameters) -> Rows:
    names = ("partition_ids", "topic_ids", "lease_epochs", "expected_offsets", "next_offsets")
    names += ("record_hashes", "appended_at", "entry_seqs", "chain_heads", "quarantined_counts")
    matched = []
    for move in columns(parameters, names):

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
    if parameters["group_id"] not in (None, session.server.group_id):
        return taken
    for partition_id in sorted(parameters["partition_ids"]):
        row = _locked_partition(session, partition_id, lambda _: True)
        if row is not None:
            more = {"lease_epoch": row["lease_epoch"] + 1, "lease_owner": parameters["owner"]}
            session.put("partitions", row | more | {"halted_because": None})
            taken.append(chosen(row | more, _POSITION))
    return taken


def _release_lease(session: Session, parameters: Parameters) -> Rows:
    free = [row for row in columns(parameters) if _is_free(session, row["partition_ids"])]
    free_only = {name: [row[name] for row in free] for name in parameters}
    return _where_leased(session, free_only, lambda row, _: row | {"lease_owner": None})


def _is_free(session: Session, partition_id: int) -> bool:
    holder = session.server.locks.get(("partitions", (partition_id,)))
    return holder in (None, session)


def _end_stalled(session: Session, _parameters: Parameters) -> Rows:
    return [{} for _ in session.server.end_stalled(session)]


def _load_owners(session: Session, parameters: Parameters) -> Rows:
    found = (session.get("partitions", (p,)) for p in parameters["partition_ids"])
    owners = {row["lease_owner"] for row in found if row is not None} - {None}
    return [{"lease_owner": owner} for owner in sorted(owners)]


def _load_settings(session: Session, _parameters: Parameters) -> Rows:
    return [{"group_id": session.server.group_id}]


def _note_reached(session: Session, parameters: Parameters) -> Rows:
    def reached(row: Row, asked: Row) -> Row:
        return row | {"reached_at": max(row["reached_at"], asked["reached_at"])}

    return _where_leased(session, parameters, reached)


def _note_halt(session: Session, parameters: Parameters) -> Rows:
    one = {"partition_ids": [parameters["partition_id"]]}
    one["lease_epochs"] = [parameters["lease_epoch"]]
    reason = {"halted_because": parameters["reason"]}
    return _where_leased(session, one, lambda row, _: row | reason)


def _note_ends(session: Session, parameters: Parameters) -> Rows:
    for asked in columns(parameters):
        session.lock("log_ends", (asked["partition_ids"],))
        session.put(
            "log_ends",
            {
                "partition_id": asked["partition_ids"],
                "readable_offset": asked["readable_offsets"],
                "written_offset": asked["written_offsets"],
            },
        )
    return []


def _note_fenced(session: Session, parameters: Parameters) -> Rows:
    for asked in columns(parameters, ("partition_ids", "lease_epochs")):
        key = (asked["partition_ids"], asked["lease_epochs"])
        row = session.get("partitions", key[:1])
        if row is None or row["lease_epoch"] <= key[1]:
            continue
        session.lock("fenced_writers", key)
        if session.get("fenced_writers", key) is None:
            more = {"lease_epoch": key[1], "lease_owner": parameters["owner"]}
            session.put("fenced_writers", {"partition_id": key[0]} | more)
    return []


def _read_clock(session: Session, _parameters: Parameters) -> Rows:
    """The database's clock is not the broker's."""
    world = session.server.world
    return [{"now": world.wall_clock(world.chance.uniform(-0.4, 0.4))}]


def _where_leased(
    session: Session, parameters: Parameters, change: Callable[[Row, Row], Row]
) -> Rows:
    changed = []
    for asked in columns(parameters):
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
    return [chosen(row, _POSITION) for row in found if row is not None]


LEASE_STATEMENTS: Final[dict[str, Callable[[Session, Parameters], Rows]]] = {
    "end_stalled": _end_stalled,
    "load_owners": _load_owners,
    "load_positions": _load_positions,
    "load_settings": _load_settings,
    "move_position": _move_position,
    "note_ends": _note_ends,
    "note_fenced": _note_fenced,
    "note_halt": _note_halt,
    "note_reached": _note_reached,
    "read_clock": _read_clock,
    "release_lease": _release_lease,
    "take_lease": _take_lease,
}
