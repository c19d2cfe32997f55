"""Batches as a job writes them: lines, spelled this way or that."""

import json
from datetime import date
from io import BytesIO
from random import Random
from typing import Any
from uuid import UUID

from hpts_client.batch_file import Batch, read_batch

TENANT = UUID("7e4a47f0-0000-4000-8000-000000000001")
PROGRAM = UUID("0d1f5a3e-5c7b-4d5e-9c3a-6f1b2c3d4e5f")
TODAY = date(2026, 2, 1)


def header(**more: Any) -> dict[str, Any]:
    return {
        "program_id": str(PROGRAM),
        "accrual_date": "2026-01-31",
        "day_count_convention": "ACT_365",
        "currency": "USD",
        **more,
    }


def loans(count: int, seed: int = 7) -> list[dict[str, str]]:
    chance = Random(seed)
    return [
        {
            "loan_id": str(UUID(int=chance.getrandbits(128))),
            "outstanding_principal_minor": str(chance.choice((0, 10**15 - 1, 100_000))),
            "interest_minor": str(chance.randrange(5_000)),
        }
        for _ in range(count)
    ]


def lines(first: Any, rest: list[Any], *, compact: bool = True) -> bytes:
    separators = (",", ":") if compact else (", ", ": ")
    return "".join(f"{json.dumps(one, separators=separators)}\n" for one in (first, *rest)).encode()


def read(text: bytes, *, partitions: int = 12, today: date = TODAY) -> Batch:
    return read_batch(BytesIO(text), TENANT, partitions, today)
