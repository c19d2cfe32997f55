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
from tests.edges.lending import tenant_of
from tests.edges.new_tenant import client_of_new_tenant
from tests.http import Client
from tests.security.explained import Accepted, unexplained
from tests.security.test_byte_fuzz import Seen, settle

Stack = dict[str, Any]
ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLES: Final = os.environ.get("HPTS_SCHEMA_EXAMPLES", "3")
SEED: Final = os.environ.get("HPTS_SCHEMA_SEED", "8")
LONG: Final = int(EXAMPLES) > 20
WITHIN_S: Final = 150 if not LONG else 3_000
CHECKS: Final = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance"),
    *("unsupported_method", "missing_required_header", "ignored_auth"),
)


def schemathesis(url: str, token: str, told: Path) -> "subprocess.CompletedProcess[str]":
    """Run it to its end."""
    options = {
        "--url": url,
        "--header": f"Authorization: Bearer {token}",
        "--phases": "examples,coverage,fuzzing,stateful",
        "--checks": ",".join(CHECKS),
        "--max-examples": EXAMPLES,
        "--seed": SEED,
        "--workers": "2",
        "--generation-database": "none",
        "--suppress-health-check": "all",
        "--request-timeout": "70",
    }
    command = [sys.executable, "-P", "-m", "schemathesis.cli", "run", "schemas/openapi.json"]
    command += [word for option in options.items() for word in option]
    hooks = Path(__file__).with_name("contract_hooks.py")
    environment = {"SCHEMATHESIS_HOOKS": str(hooks), "CONTRACT_FUZZ_TOLD": str(told)}
    return subprocess.run(
        [*command, "--continue-on-failure", "--no-color", "--no-shrink"],
        cwd=ROOT,
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
        yield written["status"], answer.get("correlation_id") or answer["command_id"], one


@pytest.fixture(scope="module")
def client(stack: Stack, stack_dir: Path) -> Client:
    return client_of_new_tenant(stack, stack_dir)


@pytest.mark.timeout(WITHIN_S + 30)
def test_the_whole_contract_is_kept_and_the_books_are_explained(
    stack: Stack, client: Client, tmp_path: Path
) -> None:
    told = tmp_path / "told.jsonl"
    told.touch()
    run = schemathesis(stack["api_url"], client.token, told)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    seen = Seen()
    for status, correlation_id, one in accepted_in(told):
        (seen.pending if status == 202 else seen.accepted).setdefault(correlation_id, one)
    settle(client, seen)
    kinds = Counter(one.path.partition("?")[0] for one in seen.accepted.values())
    print(f"{run.stdout[-1_500:]}\naccepted: {dict(kinds)}")
    assert unexplained(stack["postgres_dsn"], tenant_of(client), seen.accepted) == []
    assert faults_of_books(stack["postgres_dsn"]) == []
    assert client.http.get("/v1/health/ready").status_code == 200
    assert kinds["/v1/disbursements"] > 0
