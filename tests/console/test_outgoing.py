"""Webhooks and the bank in a real Chromium: what is told to others, and what they tell.

The fixture `lender` fails the module on any console error, warning, alert or foreign request.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import PATIENCE_MS, keep_picture
from tests.console.consoles import Running
from tests.console.test_pages import dialog_of, go
from tests.deliveries.receiver import Receiver
from tests.faults.own_ledger import until

TOLD_WITHIN_S = 90


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    listening = Receiver()
    yield listening
    listening.close()


def secret_shown(page: Page) -> str:
    """What the dialog shows once; the dialog is closed."""
    shown = page.get_by_role("dialog").filter(has_text="The signing secret")
    secret = shown.locator("code").inner_text()
    keep_picture(page, "webhooks-secret")
    shown.get_by_role("button", name="I have it").click()
    expect(page.get_by_role("dialog")).to_have_count(0, timeout=PATIENCE_MS)
    return secret


def added(page: Page, console: Running, url: str) -> str:
    """Add an endpoint; its secret."""
    go(page, console, "/webhooks")
    page.get_by_role("button", name="Add an endpoint").click()
    asking = page.get_by_role("dialog")
    asking.get_by_label("Address").fill(url)
    asking.get_by_label("Event types; empty for all").fill("disbursement payment_received")
    asking.get_by_label("Description").fill("for a test")
    asking.get_by_role("button", name="Add").click()
    return secret_shown(page)


def has_open(page: Page, console: Running, url: str) -> None:
    go(page, console, "/webhooks")
    page.get_by_role("link", name=url).click()
    expect(page.get_by_role("heading", name="Webhook endpoint")).to_be_visible()


def test_an_endpoint_is_added_told_asked_again_rotated_and_deleted(
    lender: Page, console: Running, receiver: Receiver
) -> None:
    url = receiver.url()
    receiver.secrets["/hook"] = [added(lender, console, url)]

    api, begun = console.client(), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    loan = api.open_loan(amount_minor="100000")
    until(lambda: len(receiver.acknowledged()) == 1, seconds=TOLD_WITHIN_S)
    [entry_id] = receiver.acknowledged()
    assert receiver.told[0].event["event_type"] == "disbursement"

    has_open(lender, console, url)
    delivered = lender.get_by_role("table", name="Deliveries").get_by_role("row").nth(1)
    expect(delivered).to_contain_text("delivered")
    delivered.get_by_text("1", exact=True).click()
    expect(delivered).to_contain_text("200")
    keep_picture(lender, "webhooks-delivered")

    with dialog_of(lender, "Replay") as dialog:
        dialog.get_by_label("From").fill(begun)
        dialog.get_by_role("button", name="Replay").click()
    until(lambda: receiver.acknowledged() == [entry_id] * 2, seconds=TOLD_WITHIN_S)

    has_open(lender, console, url)
    lender.get_by_role("button", name="Change the secret").click()
    lender.get_by_role("dialog").get_by_role("button", name="Change it").click()
    second = secret_shown(lender)
    assert second not in receiver.secrets["/hook"]
    receiver.secrets["/hook"].append(second)
    api.pay(loan, amount_minor="100")
    until(lambda: len(receiver.acknowledged()) == 3, seconds=TOLD_WITHIN_S)
    assert receiver.refused == []

    has_open(lender, console, url)
    lender.get_by_role("button", name="Delete").click()
    lender.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(lender.get_by_text("There is no endpoint.")).to_be_visible()
    assert api.get("/v1/webhook-endpoints").json()["items"] == []


def test_an_address_that_must_not_be_reached_is_refused_in_the_dialog(
    lender: Page, console: Running
) -> None:
    go(lender, console, "/webhooks")
    with dialog_of(lender, "Add an endpoint") as dialog:
        dialog.get_by_label("Address").fill("https://169.254.169.254/latest")
        dialog.get_by_role("button", name="Add").click()
        expect(dialog.get_by_role("alert")).to_contain_text("url")
        keep_picture(lender, "webhooks-refused")
        dialog.get_by_role("button", name="Cancel").click()
    known = console.client().get("/v1/webhook-endpoints").json()["items"]
    assert "169.254" not in str(known)


def statement(amount_minor: str, reference: str) -> dict[str, Any]:
    lines = [
        {"amount_minor": amount_minor, "booked_on": "2026-02-02", "direction": "in"}
        | {"reference": reference},
        {"amount_minor": "2500", "booked_on": "2026-02-02", "direction": "out"}
        | {"description": "account fee"},
    ]
    days = {"from_date": "2026-02-02", "to_date": "2026-02-02"}
    sums = {"expected_in_minor": amount_minor, "expected_out_minor": "2500"}
    names = {"bank_account_ref": "operating-usd", "currency": "USD", "statement_ref": reference}
    return {**names, **days, **sums, "lines": lines}


def test_the_bank_s_own_fee_is_shown_as_unmatched(lender: Page, console: Running) -> None:
    api = console.client()
    answer = api.post("/v1/bank-statements", statement("1", "unheard of"))
    assert answer.status_code in (200, 201), answer.text
    status = "/v1/reconciliation/status"
    until(lambda: bool(api.get(status).json()["bank_reconciliation"]), seconds=TOLD_WITHIN_S)
    go(lender, console, "/reconciliation")
    unmatched = lender.get_by_role("table", name="Unmatched")
    fee = unmatched.get_by_role("row").filter(has_text="account fee")
    expect(fee).to_contain_text("the bank alone")
    expect(fee).to_contain_text("25.00")
    expect(lender.get_by_role("table", name="Bank accounts")).to_contain_text("operating-usd")
    keep_picture(lender, "reconciliation-unmatched")
