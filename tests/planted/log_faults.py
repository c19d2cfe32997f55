"""B. Who reads the log, and from where: F17 to F28."""

from typing import Final

from tests.planted.fault import Change, Fault
from tests.planted.noticed_by import (
    CONSUMER,
    DAMAGED,
    FENCING,
    MANY_SEEDS,
    SEEDS,
)


def of_consumer(row: str, planted: str, setting: str, value: str, other: str) -> Fault:
    """A setting of the engine's consumer that is another one."""
    change = Change(
        "posting_engine/client_settings.py",
        f'    "{setting}": {value},\n',
        f'    "{setting}": {other},\n',
    )
    return Fault(row=row, planted=planted, changes=(change,), caught_by=(CONSUMER,))


LOG_FAULTS: Final = (
    Fault(
        row="F17",
        planted="the position is moved in a transaction of its own, before the rows are written",
        changes=(
            Change(
                "posting_engine/store.py",
                "        cursors: list[psycopg.Cursor[DictRow]] = []\n"
                "        self._warning = None\n",
                "        (name, moves), *statements = statements\n"
                "        moved = self.read([(name, moves)])[0] if keeps else []\n"
                '        if keeps and len(moved) != len(moves["partition_ids"]):\n'
                "            from posting_engine.positions import Fenced\n"
                '            raise Fenced("another process has moved a position")\n'
                "        cursors: list[psycopg.Cursor[DictRow]] = []\n"
                "        self._warning = None\n",
            ),
            Change(
                "posting_engine/answers.py",
                "    if cursors and cursors[0].rowcount != len(statements[0][1]"
                '["partition_ids"]):\n',
                "    if len(cursors) > len(statements):\n",
            ),
        ),
        caught_by=(SEEDS,),
    ),
    of_consumer(
        "F18",
        "offsets are committed by themselves, when a record is handed over",
        "enable.auto.commit",
        "False",
        "True",
    ),
    Fault(
        row="F19",
        planted="the fence does not compare the lease epoch",
        changes=(
            Change(
                "posting_engine/sql/move_position.sql",
                "    AND p.lease_epoch = u.lease_epoch AND p.next_offset = u.expected_offset\n",
                "    AND p.lease_epoch >= u.lease_epoch AND p.next_offset = u.expected_offset\n",
            ),
        ),
        caught_by=(f"{FENCING}::test_a_writer_whose_lease_was_taken_writes_nothing",),
    ),
    Fault(
        row="F19",
        planted="taking a lease does not raise its epoch",
        changes=(
            Change(
                "posting_engine/sql/take_lease.sql",
                "SET lease_epoch = lease_epoch + 1,",
                "SET lease_epoch = greatest(lease_epoch, 1),",
            ),
        ),
        caught_by=(f"{FENCING}::test_a_writer_whose_lease_was_taken_writes_nothing",),
    ),
    of_consumer(
        "F20",
        "the new group protocol, in which a member that is cut off goes on",
        "group.protocol",
        '"classic"',
        '"consumer"',
    ),
    Fault(
        row="F20",
        planted="who reads its positions back takes its successor's lease for its own",
        changes=(
            Change(
                "posting_engine/worker.py",
                "            if now is None or now.lease_epoch != position.lease_epoch:\n",
                "            if now is None or now.lease_epoch < position.lease_epoch:\n",
            ),
        ),
        caught_by=(SEEDS, MANY_SEEDS),
    ),
    Fault(
        row="F21",
        planted="a consumer that was fenced for good logs it and goes on",
        changes=(
            Change(
                "posting_engine/log.py",
                "    if _is_fatal(error):\n        raise LogUnavailable(error.str())\n    _log",
                "    _log",
            ),
        ),
        caught_by=(
            "tests/contracts/test_consumer_errors.py::test_a_member_that_was_fenced_cannot_go_on",
        ),
    ),
    Fault(
        row="F21",
        planted="an engine whose slot another one has taken takes it back, and so on in turns",
        changes=(
            Change(
                "posting_engine/worker.py",
                "            if owner != self.identity.owner and "
                'owner.rpartition("/")[2] == slot:\n',
                "            if owner != self.identity.owner and "
                'owner.rpartition("/")[0] == slot:\n',
            ),
        ),
        caught_by=(MANY_SEEDS,),
    ),
    Fault(
        row="F22",
        planted="any consumer group may take a lease",
        changes=(
            Change(
                "posting_engine/sql/take_lease.sql",
                "  AND (%(group_id)b::text IS NULL\n",
                "  AND (%(group_id)b::text IS NOT NULL OR %(group_id)b::text IS NULL\n",
            ),
        ),
        caught_by=(
            f"{FENCING}::test_a_group_that_is_not_the_pinned_one_takes_no_lease_and_fences_nobody",
        ),
    ),
    Fault(
        row="F23",
        planted="an engine that gets a partition again reads on from where it remembers to be",
        changes=(
            Change(
                "posting_engine/contiguity.py",
                "        self.forget([partition_id])\n"
                "        self._due[partition_id] = position.next_offset\n",
                "        self._due.setdefault(partition_id, position.next_offset)\n",
            ),
            Change(
                "posting_engine/contiguity.py",
                "            self._due.pop(partition_id, None)\n",
                "",
            ),
        ),
        caught_by=(SEEDS, MANY_SEEDS),
    ),
    Fault(
        row="F24",
        planted="nobody looks whether the position that a batch moves was there to be moved",
        changes=(
            Change(
                "posting_engine/answers.py",
                "    if cursors and cursors[0].rowcount != len(statements[0][1]"
                '["partition_ids"]):\n',
                "    if len(cursors) > len(statements):\n",
            ),
        ),
        caught_by=(f"{FENCING}::test_a_writer_whose_lease_was_taken_writes_nothing", SEEDS),
    ),
    of_consumer(
        "F25",
        "a position that the log no longer has is replaced by the first that it has",
        "auto.offset.reset",
        '"error"',
        '"earliest"',
    ),
    Fault(
        row="F26",
        planted="a partition whose position the log has lost is passed over, not halted",
        changes=(
            Change(
                "posting_engine/worker.py",
                "                    self._halt(lost.partition_id, halts.lost(lost.reason))\n",
                "                    self._sequence.forget([lost.partition_id])\n",
            ),
        ),
        caught_by=(f"{DAMAGED}[records_are_removed]",),
    ),
    Fault(
        row="F27",
        planted="an offset that was passed over is not missed",
        changes=(
            Change(
                "posting_engine/contiguity.py",
                "        wanted = self.reads_from(partition_id)\n",
                "        wanted = self.reads_from(partition_id)\n"
                "        if self.is_verified(partition_id):\n"
                "            wanted = max(wanted, record.offset)\n",
            ),
        ),
        caught_by=(SEEDS, MANY_SEEDS),
    ),
    Fault(
        row="F28",
        planted="a topic is known by its name, whatever its id",
        changes=(
            Change(
                "schemas/topic_policy.py",
                "    if found.topic_id != pinned.topic_id:\n",
                "    if not found.topic_id:\n",
            ),
        ),
        caught_by=("tests/contracts/test_topic_identity.py::test_any_other_id_is_another_log",),
    ),
    Fault(
        row="F28",
        planted="the engine does not watch the topic while it works",
        changes=(
            Change(
                "posting_engine/worker.py",
                "        if self.watch is None:\n            return\n",
                "        if self.watch is None or not is_to_apply or is_to_apply:\n"
                "            return\n",
            ),
        ),
        caught_by=(
            "tests/faults/test_topic_changes.py"
            "::test_a_topic_made_anew_posts_nothing_to_the_old_books[True]",
        ),
    ),
)
