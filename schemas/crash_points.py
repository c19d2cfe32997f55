"""Labelled crash points, for fault tests only: a process dies, or stops, exactly there.

Nothing happens unless HPTS_CRASH_AT is set when the process starts. It names a folder of orders:
a file named like a point holds the signal for whoever passes that point first, `KILL`, or `STOP`
for a process that must later go on as if nothing had happened. Renaming the file takes the order,
so one process takes it, once; it writes its id into the renamed file and signals itself. The
process started in its place finds no order, and lives.

A point stands between two steps that a crash must not be able to tell apart from one step. It has
no other effect, and the pure core has none.
"""

import os
import signal
from pathlib import Path
from typing import Final

SETTING: Final = "HPTS_CRASH_AT"
TAKEN: Final = ".taken"
"""What is added to the name of an order that a process has taken."""

ENGINE_POINTS: Final = {
    "engine-leases-taken": "leases are taken in Postgres; nothing is read yet",
    "engine-polled": "records are in memory; nothing is decided",
    "engine-pages-open": "the books are read; nothing is decided",
    "engine-decided": "the verdict is in memory; nothing is written",
    "engine-before-commit": "everything is written in the transaction; nothing is committed",
    "engine-committed": "committed; nobody has been told",
    "engine-announced": "the announcements are handed to the producer",
    "engine-outgoing-sent": "a follow-up or chunk is handed to the producer, not acknowledged",
    "engine-outgoing-acknowledged": "the broker has it; its row is not deleted",
    "engine-outgoing-deleted": "its row is deleted",
}
INGRESS_POINTS: Final = {
    "ingress-accepted": "the body is checked; the key is not reserved",
    "ingress-reserved": "the key is reserved; the command is not produced",
    "ingress-produced": "the command is handed to the producer, not acknowledged",
    "ingress-acknowledged": "the broker has the command, and has said so",
    "ingress-outcome-known": "the outcome has come; the client has no answer",
    "ingress-parts-copying": "some steps of a batch are on their way to Postgres, or all",
    "ingress-parts-written": "reservation and steps are written, not committed",
    "ingress-parts-queued": "reservation and steps are committed; the client has no answer",
    "ingress-taken-over": "a stale reservation is taken over; nothing is produced again",
}
PRODUCER_POINTS: Final = {
    "producer-opened": "the first chunk of a batch has its outcome; no other is sent",
    "producer-outcome-known": "a chunk's outcome has come; some are under way, others not sent",
}
ARCHIVE_POINTS: Final = {
    "archive-file-written": "a file of the archive is there; the manifest does not name it",
    "archive-manifest-written": "the manifest names what was copied; nobody has been told",
}
CUT_OVER_POINTS: Final = {
    "cut-over-leases-taken": "every lease is ours; nothing else is done",
    "cut-over-topics-made": "the new topics are there, and empty",
    "cut-over-seal-sent": "the first seal is handed to the producer, not acknowledged",
    "cut-over-sealed": "the new log begins with every seal; the books follow the old one",
    "cut-over-before-commit": "the books follow the new log in a transaction; nothing is committed",
}
CHECKPOINT_POINTS: Final = {
    "checkpoint-kept": "a checkpoint is signed and kept; it is not published",
    "checkpoint-written": "topic and file have the checkpoint; it is not noted",
}
"""Of the engine's thread beside the worker's: passed only where checkpoints are signed."""
DELIVERY_POINTS: Final = {
    "delivery-entry-sent": "an entry is handed to the producer, not acknowledged",
    "delivery-entry-acknowledged": "the broker has entries; the cursor has not moved",
    "delivery-events-queued": "events are in the endpoints' queues, not committed",
    "delivery-attempts-made": "endpoints have answered; what they said is not recorded",
    "delivery-attempts-recorded": "what they said is written, not committed",
}
SERVICE_POINTS: Final = ENGINE_POINTS | INGRESS_POINTS
POINTS: Final = (
    SERVICE_POINTS
    | PRODUCER_POINTS
    | ARCHIVE_POINTS
    | CUT_OVER_POINTS
    | CHECKPOINT_POINTS
    | DELIVERY_POINTS
)

_ORDERS: Final = os.environ.get(SETTING) or None


def crash_point(name: str) -> None:
    """Die or stop here, if this very point was ordered. A no-op unless HPTS_CRASH_AT is set."""
    if _ORDERS is not None:
        _obey(Path(_ORDERS) / name)


def _obey(order: Path) -> None:
    taken = order.with_name(order.name + TAKEN)
    try:
        order.rename(taken)
    except FileNotFoundError:
        return  # no order, or another process has just taken it
    number = signal.Signals[f"SIG{taken.read_text(encoding='ascii')}"]
    taken.write_text(str(os.getpid()), encoding="ascii")
    os.kill(os.getpid(), number)
