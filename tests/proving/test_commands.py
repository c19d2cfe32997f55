"""`hpts verify`, `hpts export` and `hpts proof` on a running stack, as an operator runs them."""

import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.faults.own_ledger import until
from tests.http import Client
from tests.local_stack import hpts

CHANGE = """
    UPDATE hpts.journal_lines SET amount_minor = amount_minor + %s
    WHERE loan_id = %s AND account_code = '1100' AND direction = 'CR'"""


@pytest.mark.slow
def test_books_are_verified_given_away_and_proven(
    stack: dict[str, Any], stack_dir: Path, tmp_path: Path
) -> None:
    client, here = Client.of(stack), ("--data-dir", str(stack_dir))
    loan = client.open_loan(amount_minor="100000")
    entry_id = client.pay(loan, amount_minor="1000")["journal_entry_id"]
    checkpoints = stack_dir / "checkpoints" / "checkpoints.jsonl"
    key = ("--public-key", str(stack_dir / "secrets" / "checkpoint.pub.pem"))
    # It may have come just after a checkpoint: the next one is made within a second.
    proving = ("proof", entry_id, *here, "--output", str(tmp_path / "proof.json"))
    until(lambda: hpts(*proving).returncode == 0, seconds=90)
    ran = hpts("verify", *here)
    assert (ran.returncode, "hpts: sound: " in ran.stdout) == (0, True), ran.stdout + ran.stderr
    given = tmp_path / "checkpoints.jsonl"
    shutil.copy(checkpoints, given)
    ran = hpts("verify", "--proof", str(tmp_path / "proof.json"), str(given), *key)
    assert (ran.returncode, entry_id in ran.stdout) == (0, True), ran.stdout + ran.stderr
    ran = hpts("export", str(tmp_path / "books.zip"), *here)
    assert ran.returncode == 0, ran.stderr
    ran = hpts("verify", "--offline", str(tmp_path / "books.zip"), str(given), *key)
    assert (ran.returncode, "hpts: sound" in ran.stdout) == (0, True), ran.stdout + ran.stderr

    for change in (1, -1):  # and back: other tests use this stack
        with psycopg.connect(stack["postgres_dsn"]) as connection:
            connection.execute(CHANGE, (change, loan["loan_id"]))
        ran = hpts("verify", *here, "--checkpoint", str(given), *key)
        assert ran.returncode == (change == 1), ran.stdout
        is_named = f"id {entry_id}" in ran.stdout and f"loan {loan['loan_id']}" in ran.stdout
        assert is_named == (change == 1), ran.stdout
