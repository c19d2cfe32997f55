"""The command line as people meet it: its help, its errors, and what it does to the books."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
import pytest
import typer
from click.testing import Result
from typer.main import get_command
from typer.testing import CliRunner

from hpts.cli import app
from hpts.using.posting import EVENTS
from hpts_client import Client, connection
from hpts_client.events import Disbursement
from tests.local_stack import HPTS

RUNNER = CliRunner()
USAGE, REFUSED = 2, 1
GIVEN_BY_TYPER = {"help", "install_completion", "show_completion"}


def commands(
    group: Any = None, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    root = get_command(app) if group is None else group
    for name, command in root.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))


COMMANDS = list(commands())


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(p) for p, _ in COMMANDS])
def test_every_command_says_what_it_does_and_what_each_option_is_for(
    path: tuple[str, ...], command: click.Command
) -> None:
    shown = RUNNER.invoke(app, [*path, "--help"])
    assert shown.exit_code == 0, shown.output
    first = (command.help or "").strip().split("\n\n")[0].replace("\n", " ")
    assert first.endswith("."), first
    assert first[0].isupper()
    for parameter in command.params:
        help_text = getattr(parameter, "help", None)
        assert help_text or parameter.name in GIVEN_BY_TYPER, parameter.name
        if "[default:" in (help_text or ""):
            assert "[default:" in shown.output  # not taken for a style


def test_the_commands_are_those_that_are_promised() -> None:
    promised = "up down status post balance journal trial-balance tail accrue replay diff verify"
    more = "archive quarantine webhooks bank bench doctor dev demo"
    assert {*promised.split(), *more.split()} <= {path[0] for path, _ in COMMANDS}


def run(*words: str, stdin: str | None = None) -> Result:
    return RUNNER.invoke(app, words, input=stdin)


@pytest.fixture
def here(stack: dict[str, Any], stack_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert stack
    monkeypatch.setenv("HPTS_DATA_DIR", str(stack_dir))
    return stack_dir


@pytest.fixture
def loan_id(here: Path) -> str:
    loan_id = str(uuid4())
    opening = Disbursement(
        loan_id=loan_id,
        borrower_id=loan_id,
        amount_minor=1_234_56,
        currency="USD",
        method="ach",
        effective_at="2026-01-05",
    )
    with Client.of(connection(here, environment={})) as ledger:
        ledger.post(opening, f"disbursement:{loan_id}")
    return loan_id


def fee(loan_id: str, **members: str) -> list[str]:
    usual = {
        "loan_id": loan_id,
        "amount_minor": "2500",
        "currency": "USD",
        "fee_type": "late",
        "effective_at": "2026-02-01",
    }
    return ["post", "fee", *(f"{name}={value}" for name, value in (usual | members).items())]


def test_an_event_is_tried_posted_once_and_read_back(loan_id: str) -> None:
    key = f"fee:{loan_id}"
    tried = run(*fee(loan_id), "--dry-run")
    assert "nothing was posted" in tried.output, tried.output
    told = [json.loads(run(*fee(loan_id), "--key", key, "--json").output) for _ in range(2)]
    assert told[0] == told[1]
    shown = run("balance", loan_id)
    assert "25.00" in shown.output
    assert "USD 1,259.56" in shown.output
    before = json.loads(run("balance", loan_id, "--as-of", "2026-01-31", "--json").output)
    assert before["fees_receivable_minor"] == "0"
    entry_id = told[0]["journal_entry_id"]
    listed = json.loads(run("journal", "--loan", loan_id, "--json").output)["items"]
    assert [one["event_type"] for one in listed] == ["disbursement", "fee_assessed"]
    one = json.loads(run("journal", "--entry", entry_id, "--json").output)
    assert [line["amount_minor"] for line in one["lines"]] == ["2500", "2500"]
    assert entry_id in run("journal", "--newest", "--limit", "5").output


def test_an_event_may_come_as_json(loan_id: str) -> None:
    body = dict(word.split("=", 1) for word in fee(loan_id)[2:])
    ran = run("post", "fee", "--file", "-", "--key", f"fee:{loan_id}", stdin=json.dumps(body))
    assert (ran.exit_code, "fee posted" in ran.output) == (0, True), ran.output


def test_books_of_a_new_tenant_are_its_own(loan_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = json.loads(run("dev", "tenant", "--json").output)
    tenant = {name: value for name, value in made.items() if name.startswith("HPTS_")}
    for name, value in tenant.items():
        monkeypatch.setenv(name, value)
    assert run("trial-balance").output == "hpts: the books are empty\n"
    other = run("balance", loan_id)
    assert (other.exit_code, "not_found" in other.output) == (REFUSED, True)
    assert run("dev", "token").output.count(".") == 2
    again = json.loads(run("dev", "tenant", made["HPTS_CLIENT_ID"], "--json").output)
    assert again == made


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["post", "feee", "--key", "12345678"], USAGE, "these are: disbursement,"),
        (["post", "fee", "amount=1", "--key", "12345678"], USAGE, "it has: effective_at"),
        (["post", "fee", "loose"], USAGE, "is not NAME=VALUE"),
        (["post", "fee"], USAGE, "name a --key, such as"),
        (["post", "fee", "--file", "none.json"], USAGE, "cannot read none.json"),
        (["post", "period-close", "--key", "12345678"], USAGE, "period=2026-01"),
        (["post", "fee", "--key", "12345678"], REFUSED, "/loan_id: is required"),
        (["balance", "1000"], USAGE, "--currency USD"),
        (["balance", "not-a-loan"], REFUSED, "/loan_id: must be a UUID"),
        (["journal", "--loan", "x", "--entry", "y"], USAGE, "one of --loan and --entry"),
        (["trial-balance", "--as-of", "yesterday"], REFUSED, "invalid_parameter"),
        (["trial-balance", "--client", "nobody"], USAGE, "these may: tenant-a"),
        (["balance", str(uuid4()), "--client", "tenant-b"], REFUSED, "not_found"),
        (["dev", "token", "--scope", "hpts:all"], REFUSED, "invalid_scope"),
        (["post", "fee", "--unknown"], USAGE, "No such option"),
    ],
)
def test_an_error_says_what_to_do(here: Path, words: list[str], status: int, told: str) -> None:
    ran = run(*words)
    assert (ran.exit_code, told in ran.output) == (status, True), ran.output
    assert "Traceback" not in ran.output
    assert ran.exception is None or isinstance(ran.exception, SystemExit | typer.Exit)


@pytest.mark.parametrize(
    "name", ["balance x", "journal", "tail", "demo", "dev token", "dev tenant"]
)
def test_without_a_stack_a_command_says_how_to_start_one(tmp_path: Path, name: str) -> None:
    ran = run(*name.split(), "--data-dir", str(tmp_path))
    assert (ran.exit_code, "hpts up" in ran.output) == (USAGE, True), ran.output


def test_every_posting_route_can_be_posted_to() -> None:
    assert len(EVENTS) == 15


def test_the_doctor_finds_a_running_stack_well_and_says_where_nothing_runs(
    here: Path, tmp_path: Path
) -> None:
    ran = run("doctor", "--data-dir", str(here), "--json")
    findings = json.loads(ran.output)["findings"]
    assert [one for one in findings if one["state"] == "fail"] == []
    areas = {one["area"] for one in findings}
    assert areas == {"machine", "Postgres", "keys", "engine", "Kafka", "API"}
    nothing = run("doctor", "--data-dir", str(tmp_path))
    assert (nothing.exit_code, "start it (`hpts up`)" in nothing.output) == (1, True)


def test_the_doctor_names_servers_that_do_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPTS_POSTGRES_DSN", "postgresql://nobody@127.0.0.1:1/hpts")
    monkeypatch.setenv("HPTS_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setattr("hpts.diagnosis.brokers.TIMEOUT_S", 1.0)
    ran = run("doctor", "--data-dir", str(tmp_path), "--json")
    failed = {one["area"] for one in json.loads(ran.output)["findings"] if one["state"] == "fail"}
    assert (ran.exit_code, failed) == (1, {"Postgres", "Kafka"}), ran.output


def test_a_lender_lends_and_its_books_are_sound(here: Path) -> None:
    words = ["demo", "--minutes", "0.06", "--rate", "60", "--seed", str(uuid4().int % 10**6)]
    ran = run(*words, "--loans", "8", "--data-dir", str(here), "--json")
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.output)
    assert told["posted"]["Disbursement"] == 8
    assert (told["refused"], told["verified"]["sound"]) == ({}, True)


def test_entries_are_shown_while_they_are_posted(here: Path, loan_id: str) -> None:
    tail = [*HPTS, "tail", "--lines", "0", "--count", "1", "--json", "--seconds", "60"]
    with subprocess.Popen(tail, stdout=subprocess.PIPE, text=True) as following:
        number = 0
        while following.poll() is None and number < 400:
            number += 1
            assert run(*fee(loan_id), "--key", f"fee:{loan_id}:{number}").exit_code == 0
        assert following.stdout is not None
        [line] = following.stdout.read().splitlines()
    assert json.loads(line)["event_type"]


def test_shells_complete_commands() -> None:
    asked = {"_HPTS_COMPLETE": "complete_bash", "COMP_WORDS": "hpts tri", "COMP_CWORD": "1"}
    ran = subprocess.run(
        HPTS, env={**os.environ, **asked}, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.stdout.split() == ["trial-balance"], ran


def test_the_data_folder_that_the_environment_names_is_every_commands() -> None:
    """Half of them on the named stack and half on `.hpts`, and `down` ends the wrong one."""
    deaf = [
        " ".join(path)
        for path, command in COMMANDS
        for option in command.params
        if "--data-dir" in option.opts and option.envvar != "HPTS_DATA_DIR"
    ]
    assert deaf == []
