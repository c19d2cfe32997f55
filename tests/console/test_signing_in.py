"""Signing in over plain HTTP: who gets a session, what a cookie is, and what other sites cannot."""

from typing import Any

import httpx
import pytest

from tests.console.consoles import KEY, Running


@pytest.fixture
def web(console: Running) -> httpx.Client:
    return httpx.Client(base_url=console.url)


def posted(web: httpx.Client, console: Running, **more: str) -> httpx.Response:
    form = {"client_id": "lender", "client_secret": console.secrets["lender"], **more}
    return web.post("/sign-in", data=form)


def test_every_page_sends_a_stranger_to_sign_in_and_back(web: httpx.Client) -> None:
    for path in ("/", "/loans", "/journal?event_type=accrual", "/quarantine", "/search?q=x"):
        answer = web.get(path)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/sign-in?next=/")


def test_a_session_is_a_cookie_that_no_script_reads_and_has_no_token(
    web: httpx.Client, console: Running
) -> None:
    answer = posted(web, console, next="/loans?status=active")
    assert (answer.status_code, answer.headers["location"]) == (303, "/loans?status=active")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "eyJ" not in cookie
    page = web.get("/loans")
    assert page.status_code == 200
    assert "eyJ" not in page.text
    assert console.secrets["lender"] not in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


def test_signing_out_ends_the_session_for_whoever_kept_the_cookie(
    web: httpx.Client, console: Running
) -> None:
    posted(web, console)
    kept = dict(web.cookies)
    assert web.post("/sign-out").headers["location"] == "/sign-in"
    assert httpx.get(f"{console.url}/loans", cookies=kept).status_code == 303


@pytest.mark.parametrize("elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_signing_in_leads_nowhere_else(web: httpx.Client, console: Running, elsewhere: str) -> None:
    assert posted(web, console, next=elsewhere).headers["location"] == "/"


def test_another_site_can_neither_sign_in_nor_out(web: httpx.Client, console: Running) -> None:
    foreign = {"Origin": "https://evil.example"}
    form = {"client_id": "lender", "client_secret": console.secrets["lender"]}
    assert web.post("/sign-in", data=form, headers=foreign).status_code == 403
    posted(web, console)
    assert web.post("/sign-out", headers=foreign).status_code == 403
    assert web.get("/loans").status_code == 200


def test_a_wrong_secret_is_told_in_plain_words(web: httpx.Client, console: Running) -> None:
    answer = posted(web, console, client_secret="wrong")
    assert answer.status_code == 400
    assert "the secret is wrong" in answer.text
    assert "set-cookie" not in answer.headers


def test_clients_are_offered_to_whoever_has_the_key_and_to_nobody_else(
    web: httpx.Client, console: Running
) -> None:
    def chosen() -> httpx.Response:
        return web.post("/sign-in", data={"client_id": "auditor"})

    assert "auditor" not in web.get("/sign-in").text
    assert chosen().status_code == 400
    web.get("/sign-in", params={"key": "a guess"})
    assert chosen().status_code == 400
    moved = web.get("/sign-in", params={"key": KEY})
    assert (moved.status_code, moved.headers["location"]) == (303, "/sign-in")
    assert "auditor" in web.get("/sign-in").text
    assert chosen().status_code == 303


def test_the_stack_s_own_console_lets_its_clients_be_chosen(stack: dict[str, Any]) -> None:
    with httpx.Client(follow_redirects=True) as web:
        offered = web.get(stack["console_sign_in_url"]).text
        for client in stack["clients"]:  # a partner's token is not taken by the internal listener
            assert (f'value="{client["client_id"]}"' in offered) is not client["partner"]
        assert not any(client["client_secret"] in offered for client in stack["clients"])
        page = web.post(f"{stack['console_url']}/sign-in", data={"client_id": "tenant-b"})
        assert page.status_code == 200
        assert str(page.url) == f"{stack['console_url']}/"
