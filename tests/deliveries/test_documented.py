"""The commands of docs/webhooks.md and docs/journal-topic.md, run as they stand there."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hpts.local import ports
from tests.faults.own_ledger import until
from tests.http import Client

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def here(stack: dict[str, Any], stack_dir: Path, tmp_path: Path) -> Path:
    """A folder in which `hpts up` has been run, as far as anybody can tell."""
    assert stack
    (tmp_path / ".hpts").symlink_to(stack_dir)
    return tmp_path


@pytest.fixture
def receiver(here: Path) -> Iterator[tuple[int, Path]]:
    """The page's receiver, at another port; what it prints."""
    port, said = ports.free_port(), here / "receiver.txt"
    [code] = blocks("webhooks.md", "python")
    with said.open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, "-u", "-c", code.replace("9100", str(port))],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    yield port, said
    running.kill()
    running.wait()


def ran(script: str, here: Path, **more: str) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=here,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_on_webhooks(
    stack: dict[str, Any], here: Path, receiver: tuple[int, Path]
) -> None:
    port, said = receiver
    make, operate = blocks("webhooks.md", "bash")
    at_port = make.replace("9100", str(port))
    made, token = ran(f"{at_port}\necho; echo $TOKEN", here).split("\n")[:2]
    endpoint = json.loads(made)["webhook_endpoint_id"]
    loan = Client.of(stack).open_loan(amount_minor="500")
    assert loan
    until(lambda: "journal_entry_id" in said.read_text(), seconds=20)
    told = ran(
        operate.replace("ENDPOINT=...", f"ENDPOINT={endpoint}").replace("curl -s", "curl -sf"),
        here,
        API=stack["api_url"],
        TOKEN=token,
    )
    assert "delivered" in told
    assert "previous_secret_until" in told
    assert "webhook_replay_id" in told
    assert Client.of(stack).get(f"/v1/webhook-endpoints/{endpoint}").status_code == 404


def test_the_page_on_the_journal_topic(stack: dict[str, Any], here: Path) -> None:
    client = Client.of(stack)
    client.open_loan(amount_minor="500")
    [code] = blocks("journal-topic.md", "python")
    read = subprocess.run(
        [sys.executable, "-c", code], cwd=here, capture_output=True, text=True, timeout=120
    )
    assert read.returncode == 0, read.stderr
    assert "disbursement 4 lines" in read.stdout or "disbursement 2 lines" in read.stdout
    registry, stream, _ = blocks("journal-topic.md", "bash")
    assert "hpts.journal.v1-value" in ran(registry, here, API=stack["api_url"])
    of_beginning = stream.splitlines()[1].replace("curl -N", "curl -sN --max-time 3")
    told = ran(f"{of_beginning} || true", here, API=stack["api_url"], TOKEN=client.token)
    assert "event: journalEntryPosted" in told
