"""The console of this folder's tests, and a browser signed in to it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.console import consoles
from tests.console.consoles import Running

# The flags keep a Chromium within a closed network from looking for its makers.
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE_MS = 20_000


@pytest.fixture(scope="package")
def console(
    stack: dict[str, Any], stack_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A running console with a tenant of its own."""
    with consoles.running(stack, stack_dir, tmp_path_factory.mktemp("console")) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium, ended with the module: its loop must not meet another test's."""
    program = consoles.chromium()
    if program is None:
        pytest.skip("no Chromium: set HPTS_CHROMIUM, or put one on PATH (docs/console.md)")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program, args=FLAGS) as launched,
    ):
        yield launched


@pytest.fixture(scope="module")
def lender(browser: Browser, console: Running) -> Iterator[Page]:
    """A page signed in with every scope; whatever the browser complains of fails the module."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    complaints = complaints_of(page, console)
    sign_in(page, console, "lender")
    yield page
    assert complaints == []
    assert "Traceback" not in console.log.read_text()


def complaints_of(page: Page, console: Running) -> list[str]:
    """What will be wrong on the page: errors, warnings, and requests to anywhere else."""
    found: list[str] = []
    page.on(
        "console",
        lambda said: found.append(said.text) if said.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "request",
        lambda sent: (
            None if sent.url.startswith((console.url, "data:")) else found.append(sent.url)
        ),
    )
    page.on("dialog", lambda dialog: found.append(f"a dialog: {dialog.message}"))
    return found


def sign_in(page: Page, console: Running, client_id: str) -> None:
    """By the form, as anybody would."""
    page.goto(f"{console.url}/sign-in")
    page.get_by_label("Client id").fill(client_id)
    page.get_by_label("Client secret").fill(console.secrets[client_id])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="Overview").wait_for()


def keep_picture(page: Page, name: str) -> None:
    """For people to look at: into the folder that HPTS_SCREENSHOTS names, if any."""
    folder = os.environ.get("HPTS_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
