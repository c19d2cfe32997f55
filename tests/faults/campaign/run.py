"""One campaign from start to finish: stack, load, faults, quiet, audit, report."""

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from tests.faults.campaign import audit, told
from tests.faults.campaign.injector import LANES, Injector
from tests.faults.campaign.report import Report, count_commands, settle_ingress
from tests.faults.campaign.stack import PYTHON, Stack
from tests.faults.campaign.watch import Watch

OUTCOMES_KNOWN_WITHIN_S: Final = 150.0
TELL_EVERY_S: Final = 15.0


@dataclass(frozen=True)
class Plan:
    """How long, how hard."""

    folder: Path
    seconds: float
    clients: int
    rate: float
    commands_per_fault: int
    seed: int
    lanes: tuple[str, ...] = LANES


async def campaign(plan: Plan) -> Report:
    """Run it all; whatever happens, nothing runs on."""
    stack = Stack(plan.folder)
    try:
        await stack.start()
        watch = Watch(stack.dsn)
        injector = Injector(stack, watch, random.Random(plan.seed), plan.commands_per_fault)
        watching = asyncio.create_task(watch.run())
        telling = asyncio.create_task(_tell(injector, watch))
        load = _load(stack, plan)
        began = time.time()
        try:
            await injector.run(plan.seconds, plan.lanes)
            seconds = time.time() - began
            await _outcomes_known(load)
        finally:
            telling.cancel()
            watching.cancel()
            if load.poll() is None:
                load.kill()
        return await asyncio.to_thread(_report, stack, injector, seconds)
    finally:
        await stack.stop()


def _load(stack: Stack, plan: Plan) -> "subprocess.Popen[bytes]":
    numbers = {"--clients": plan.clients, "--rate": plan.rate, "--seed": plan.seed}
    return subprocess.Popen(
        [
            *(*PYTHON, "tests.faults.campaign.load"),
            *("--local-json", str(stack.local_json), "--logs", str(stack.clients)),
            *(str(word) for pair in numbers.items() for word in pair),
        ]
    )


async def _outcomes_known(load: "subprocess.Popen[bytes]") -> None:
    """Nothing new is begun; every client learns what became of its last command."""
    if load.poll() is not None:
        raise RuntimeError(f"the clients ended by themselves with {load.returncode}")
    load.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        await asyncio.to_thread(load.wait, OUTCOMES_KNOWN_WITHIN_S)


async def _tell(injector: Injector, watch: Watch) -> None:
    while True:
        await asyncio.sleep(TELL_EVERY_S)
        kills = sum(fault.is_kill for fault in injector.faults)
        pauses = sum(fault.is_pause for fault in injector.faults)
        fenced = sum(fault.is_fenced for fault in injector.faults)
        print(
            f"{watch.applied} records applied, {kills} kills, {pauses} pauses, {fenced} fenced, "
            f"{len(injector.points_hit)} labelled points hit",
            file=sys.stderr,
            flush=True,
        )


def _report(stack: Stack, injector: Injector, seconds: float) -> Report:
    logs = told.read_all(stack.clients)
    registered = json.loads(stack.local_json.read_text())["clients"]
    tenants = {
        log.name: UUID(registered[number % 2]["tenant_id"]) for number, log in enumerate(logs)
    }
    settle_ingress(injector.faults, logs)
    found, evidence = audit.faults_of(stack.dsn, stack.bootstrap, logs, tenants)
    return Report(
        seconds=seconds,
        faults=injector.faults,
        points_hit=injector.points_hit,
        commands=count_commands(logs),
        records=evidence.records,
        duplicates=evidence.duplicates,
        found=found,
    )
