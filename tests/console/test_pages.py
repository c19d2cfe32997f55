"""Every page and every action in a real Chromium, on a tenant of the test's own.

The fixture `lender` fails the module on any console error, warning, alert or foreign request.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from hpts.local.ports import free_port
from tests.console import consoles
from tests.console.conftest import PATIENCE_MS, complaints_of, keep_picture, sign_in
from tests.console.consoles import Running
from tests.faults.test_quarantine import refused, waiting_of
from tests.http import Client

NASTY = "<img src=x onerror=alert(1)>"
NOT_HERE = "This server does not have this part yet."
WIDTHS = (1280, 390)
LISTS = (
    *("/", "/loans", "/journal", "/trial-balance", "/accruals", "/periods", "/webhooks"),
    *("/quarantine", "/reconciliation", "/search?q=nothing"),
)
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def life(console: Running) -> dict[str, str]:
    """The worked loan of the accounting rules as far as its payment, and a batch half refused."""
    api = console.client()
    loan = {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}
    money = {"loan_id": loan["loan_id"], "currency": "USD"}
    lent = posted(api, "/v1/disbursements", {
        **loan, **money, "amount_minor": "100000", "effective_at": "2026-01-05", "method": "ach",
    })  # fmt: skip
    settled = {"disbursement_event_id": lent["disbursement_event_id"]}
    posted(api, "/v1/disbursement-settlements", {**settled, "effective_at": "2026-01-06"})
    owes = {"outstanding_principal_minor": "100000", "interest_minor": "822"}
    accrued = posted(api, "/v1/accruals/batch", {
        "program_id": str(uuid4()), "accrual_date": "2026-01-31", "currency": "USD",
        "day_count_convention": "ACT_365",
        "loans": [{"loan_id": loan["loan_id"], **owes}, {"loan_id": UNKNOWN, **owes}],
    })  # fmt: skip
    posted(api, "/v1/fees", {
        **money, "amount_minor": "500", "effective_at": "2026-02-01", "fee_type": "late",
    })  # fmt: skip
    paid = posted(api, "/v1/payments", {
        **loan, **money, "amount_minor": "11322", "effective_at": "2026-02-02",
        "source_method": "ach", "external_ref": NASTY,
    })  # fmt: skip
    return {
        **loan,
        "accrual_event_id": accrued["accrual_event_id"],
        "payment_entry_id": paid["journal_entry_id"],
    }


def posted(api: Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(path, body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def go(page: Page, console: Running, path: str) -> None:
    page.goto(f"{console.url}{path}")
    page.locator("h1, .trouble").first.wait_for()


@contextmanager
def dialog_of(page: Page, button: str) -> Iterator[Any]:
    """The dialog that a button opens; it must have gone afterwards."""
    page.get_by_role("button", name=button, exact=True).first.click()
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    yield dialog
    expect(dialog).to_have_count(0, timeout=PATIENCE_MS)


def test_an_empty_ledger_says_what_to_do(lender: Page, console: Running) -> None:
    go(lender, console, "/loans")
    expect(lender.get_by_text("There is no loan yet")).to_be_visible()
    go(lender, console, "/journal")
    expect(lender.get_by_text("Nothing is posted yet")).to_be_visible()


def test_every_page_fits_both_widths_in_both_themes(
    lender: Page, console: Running, life: dict[str, str]
) -> None:
    own = (
        f"/loans/{life['loan_id']}",
        f"/journal/{life['payment_entry_id']}",
        f"/accruals/{life['accrual_event_id']}",
    )
    for path in (*LISTS, *own):
        go(lender, console, path)
        for theme in ("light", "dark"):
            choose(lender, theme)
            for width in WIDTHS:
                lender.set_viewport_size({"width": width, "height": 900})
                overflow = lender.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert (path, width, overflow) == (path, width, 0)
                keep_picture(lender, f"{name_of(path)}-{width}-{theme}")
    lender.set_viewport_size({"width": WIDTHS[0], "height": 900})


def choose(page: Page, theme: str) -> None:
    """By the button, until it is that theme's turn."""
    scheme = "getComputedStyle(document.documentElement).colorScheme"
    for _ in range(3):
        if page.evaluate(scheme) != theme:
            page.get_by_role("button", name="Change the theme").click()
    assert page.evaluate(scheme) == theme


def name_of(path: str) -> str:
    """Of a picture: an item's has the name of its list and `one`."""
    _, section, *item = path.split("?")[0].split("/")
    return f"{section or 'overview'}{'-one' if item else ''}"


def test_a_loan_is_found_by_keyboard_and_explains_itself(
    lender: Page, console: Running, life: dict[str, str]
) -> None:
    go(lender, console, "/")
    lender.keyboard.press("/")
    lender.keyboard.type(life["loan_id"].upper())
    lender.keyboard.press("Enter")
    lender.wait_for_url(f"**/loans/{life['loan_id']}")
    rows = lender.get_by_role("table", name="Timeline").locator("tbody tr")
    expect(rows).to_have_count(5)
    expect(rows.last).to_contain_text("900.00")
    fall = lender.locator(".fall")
    expect(fall).to_contain_text("Payment of 113.22 USD")
    expect(fall).to_contain_text("interest 8.22 of 8.22 owed")
    expect(fall).to_contain_text("principal 100.00 of 1,000.00 owed")
    interest = lender.locator(".t", has_text="1200 Interest Receivable")
    expect(interest).to_contain_text("level 0.00")


def test_the_sliders_ask_the_books_about_another_day(
    lender: Page, console: Running, life: dict[str, str]
) -> None:
    go(lender, console, f"/loans/{life['loan_id']}")
    figures = lender.locator(".tile .figure")
    expect(figures.first).to_have_text("900.00USD")
    as_of = lender.get_by_role("slider").first
    as_of.press("Home")
    expect(figures.first).to_have_text("1,000.00USD")
    expect(lender.locator(".looking")).to_contain_text("2026-01-05")
    expect(lender.get_by_role("table", name="Timeline").locator("tbody tr")).to_have_count(1)
    expect(lender.get_by_text("4 entries are later")).to_be_visible()
    as_of.press("End")
    expect(figures.first).to_have_text("900.00USD")
    lender.get_by_role("slider").last.press("Home")
    expect(lender.locator(".looking")).to_contain_text("known at 20")
    expect(figures.first).to_have_text("1,000.00USD")


def test_markup_in_a_reference_is_text_wherever_it_is_shown(
    lender: Page, console: Running, life: dict[str, str]
) -> None:
    for path in ("/", "/journal", f"/loans/{life['loan_id']}"):
        go(lender, console, path)
        expect(lender.get_by_text(NASTY).first).to_be_visible()
        assert lender.locator("img").count() == 0
    lender.get_by_role("searchbox").fill(NASTY)
    lender.get_by_role("searchbox").press("Enter")
    lender.wait_for_url("**/journal?external_ref=*")
    expect(lender.get_by_role("table").locator("tbody tr")).to_have_count(1)


def test_the_journal_is_filtered_and_an_entry_shows_how_it_was_decided(
    lender: Page, console: Running, life: dict[str, str]
) -> None:
    go(lender, console, "/journal")
    lender.get_by_label("Event").select_option("payment_received")
    lender.get_by_role("button", name="Show").click()
    lender.wait_for_url("**event_type=payment_received**")
    rows = lender.get_by_role("table").locator("tbody tr")
    expect(rows).to_have_count(1)
    rows.get_by_role("link").first.click()
    lender.wait_for_url(f"**/journal/{life['payment_entry_id']}")
    applied = lender.get_by_role("table", name="Allocation")
    expect(applied.locator("tr", has_text="interest")).to_contain_text("waterfall/1")


def test_a_long_journal_comes_in_pages(
    lender: Page, console: Running, life: dict[str, str]
) -> None:
    api = console.client()
    for _ in range(50):
        posted(api, "/v1/fees", {
            "loan_id": life["loan_id"], "currency": "USD", "amount_minor": "1",
            "effective_at": "2026-02-03", "fee_type": "other",
        })  # fmt: skip
    go(lender, console, "/journal")
    rows = lender.get_by_role("table").locator("tbody tr")
    expect(rows).to_have_count(50)
    lender.get_by_role("link", name="Next page").click()
    lender.wait_for_url("**page_token=**")
    expect(rows).to_have_count(5)
    lender.get_by_role("link", name="First page").click()
    expect(rows).to_have_count(50)


def test_the_trial_balance_leads_to_an_account_s_entries(
    lender: Page, console: Running, life: dict[str, str]
) -> None:
    go(lender, console, "/trial-balance?as_of_date=2026-02-02")
    expect(lender.locator(".chip.good")).to_have_text("balanced")
    expect(lender.locator("tr.total")).to_contain_text("2,126.44")
    lender.get_by_role("link", name="4000 Interest Income").click()
    lender.wait_for_url("**account_code=4000**")
    expect(lender.get_by_role("table").locator("tbody tr")).to_have_count(1)


def test_a_batch_shows_its_progress_and_who_was_rejected(
    lender: Page, console: Running, life: dict[str, str]
) -> None:
    go(lender, console, "/accruals")
    lender.get_by_role("link", name="progress and rejections").click()
    lender.wait_for_url(f"**/accruals/{life['accrual_event_id']}")
    expect(lender.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    expect(lender.get_by_text("posted with rejections")).to_be_visible()
    expect(lender.get_by_role("table", name="Rejections")).to_contain_text("loan_not_found")


def test_a_quarantined_command_is_resumed_in_vain_then_rejected(
    lender: Page, console: Running, stack: dict[str, Any]
) -> None:
    api = console.client()
    loan = api.open_loan(amount_minor="100000")
    body = {"amount_minor": "100", "currency": "USD", "effective_at": "2026-02-02"}
    with refused(stack["postgres_dsn"], loan):
        api.post("/v1/payments", {**loan, **body, "source_method": "ach"})
        go(lender, console, "/quarantine")
        expect(lender.get_by_text("violates check constraint")).to_be_visible()
        keep_picture(lender, "quarantine-waiting")
        with dialog_of(lender, "Resume") as dialog:
            dialog.get_by_role("button", name="Resume").click()
        expect(lender.get_by_text("Decided: quarantined")).to_be_visible()
    go(lender, console, "/quarantine")
    with dialog_of(lender, "Reject") as dialog:
        dialog.get_by_role("button", name="Reject").click()
        expect(dialog.get_by_text("Still empty: Why")).to_be_visible()
        keep_picture(lender, "quarantine-asked")
        dialog.get_by_label("Why").fill("a test")
        dialog.get_by_role("button", name="Reject").click()
    expect(lender.get_by_text("Nothing waits.")).to_be_visible()
    assert waiting_of(api, loan) == []


def test_the_oldest_open_month_is_closed_after_a_question(
    lender: Page, console: Running, life: dict[str, str]
) -> None:
    go(lender, console, "/periods")
    with dialog_of(lender, "Close 2026-01") as dialog:
        dialog.get_by_role("button", name="Cancel").click()
    with dialog_of(lender, "Close 2026-01") as dialog:
        dialog.get_by_role("button", name="Close 2026-01").click()
    expect(lender.get_by_role("button", name="Close 2026-02")).to_be_visible()
    january = console.client().get("/v1/periods").json()["items"][0]
    assert (january["period"], january["status"]) == ("2026-01", "closed")


def test_what_the_server_does_not_have_is_said_plainly(lender: Page, console: Running) -> None:
    api = console.client()
    for path, route in (("/webhooks", "/v1/webhook-endpoints"),
                        ("/reconciliation", "/v1/reconciliation/status")):  # fmt: skip
        is_there = api.get(route).status_code != 404
        go(lender, console, path)
        expect(lender.get_by_text(NOT_HERE).first).to_have_count(0 if is_there else 1)
        assert lender.locator(".trouble").count() == 0
    go(lender, console, f"/loans/{UNKNOWN}")
    expect(lender.get_by_role("alert")).to_contain_text("not_found")


def test_demo_traffic_makes_the_overview_live(lender: Page, console: Running) -> None:
    go(lender, console, "/")
    switch = lender.get_by_role("switch", name="Demo traffic")
    switch.click()
    sent = lender.locator(".tile", has_text="Sent by this session").locator(".figure")
    expect(sent).not_to_have_text(re.compile(r"^[0-5]posted"), timeout=PATIENCE_MS)
    expect(lender.locator(".tile", has_text="Answers, p99")).to_contain_text("ms")
    expect(lender.get_by_text("balanced")).to_be_visible()
    keep_picture(lender, "overview-live")
    switch.click()
    expect(switch).not_to_be_checked()
    assert console.client().get("/v1/loans?status=active").json()["items"]


def test_the_keyboard_goes_everywhere(lender: Page, console: Running) -> None:
    go(lender, console, "/")
    lender.keyboard.press("Tab")
    expect(lender.get_by_role("link", name="Skip to the content")).to_be_focused()
    lender.keyboard.press("?")
    shortcuts = lender.get_by_role("dialog", name="Keyboard shortcuts")
    expect(shortcuts).to_be_visible()
    lender.keyboard.press("Escape")
    expect(shortcuts).not_to_be_visible()
    lender.keyboard.press("g")
    lender.keyboard.press("t")
    lender.wait_for_url("**/trial-balance")
    before = lender.evaluate("document.documentElement.style.colorScheme")
    lender.get_by_role("button", name="Change the theme").press("Enter")
    assert lender.evaluate("document.documentElement.style.colorScheme") != before


def test_who_may_only_read_is_told_so(browser: Browser, console: Running) -> None:
    page = browser.new_page()
    complaints = complaints_of(page, console)
    sign_in(page, console, "auditor")
    expect(page.get_by_role("switch", name="Demo traffic")).to_be_disabled()
    expect(page.get_by_text("told to operators only").first).to_be_visible()
    go(page, console, "/quarantine")
    expect(page.get_by_text("only an operator's client may read them")).to_be_visible()
    go(page, console, "/periods")
    assert page.get_by_role("button", name=re.compile("Close")).count() == 0
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="HPTS console")).to_be_visible()
    assert complaints == []
    page.close()


def test_an_api_that_does_not_answer_is_said_with_what_to_do(
    browser: Browser, stack: dict[str, Any], stack_dir: Path, tmp_path: Path
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with consoles.running(stack, stack_dir, tmp_path, api_url=nowhere) as alone:
        page = browser.new_page()
        sign_in(page, alone, "lender")
        expect(page.get_by_role("alert").first).to_contain_text("hpts status")
        go(page, alone, "/loans")
        expect(page.get_by_role("alert")).to_contain_text("does not answer")
        keep_picture(page, "unreachable")
        page.close()
