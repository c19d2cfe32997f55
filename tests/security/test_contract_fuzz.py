"""Schemathesis on the whole contract, all phases: no 5xx, every answer as it is described, and
books that are explained by what was accepted.

HPTS_SCHEMA_EXAMPLES makes it longer (of each operation and phase), HPTS_SCHEMA_SEED another one.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.audit import faults_of_books
from tests.edges import bodies_of
from tests.edges.lending import posted, settled_loan, tenant_of
from tests.edges.new_tenant import client_of_new_tenant
from tests.http import Client
from tests.security.explained import Accepted, unexplained
from tests.security.test_byte_fuzz import Seen, settle

Stack = dict[str, Any]
CONTRACT: Final = Path(__file__).resolve().parents[2] / "schemas" / "openapi.json"
EXAMPLES: Final = os.environ.get("HPTS_SCHEMA_EXAMPLES", "3")
SEED: Final = os.environ.get("HPTS_SCHEMA_SEED", "8")
LONG: Final = int(EXAMPLES) > 20
WITHIN_S: Final = 150 if not LONG else 3_000
CHECKS: Final = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance"),
    *("unsupported_method", "missing_required_header", "ignored_auth"),
)


SHORT: Final = """
[[operations]]
exclude-path-regex = "^/v1/(payments|manual-adjustments|loans|journal-entries)$"
phases.coverage.enabled = false
"""
"""A short run covers the boundaries of every parameter and member of four operations only; the
other phases are those of all.
"""


def schemathesis(
    url: str, token: str, folder: Path, known: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run it to its end; what was accepted is in `told.jsonl` then."""
    configuration = folder / "schemathesis.toml"
    configuration.write_text("" if LONG else SHORT, "utf-8")
    options = {
        "--url": url,
        "--header": f"Authorization: Bearer {token}",
        "--phases": "examples,coverage,fuzzing,stateful",
        "--checks": ",".join(CHECKS),
        "--max-examples": EXAMPLES,
        "--exclude-path": "/v1/journal-entries/stream",  # it never ends
        "--seed": SEED,
        "--workers": "1",  # several parse Python side by side, which 3.11 does not survive
        "--generation-database": "none",
        "--suppress-health-check": "all",
        "--request-timeout": "70",
    }
    command = [sys.executable, "-P", "-m", "schemathesis.cli"]
    command += ["--config-file", str(configuration), "run", str(CONTRACT)]
    command += [word for option in options.items() for word in option]
    hooks = Path(__file__).with_name("contract_hooks.py")
    environment = {
        "SCHEMATHESIS_HOOKS": str(hooks),
        "CONTRACT_FUZZ_TOLD": str(folder / "told.jsonl"),
        "CONTRACT_FUZZ_KNOWN": json.dumps(known),
    }
    return subprocess.run(
        [*command, "--continue-on-failure", "--no-color", "--no-shrink"],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


def accepted_in(told: Path) -> Iterator[tuple[int, str, Accepted]]:
    """(status, correlation id, what was accepted) of every line."""
    for line in told.read_text("utf-8").splitlines():
        written = json.loads(line)
        answer = written["answer"]
        if answer.get("dry_run"):
            continue
        try:
            body = json.loads(written["body"])
        except ValueError:
            body = None  # lines
        one = Accepted(written["path"], body if isinstance(body, dict) else None, answer)
        if posted := answer.get("correlation_id") or answer.get("command_id"):
            yield written["status"], posted, one  # else it posts nothing: webhooks, banks


@pytest.fixture(scope="module")
def client(stack: Stack, stack_dir: Path) -> Client:
    return client_of_new_tenant(stack, stack_dir)


@pytest.mark.timeout(WITHIN_S + 30)
def test_the_whole_contract_is_kept_and_the_books_are_explained(
    stack: Stack, client: Client, tmp_path: Path
) -> None:
    told = tmp_path / "told.jsonl"
    told.touch()
    loan = settled_loan(client)
    paid = posted(client, "/v1/payments", bodies_of.payment() | loan)
    drawn = posted(client, "/v1/disbursements", bodies_of.disbursement() | loan)
    known = {
        **loan,
        **{name: paid[name] for name in ("payment_event_id", "journal_entry_id")},
        "reverses_entry_id": paid["journal_entry_id"],
        "command_id": paid["correlation_id"],
        "disbursement_event_id": drawn["disbursement_event_id"],
        "amount_minor": "700",
        "currency": "USD",
        "effective_at": "2026-03-01",
        "accrual_date": "2026-03-01",
    }
    before = unexplained(stack["postgres_dsn"], tenant_of(client), {})
    run = schemathesis(stack["api_url"], client.token, tmp_path, known)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    seen = Seen()
    for status, correlation_id, one in accepted_in(told):
        (seen.pending if status == 202 else seen.accepted).setdefault(correlation_id, one)
    settle(client, seen)
    kinds = Counter(one.path.partition("?")[0] for one in seen.accepted.values())
    print(f"{run.stdout[-1_500:]}\naccepted: {dict(kinds)}")
    after = unexplained(stack["postgres_dsn"], tenant_of(client), seen.accepted)
    assert [fault for fault in after if fault not in before] == []
    assert faults_of_books(stack["postgres_dsn"]) == []
    assert client.http.get("/v1/health/ready").status_code == 200
    # Else it proves little.
    assert len(kinds) >= 5
