"""The contract for people: pages made here, with nothing fetched from anywhere. Pure."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final

from schemas.problem_codes import CATALOGUE, REFUSALS

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1b1b;background:#fff}code{background:#f1f1f1;padding:.1em .3em;border-radius:3px}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem}"
    "td,th{text-align:left;vertical-align:top;border-bottom:1px solid #ddd;padding:.3rem .6rem}"
    "h2{margin-top:2rem;border-top:2px solid #1b1b1b;padding-top:.6rem;font-size:1.1rem}"
)


def problem_page(code: str) -> str | None:
    """What a problem code means and what to do; None for a code there is not."""
    kind = CATALOGUE.get(code)
    if kind is None:
        return None
    remembered = (
        "<p>This is a business refusal: it is remembered, and the same idempotency key gets it "
        "again. Send a corrected request with a new key.</p>"
        if code in REFUSALS
        else ""
    )
    return _page(
        kind.title,
        f"<p><code>{escape(code)}</code>, HTTP {kind.status}</p>"
        f"<p>{escape(kind.explanation)}</p>{remembered}",
    )


def contract_page(document: Mapping[str, Any]) -> str:
    """Every operation of an OpenAPI document, on one page."""
    sections = [
        _operation(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    codes = "".join(
        f'<tr><td><a href="problems/{code}"><code>{code}</code></a></td><td>{kind.status}</td>'
        f"<td>{escape(kind.title)}</td></tr>"
        for code, kind in CATALOGUE.items()
    )
    problems = f"<h2>Problems</h2><table>{codes}</table>"
    lead = '<p>The machine-readable contract is <a href="openapi.json">openapi.json</a>.</p>'
    return _page(document["info"]["title"], lead + "".join(sections) + problems)


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    scopes = [name for need in operation.get("security", ()) for name in need.get("oauth2", ())]
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}"
        f"{', required' if one.get('required') else ''}</td>"
        f"<td>{escape(one.get('description', ''))}</td></tr>"
        for one in operation.get("parameters", ())
    )
    answers = ", ".join(escape(status) for status in operation["responses"])
    return (
        f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
        f"<p>{escape(operation['summary'])}</p>"
        + (f"<p>Scope: <code>{escape(' '.join(scopes))}</code></p>" if scopes else "")
        + (f"<table>{rows}</table>" if rows else "")
        + f"<p>Answers: {answers}</p>"
    )


def _page(title: str, content: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>{content}</html>"
    )
