"""A partner's token counts with its own certificate, by the partner listener, and nowhere else."""

import ssl
from itertools import product
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from tests.http import Client
from tests.security.partner_sockets import Partners, get, payment

FOUR: Final = ("acme", "brand", "corner", "depot")
LET_IN: Final = {"GET": (200, ""), "POST": (422, "loan_not_found")}
INTERNAL: Final = {"client_type": None, "cnf": None}


@pytest.fixture(scope="module")
def tokens(partners: Partners) -> dict[str, str]:
    return {name: partners.token(partners.named(name)) for name in FOUR}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_only_the_diagonal_of_tokens_and_certificates_passes(
    partners: Partners, tokens: dict[str, str], method: str
) -> None:
    request = {"GET": get, "POST": payment}[method]
    told = {
        (token, certificate): partners.ask(certificate, request(tokens[token])).told
        for token, certificate in product(FOUR, FOUR)
    }
    assert told == {
        pair: LET_IN[method] if pair[0] == pair[1] else (401, "certificate_mismatch")
        for pair in product(FOUR, FOUR)
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_each_listener_refuses_the_tokens_of_the_other(
    partners: Partners, stack: dict[str, Any], tokens: dict[str, str], method: str
) -> None:
    path = {"GET": "/v1/accounts", "POST": "/v1/payments"}[method]
    for token in (tokens["acme"], tokens["acme"]):  # verified, and remembered
        answer = httpx.request(
            method, stack["api_url"] + path, headers={"Authorization": f"Bearer {token}"}
        )
        assert (answer.status_code, answer.json().get("code")) == (401, "certificate_required")
        assert answer.headers["www-authenticate"].startswith('Bearer realm="hpts", error="invalid_')
    request = {"GET": get, "POST": payment}[method]
    for internal in (partners.token(**INTERNAL), Client.of(stack).token):
        assert partners.ask("acme", request(internal)).told == (401, "token_invalid")


@pytest.mark.parametrize(
    "confirmation",
    [
        None,
        {},
        {"x5t#S256": ""},
        {"x5t#S256": ["other"]},
        {"jkt": "own"},
        {"x5t": "own"},
        {"x5t#S256": "own", "jkt": "own"},
        {"x5t#S256": "padded"},
        {"x5t#S256": "another spelling"},
        {"x5t#S256": "short"},
        ["own"],
        "own",
    ],
    ids=str,
)
def test_a_partners_token_without_one_sound_thumbprint_is_none(
    partners: Partners, tokens: dict[str, str], confirmation: Any
) -> None:
    own = partners.thumbprint("acme")
    last = chr(ord(own[-1]) + 1)
    spelled = {
        "own": own,
        "padded": f"{own}=",
        "short": own[:-1],
        "another spelling": own[:-1] + last,
    }
    if isinstance(confirmation, dict):
        confirmation = {
            name: spelled.get(text, text) if isinstance(text, str) else text
            for name, text in confirmation.items()
        }
    token = partners.token("acme", cnf=confirmation)
    assert partners.ask("acme", get(token)).told == (401, "token_invalid")
    assert partners.ask("acme", get(tokens["acme"])).status == 200


def test_a_token_bound_to_a_certificate_is_no_internal_one(
    partners: Partners, stack: dict[str, Any], tokens: dict[str, str]
) -> None:
    bound = partners.token("acme", client_type=None)
    assert partners.ask("acme", get(bound)).told == (401, "token_invalid")
    answer = httpx.get(
        f"{stack['api_url']}/v1/accounts", headers={"Authorization": f"Bearer {bound}"}
    )
    assert answer.json().get("code") == "token_invalid"


def test_the_stacks_own_partner_lends_and_reads_over_its_listener(stack: dict[str, Any]) -> None:
    [registered] = [client for client in stack["clients"] if client["partner"]]
    answer = httpx.post(
        stack["token_url"],
        data={"grant_type": "client_credentials"},
        auth=(registered["client_id"], registered["client_secret"]),
    )
    context = ssl.create_default_context(cafile=stack["ca_cert"])
    context.load_cert_chain(stack["partner_cert"], stack["partner_key"])
    with httpx.Client(base_url=stack["partner_api_url"], verify=context) as http:
        client = Client(http, answer.json()["access_token"])
        loan = client.open_loan(amount_minor="50000")
        client.pay(loan, amount_minor="20000")
        balance = client.get(f"/v1/loans/{loan['loan_id']}/balance").json()
        assert balance["principal_outstanding_minor"] == "30000"
        assert client.get("/v1/health/live").status_code == 200
        journal = client.get(f"/v1/loans/{loan['loan_id']}/journal-entries").json()
        assert {item["actor"] for item in journal["items"]} == {registered["client_id"]}
        assert client.post("/v1/fees", {}, key=f"fee:{uuid4()}").status_code == 403


def test_a_new_certificate_needs_a_new_token(
    partners: Partners, stack: dict[str, Any], stack_dir: Path
) -> None:
    name = partners.named("renewing")
    before = partners.token(name)
    partners.named(name)
    assert partners.ask(name, get(before)).told == (401, "certificate_mismatch")
    assert partners.ask(name, get(partners.token(name))).status == 200
