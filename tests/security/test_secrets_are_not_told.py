"""No secret in what is logged, answered, or to be seen of a process: every one that the stack has,
and those that the tests of this module use, looked for byte by byte.
"""

import json
import re
import signal
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from psycopg.conninfo import make_conninfo

from hpts.local import ports
from tests.edges import bodies_of
from tests.faults.own_ledger import spawn, until
from tests.http import Client
from tests.security.own_api import ROLES, settings_of

Stack = dict[str, Any]
LEAST_CHARACTERS: Final = 20
WRITTEN: Final = re.compile(rb"[A-Za-z0-9+/=_.-]{%d,}" % LEAST_CHARACTERS)
"""What of a secret's file is the secret: keys and passwords, not the words around them."""
NO_SECRET: Final = ("checkpoint.pub.pem",)


def secrets_of(stack: Stack, stack_dir: Path) -> set[bytes]:
    """Everything that is written in the folder of secrets, and the administrator's password."""
    found: set[bytes] = set()
    for file in (stack_dir / "secrets").iterdir():
        if file.name == "clients.json":
            found |= {one["client_secret"].encode() for one in json.loads(file.read_bytes())}
        elif file.name not in NO_SECRET:
            found |= set(WRITTEN.findall(file.read_bytes()))
    if (
        password := re.search(r"password=(\S+)|://[^:@/]+:([^@]+)@", stack["postgres_dsn"])
    ) is None:
        return found
    return found | {(password[1] or password[2]).encode()}


def seen_in(texts: dict[str, bytes], secrets: set[bytes]) -> list[str]:
    """Where a secret stands; not which one."""
    return sorted(
        f"{where}: a secret of {len(secret)} characters"
        for where, text in texts.items()
        for secret in secrets
        if secret in text
    )


def logs(stack_dir: Path) -> dict[str, bytes]:
    return {log.name: log.read_bytes() for log in stack_dir.glob("logs/*.log")}


@pytest.fixture(scope="module")
def secrets(stack: Stack, stack_dir: Path) -> set[bytes]:
    found = secrets_of(stack, stack_dir)
    assert len(found) > 20
    return found


def test_the_search_finds_a_secret_that_is_there(secrets: set[bytes]) -> None:
    assert seen_in({"a log": b"user=x password=" + next(iter(secrets))}, secrets) != []


def test_no_answer_tells_what_was_sent_as_a_secret(stack: Stack) -> None:
    client, registered = Client.of(stack), stack["clients"][0]
    token, wrong = client.token, registered["client_secret"] + "x"
    sent = {token.encode(), token.rpartition(".")[2].encode(), registered["client_secret"].encode()}
    answers = [
        client.http.get(path, headers={"Authorization": value, "Cookie": token})
        for path in ("/v1/loans", f"/v1/commands/{uuid4()}", "/v1/nothing", "/v1/payments")
        for value in (f"Bearer {token}x", f"Basic {token}", f"Bearer {token} {token}", token)
    ]
    answers.append(client.http.get("/v1/loans", params={"access_token": token}))
    form = {"grant_type": "client_credentials", "client_secret": wrong}
    answers.append(httpx.post(stack["token_url"], data=form | {"client_id": "tenant-a"}))
    answers.append(client.post("/v1/payments", bodies_of.payment() | {"token": token}))
    for answer in answers:
        assert answer.status_code >= 400
        told = {"head": repr(answer.headers).encode(), "body": answer.content}
        assert seen_in(told, sent) == []


MODULES: Final = ("ingress_api", "read_api", "hpts.local.api", "posting_engine")


@pytest.mark.parametrize("module", MODULES)
def test_settings_that_are_wrong_are_named_and_not_told(
    stack: Stack, stack_dir: Path, secrets: set[bytes], module: str
) -> None:
    """Half of them are missing, a number is none, and the rest holds passwords."""
    settings = settings_of(stack, stack_dir, 1) | {"HPTS_PORT": "no number"}
    settings["HPTS_ENGINE_POSTGRES_DSN"] = settings["HPTS_INGRESS_POSTGRES_DSN"]
    for name in ("HPTS_TOKEN_ISSUER", "HPTS_KAFKA_BOOTSTRAP"):
        del settings[name]
    log = stack_dir / "logs" / f"wrong-settings-{module}.log"
    service = spawn(module, module, log, settings)
    assert service.process.wait(30) == 2
    told = log.read_bytes()
    assert b"kafka_bootstrap" in told.lower() or b"token_issuer" in told.lower(), told
    assert seen_in({module: told}, secrets) == []


def test_a_password_that_is_refused_is_not_told(
    stack: Stack, stack_dir: Path, secrets: set[bytes]
) -> None:
    settings = settings_of(stack, stack_dir, ports.free_port())
    for name in ROLES.values():
        settings[name] = make_conninfo(settings[name], password=f"wrong-{uuid4().hex}", port=1)
    used = {settings[name].encode() for name in ROLES.values()}
    used |= {re.findall(rb"wrong-[0-9a-f]{32}", dsn)[0] for dsn in used}
    log = stack_dir / "logs" / "wrong-password.log"
    service = spawn("api", "hpts.local.api", log, settings)
    try:
        until(lambda: "connection failed" in service.said(), seconds=30, told=service.said)
    finally:
        service.stop(signal.SIGKILL)
    assert seen_in({"log": log.read_bytes()}, used | secrets) == []


def test_no_process_has_a_secret_on_its_command_line(stack: Stack, secrets: set[bytes]) -> None:
    """Everybody on the machine can read those."""
    lines = {
        str(pid): Path(f"/proc/{pid}/cmdline").read_bytes()
        for pids in stack["processes"].values()
        for pid in pids
        if Path(f"/proc/{pid}").exists()
    }
    assert lines
    assert seen_in(lines, secrets) == []


def test_no_log_of_the_stack_holds_a_secret(
    stack: Stack, stack_dir: Path, secrets: set[bytes]
) -> None:
    """Whatever this session's tests have done to it until now."""
    client = Client.of(stack)
    client.pay(client.open_loan(amount_minor="500"), amount_minor="100")
    written = logs(stack_dir)
    assert {"api.log", "engine.log", "kafka.log", "postgres.log", "issuer.log"} <= written.keys()
    token = client.token.encode()
    assert seen_in(written, secrets | {token, token.rpartition(b".")[2]}) == []
    assert not any(b"eyJ" in text for text in written.values()), "the beginning of some token"
