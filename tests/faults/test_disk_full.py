"""A disk is full: clients are told the truth meanwhile, and all recovers when there is space."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests import audit
from tests.faults.own_ledger import until
from tests.faults.payers import Payers, paid_minor
from tests.http import Client
from tests.local_stack import DOWN_WITHIN_S, hpts, new_folder, read_local_json

SIZE = {"kafka": "48m", "postgres": "400m"}
FULL_FOR_S = 8
RECOVERED_WITHIN_S = 60
HONEST = {200, 201, 202, 409, 429, 503, 0}

Disk = tuple[str, Path, dict[str, Any]]


@pytest.fixture(params=["postgres", "kafka"])
def small_disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    """A running stack of which one server's data lies on a small disk."""
    data_dir = new_folder()
    folder = data_dir / request.param
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    size = f"size={SIZE[request.param]},mode=0755"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        shutil.rmtree(data_dir.parent)
        pytest.skip(f"a small disk needs the right to mount tmpfs: {mounted.stderr.strip()}")
    try:
        started = hpts("up", "--detach", "--port", "0", "--data-dir", str(data_dir))
        assert started.returncode == 0, started.stdout + started.stderr
        yield request.param, folder, read_local_json(data_dir)
    finally:
        hpts("down", "--data-dir", str(data_dir), timeout=DOWN_WITHIN_S)
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
        shutil.rmtree(data_dir.parent, ignore_errors=True)


def fill(folder: Path) -> Path:
    """Write until nothing more fits; the file that takes the space."""
    filler = folder / "filler"
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT, 0o600)
    with suppress(OSError):
        while True:
            os.write(descriptor, bytes(65_536))
    with suppress(OSError):
        while True:
            os.write(descriptor, bytes(512))
    os.close(descriptor)
    return filler


def test_a_full_disk_loses_nothing_and_recovers_by_itself(small_disk: Disk) -> None:
    _, folder, stack = small_disk
    client = Client.of(stack)
    with Payers(stack, clients=8).open_loans(20) as payers:
        until(lambda: payers.statuses[202] > 50, seconds=20)
        filler = fill(folder)
        full_until = time.monotonic() + FULL_FOR_S
        until(
            lambda: time.monotonic() > full_until and payers.statuses[503] + payers.statuses[0] > 0,
            seconds=60,
        )
        seen = payers.statuses[202]
        filler.unlink()
        until(
            lambda: payers.statuses[202] > seen + 50,
            seconds=RECOVERED_WITHIN_S,
            told=lambda: str(payers.statuses),
        )
    assert set(payers.statuses) <= HONEST
    loan = client.open_loan(amount_minor="1000")
    assert client.pay(loan, amount_minor="1")
    until(
        lambda: audit.faults_of_acknowledged(stack["postgres_dsn"], payers.acknowledged) == [],
        seconds=RECOVERED_WITHIN_S,
    )
    assert audit.faults_of_books(stack["postgres_dsn"]) == []
    assert paid_minor(client, payers.loans) == len(set(payers.acknowledged))
