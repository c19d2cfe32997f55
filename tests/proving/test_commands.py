"""`hpts verify`, `hpts export` and `hpts proof` on a running stack, as an operator runs them."""

import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.faults.own_ledger import until
from tests.http import Client
from tests.local_stack import hpts


@pytest.mark.slow
def test_books_are_verified_given_away_and_proven(
    stack: dict[str, Any], stack_dir: Path, tmp_path: Path
) -> None:
    client, here = Client.of(stack), ("--data-dir", str(stack_dir))
    loan = client.open_loan(amount_minor="100000")
    entry_id = client.pay(loan, amount_minor="1000")["journal_entry_id"]
    checkpoints = stack_dir / "checkpoints" / "checkpoints.jsonl"
    key = ("--public-key", str(stack_dir / "secrets" / "checkpoint.pub.pem"))

    def is_covered() -> bool:
        ran = hpts("verify", *here, "--json")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        told = json.loads(ran.stdout)
        return bool(told["checkpoints"])

    until(is_covered, seconds=30)
    ran = hpts("verify", *here)
    assert "hpts: sound: " in ran.stdout, ran.stdout
    prove(entry_id, tmp_path / "proof.json", *here)
    given = tmp_path / "checkpoints.jsonl"
    shutil.copy(checkpoints, given)
    ran = hpts("verify", "--proof", str(tmp_path / "proof.json"), str(given), *key)
    assert (ran.returncode, entry_id in ran.stdout) == (0, True), ran.stdout + ran.stderr
    ran = hpts("export", str(tmp_path / "books.zip"), *here)
    assert ran.returncode == 0, ran.stderr
    ran = hpts("verify", "--offline", str(tmp_path / "books.zip"), str(given), *key)
    assert (ran.returncode, "hpts: sound" in ran.stdout) == (0, True), ran.stdout + ran.stderr

    verify = (*here, "--checkpoint", str(given), *key)
    edit_and_back(stack["postgres_dsn"], loan["loan_id"], entry_id, *verify)
    assert hpts("verify", "--offline", str(tmp_path / "books.zip")).returncode == 2
    assert hpts("verify", "--data-dir", str(tmp_path / "nothing")).returncode == 2


def prove(entry_id: str, output: Path, *here: str) -> None:
    """Write the proof of an entry; if it came after a checkpoint, once the next one is made."""
    wanted = ("proof", entry_id, *here, "--output", str(output))
    ran = hpts(*wanted)
    if ran.returncode == 1:
        assert "is in no checkpoint yet" in ran.stderr
        until(lambda: hpts(*wanted).returncode == 0, seconds=90)


def edit_and_back(dsn: str, loan_id: str, entry_id: str, *verify: str) -> None:
    """An edit is found and its entry named; undone, since other tests use this stack, it is not."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for change in (1, -1):
            connection.execute(
                "UPDATE hpts.journal_lines SET amount_minor = amount_minor + %s "
                "WHERE loan_id = %s AND account_code = '1100' AND direction = 'CR'",
                (change, loan_id),
            )
            ran = hpts("verify", *verify)
            assert ran.returncode == (change == 1), ran.stdout
            is_named = f"id {entry_id}" in ran.stdout and f"loan {loan_id}" in ran.stdout
            assert is_named == (change == 1), ran.stdout
