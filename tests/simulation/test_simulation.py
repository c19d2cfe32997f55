"""Whatever fails, an acknowledged command is posted or refused exactly once, in order.

SIMULATE_SECONDS (60), SIMULATE_SEEDS and SIMULATE_FIRST choose how many seeds and which.
"""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.simulation.campaign import SECONDS, campaign
from tests.simulation.run import simulate

ROOT = Path(__file__).parents[2]

PER_HUNDRED_SEEDS = {
    # F01, F02, F07, F08: ingress and its clients
    "ingress: written twice": 50,
    "ingress: acknowledgement lost": 50,
    "ingress: arrives late": 20,
    "ingress: never arrives": 20,
    "ingress: certainly not sent": 10,
    "reservation taken over": 20,
    "a key that names another request": 20,
    # F11, F38, F39 and what no ingress wrote
    "stranger: unsigned": 10,
    "stranger: foreign": 10,
    "stranger: astray": 10,
    "stranger: undecodable": 10,
    "stranger: aborted": 20,
    "stranger: committed": 10,
    # F17, F19 to F24, F35: processes and their group
    "killed": 20,
    "killed at a step": 50,
    "killed after COMMIT": 20,
    "stopped": 100,
    "coordinator out of reach": 20,
    "rebalance forced": 50,
    "SIGTERM": 20,
    "second process for a slot": 10,
    "second group": 10,
    "ended: SlotTaken": 3,
    "ended: NotTheGroup": 3,
    "slow statement": 50,
    "evicted for not polling": 3,
    "engine: fenced: rejoining": 30,
    # F27: the client library, in a quarter of the seeds
    "client library skips": 5,
    "client library repeats": 5,
    "client library swaps": 5,
    "client library skips the first": 50,
    "delayed visibility": 100,
    "broker's clock stepped back": 10,
    # F40, F46: Postgres
    "connection lost at a statement": 50,
    "connection lost before COMMIT": 20,
    "connection lost in COMMIT: committed": 10,
    "connection lost in COMMIT: commits later": 10,
    "connection lost in COMMIT: never commits": 10,
    "wait for the standby cancelled: committed here": 5,
    "deadlock": 10,
    "postgres restarted": 10,
    "waited for a row": 50,
    "lock timeout": 3,
    "ended for standing still in a pipeline": 3,
    # F30 to F33: commands that break
    "engine: loan quarantined": 50,
    "operator resumes": 50,
    "operator rejects": 10,
    # the engine's own sending
    "arrived after its process had died": 20,
    "sent, and lost with its process": 20,
    "producer's queue full": 10,
}
"""How often, at least, a fault must have been injected for the seeds to count as a proof."""


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 120)
def test_no_seed_loses_doubles_or_misorders_anything() -> None:
    done = campaign()
    print(done.table())
    assert done.failed is None, done.failed.report()
    # So many faults in so many seeds; a tenth of that is allowed to chance.
    too_few = {
        kind: done.injected[kind]
        for kind, least in PER_HUNDRED_SEEDS.items()
        if done.seeds >= 50 and done.injected[kind] < 0.5 * least * done.seeds / 100
    }
    assert not too_few
    assert done.seeds > 0


def fingerprint_of(seed: int) -> str:
    """Of everything that happened in a run."""
    run = simulate(seed)
    assert len(run.happened) > 100
    return sha256("\n".join(map(str, run.happened)).encode()).hexdigest()


@pytest.mark.parametrize("seed", [3, 11])
def test_a_seed_replays_exactly(seed: int) -> None:
    told = {fingerprint_of(seed), fingerprint_of(seed)}
    for hash_seed in ("1", "2"):
        program = f"from {__name__} import fingerprint_of; print(fingerprint_of({seed}))"
        answer = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        )
        told.add(answer.stdout.strip())
    assert len(told) == 1
