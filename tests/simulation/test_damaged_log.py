"""A log that is not the one that was applied: its partition halts, and nothing of it is posted."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.simulation.broker import Partition
from tests.simulation.run import Simulation

SEEDS_WITH_TWO_PARTITIONS = range(40)
SECONDS_FOR_A_HALT = 20.0

Damage = Callable[[Simulation, Partition], None]


def records_are_removed(simulation: Simulation, partition: Partition) -> None:
    """F26: retention, or DeleteRecords, ahead of the position."""
    more_commands(simulation, partition)
    partition.begins_at = len(partition.stored)
    more_commands(simulation, partition)


def the_last_applied_record_is_another(simulation: Simulation, partition: Partition) -> None:
    """F29: an unclean election."""
    stored = partition.stored[-1]
    assert stored.record is not None
    stored.record = replace(stored.record, value=b"another")
    more_commands(simulation, partition)


def the_tail_is_lost(simulation: Simulation, partition: Partition) -> None:
    """F57: the database is newer than the log."""
    partition.cut_off(len(partition.stored) - 3)


def the_topic_is_another(simulation: Simulation, partition: Partition) -> None:
    """F28: deleted and made anew; its offsets fit by chance."""
    del partition
    simulation.fleet.topic_id = "the topic made anew"


def more_commands(simulation: Simulation, partition: Partition) -> None:
    """A duplicate of everything: whatever is applied of it would move the position."""
    for record in partition.committed()[:5]:
        simulation.broker.append(partition.number, record.key, record.value, record.headers)


HALTS = {
    records_are_removed: "the log does not hold the position",
    the_last_applied_record_is_another: "the log was rewritten",
    the_tail_is_lost: "the log does not hold the position",
    the_topic_is_another: "made anew",
}


@pytest.mark.parametrize("damage", HALTS, ids=lambda damage: damage.__name__)
def test_a_damaged_log_halts_its_partition_alone(damage: Damage) -> None:
    for seed in SEEDS_WITH_TWO_PARTITIONS:
        with Simulation(seed) as simulation:
            if len(simulation.broker.partitions) < 2:
                continue
            simulation.trouble(requests=10)
            simulation.come_to_rest()
            damaged, *others = simulation.broker.partitions
            if damaged.stored[-1].record is None or damaged.is_hidden(len(damaged.stored) - 1):
                continue  # what is hidden cannot be compared
            assert simulation.verdict() == []
            simulation.may_halt = True
            before = rows_of(simulation, damaged)
            damage(simulation, damaged)
            for other in others:
                more_commands(simulation, other)
            simulation.fleet.start_anew()
            simulation.world.run(simulation.world.now + SECONDS_FOR_A_HALT)
            assert simulation.world.failure is None
            halted = {p["partition_id"]: p["halted_because"] for p in positions(simulation)}
            assert HALTS[damage] in (halted[damaged.number] or "")
            assert rows_of(simulation, damaged) == before
            if damage is not the_topic_is_another:
                assert_others_go_on(simulation, others)
            return
    pytest.fail("no seed has two partitions")


def positions(simulation: Simulation) -> list[dict[str, Any]]:
    return list(simulation.server.rows("partitions"))


def rows_of(simulation: Simulation, partition: Partition) -> dict[str, Any]:
    """Everything posted from a partition, and where it stands."""
    server = simulation.server
    kept: dict[str, Any] = {
        table: {key: row for key, row in server.tables[table].items() if key[0] == partition.number}
        for table in ("journal_entries", "command_outcomes", "dead_letters")
    }
    kept["next_offset"] = server.tables["partitions"][partition.number,]["next_offset"]
    return kept


def assert_others_go_on(simulation: Simulation, others: list[Partition]) -> None:
    for other in others:
        row = simulation.server.tables["partitions"][other.number,]
        assert row["halted_because"] is None
        assert row["next_offset"] == len(other.stored)
