"""A short campaign: everything is killed, stopped and cut under load, and nothing goes wrong.

HPTS_FAULTS_SECONDS makes it longer; `make faults` prints the figures (docs/reliability.md).
"""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from tests.faults.campaign.__main__ import discard
from tests.faults.campaign.run import Plan, campaign
from tests.local_stack import new_folder

SECONDS = float(os.environ.get("HPTS_FAULTS_SECONDS") or 60)
CLIENTS = 64
COMMANDS_PER_SECOND = 350
COMMANDS_PER_FAULT = 40
COMMANDS_AT_LEAST = 1_000
QUIET_S = 500


@pytest.fixture
def folder() -> Iterator[Path]:
    made = new_folder("campaign")
    yield made
    discard(made)
    made.parent.rmdir()


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + QUIET_S)
def test_nothing_is_lost_doubled_misordered_unbalanced_or_leaked(folder: Path) -> None:
    plan = Plan(folder, SECONDS, CLIENTS, COMMANDS_PER_SECOND, COMMANDS_PER_FAULT, int(time.time()))
    report = asyncio.run(campaign(plan))
    report.show(Console(width=110, highlight=False, markup=False))

    assert report.found == []
    assert report.points_missed == []
    assert 2 * report.fenced > len(report.long_pauses) > 0
    # A campaign that disturbed nothing, or had no load, would prove nothing.
    assert {fault.kind for fault in report.faults if fault.is_kill} == {
        *("engine", "ingress", "postgres", "kafka")
    }
    assert report.acknowledged > COMMANDS_AT_LEAST
