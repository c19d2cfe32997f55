"""A command that is accepted and not done yet (202), as an engine that is behind leaves it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
from playwright.sync_api import Browser, expect

from tests.console import consoles
from tests.console.conftest import PATIENCE_MS, sign_in

HOPS = {"connection", "transfer-encoding", "content-length", "content-encoding", "host", "date"}


class _Impatient(BaseHTTPRequestHandler):
    """Passes everything on, and waits for no outcome."""

    api_url = ""
    keys: list[str]

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOPS}
        if self.command == "POST":
            self.keys.append(headers["Idempotency-Key"])
            headers["Prefer"] = "respond-async"
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = httpx.request(
            self.command, self.api_url + self.path, headers=headers, content=body or None
        )
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in HOPS:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_POST = do_GET  # noqa: N815  # the name is the standard library's


@contextmanager
def impatient(api_url: str) -> Iterator[tuple[str, list[str]]]:
    keys: list[str] = []
    handler = type("Impatient", (_Impatient,), {"api_url": api_url, "keys": keys})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}", keys
        server.shutdown()
        serving.join()


def test_a_month_is_not_called_closed_before_it_is(
    stack: dict[str, Any], stack_dir: Path, tmp_path: Path, browser: Browser
) -> None:
    with (
        impatient(stack["api_url"]) as (api_url, keys),
        consoles.running(stack, stack_dir, tmp_path, api_url=api_url) as console,
    ):
        replace(console, api_url=stack["api_url"]).client().open_loan(amount_minor="100000")
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        sign_in(page, console, "lender")
        page.goto(f"{console.url}/periods")
        page.get_by_role("button", name="Close").click()
        dialog = page.get_by_role("dialog").filter(has_text="no way back")
        button = dialog.get_by_role("button", name="Close")
        button.dblclick()
        expect(dialog.get_by_role("alert")).to_contain_text("not done yet")
        expect(page.get_by_text("is closed.", exact=False)).to_have_count(0)
        expect(button).to_be_enabled()
        page.close()
    assert len(keys) == 1
