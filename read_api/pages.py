"""The contract for people: pages made here, with nothing fetched from anywhere. Pure.

Everything on them comes from the OpenAPI document and from the catalogue of problems, so they
cannot say what the code does not.
"""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from read_api import page_frame
from schemas.fault_codes import FAULTS
from schemas.problem_codes import CATALOGUE, PROBLEMS, REFUSALS, ProblemType

Node = Mapping[str, Any]
_MOST_LISTED: Final = 20
"""Only codes have more values than this."""

_STYLE: Final = (
    ".top{border-bottom:2px solid var(--ink);padding-bottom:1rem;margin-bottom:1.5rem}"
    ".status{display:inline-block;font-weight:600;font-size:.8125rem;padding:.1rem .5rem;"
    "border:1px solid var(--line);border-radius:1rem;margin-right:.5rem}"
    "nav{columns:20rem;column-gap:2rem;font-size:.9rem}nav ul{list-style:none;margin:0;padding:0}"
    "nav li{break-inside:avoid;padding:.1rem 0}nav a{text-decoration:none;display:flex;gap:.5rem}"
    "section{border-top:1px solid var(--line);margin-top:2.5rem;padding-top:1.25rem}"
    "section h2{margin:0 0 .25rem;font-size:1.1rem;font-weight:600}"
    "h3{font-size:.875rem;margin:1.25rem 0 .25rem;color:var(--soft)}"
    ".verb{display:inline-block;min-width:3.2rem;font:600 .8125rem/1.5 ui-monospace,Menlo,Consolas,"
    "'Liberation Mono',monospace}.post{color:var(--bad)}.get{color:var(--good)}"
    ".fields td:first-child{width:32%}.fields td:nth-child(2){width:30%}.fields{font-size:.9rem}"
    "h4{margin:2rem 0 0;font-size:1rem}details{margin:.75rem 0}summary{cursor:pointer;"
    "color:var(--accent);font-size:.9rem}.codes td:nth-child(2){white-space:nowrap}"
    "@media (max-width:40rem){.fields td,.fields th{display:block;width:auto!important;"
    "border-bottom:0;padding:.1rem 0}.fields tr{display:block;padding:.4rem 0;"
    "border-bottom:1px solid var(--line)}.fields thead{display:none}}"
)


def problem_page(code: str) -> str | None:
    """What a problem code means and what to do; None for a code there is not."""
    kind = CATALOGUE.get(code)
    if kind is None:
        return None
    content = (
        f'<div class="top"><h1>{escape(kind.title)}</h1>'
        f'<p><span class="status">{kind.status}</span><code>{escape(code)}</code></p></div>'
        f"<h2>What happened</h2><p>{escape(kind.what_happened)}</p>"
        f"<h2>What to do</h2><p>{escape(kind.what_to_do)}</p>"
        f"{_remembered(code, kind)}"
        '<p class="soft" style="margin-top:2.5rem"><a href="/v1/docs">All operations and problems'
        "</a></p>"
    )
    return page_frame.page(f"{kind.title} ({code})", content, _STYLE)


def _remembered(code: str, kind: ProblemType) -> str:
    if code in REFUSALS:
        text = (
            "This is a business refusal: nothing was posted, and the answer is remembered. The "
            "same Idempotency-Key gets it again; send the corrected request with a new key."
        )
    elif kind.status in (429, 503):
        text = (
            "Nothing is remembered against the Idempotency-Key: send the same request again "
            "with the same key."
        )
    elif code == "idempotency_mismatch":
        text = "The first request keeps its key and its answer."
    else:
        text = "Nothing was posted, and the Idempotency-Key, if there was one, is still free."
    return f"<h2>And the Idempotency-Key?</h2><p>{text}</p>"


def contract_page(document: Node) -> str:
    """Every operation of an OpenAPI document and every problem, on one page."""
    operations = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    operations.sort(key=lambda one: (one[0] == "get", one[1]))
    listed = "".join(
        f'<li><a href="#{_anchor(method, path)}">{_verb(method)} {escape(path)}</a></li>'
        for method, path, _ in operations
    )
    sections = "".join(_section(document, *operation) for operation in operations)
    content = (
        f'<div class="top"><h1>{escape(document["info"]["title"])}</h1>'
        '<p class="soft">Version '
        f"{escape(document['info']['version'])}. The machine-readable contract is "
        '<a href="openapi.json">openapi.json</a>.</p></div>'
        f'<nav aria-label="Operations"><ul>{listed}'
        '<li><a href="#problems">Problems</a></li></ul></nav>'
        f"{sections}{_problems()}"
    )
    return page_frame.page(document["info"]["title"], content, _STYLE)


def _problems() -> str:
    tables = (("Requests and answers", PROBLEMS), ("Business refusals, remembered", REFUSALS))
    told = "".join(
        f"<h4>{heading}</h4><table class='codes'><tbody>{''.join(map(_problem_row, kinds))}"
        "</tbody></table>"
        for heading, kinds in tables
    )
    faults = "".join(
        f"<tr><td><code>{code}</code></td><td>{escape(meaning)}</td></tr>"
        for code, meaning in FAULTS.items()
    )
    told += (
        "<h4>In errors: what is wrong with one field</h4>"
        f"<table class='faults'><tbody>{faults}</tbody></table>"
    )
    return f'<section id="problems"><h2>Problems</h2>{told}</section>'


def _problem_row(code: str) -> str:
    kind = CATALOGUE[code]
    return (
        f'<tr><td><a href="problems/{code}"><code>{code}</code></a></td><td>{kind.status}</td>'
        f"<td>{escape(kind.explanation)}</td></tr>"
    )


def _anchor(method: str, path: str) -> str:
    return escape(f"{method}{path}".replace("{", "").replace("}", "").replace("/", "-"))


def _verb(method: str) -> str:
    return f'<span class="verb {escape(method)}">{escape(method.upper())}</span>'


def _section(document: Node, method: str, path: str, operation: Node) -> str:
    scopes = [name for need in operation.get("security", ()) for name in need.get("oauth2", ())]
    scope = f"<code>{escape(' '.join(scopes))}</code>" if scopes else "none"
    answers = ", ".join(escape(status) for status in operation["responses"])
    return (
        f'<section id="{_anchor(method, path)}">'
        f"<h2>{_verb(method)} <code>{escape(path)}</code></h2>"
        f"<p>{escape(operation.get('summary', ''))}</p>"
        f'<p class="soft">Scope: {scope}. Answers: {answers}.</p>'
        f"{_parameters(operation)}{_request(document, operation)}{_answer(document, operation)}"
        "</section>"
    )


def _parameters(operation: Node) -> str:
    rows = [
        (
            one["name"],
            _kind({}, one.get("schema", {})) + (", required" if one.get("required") else ""),
            f"{one.get('description') or ''}"
            f"{' In the path.' if one['in'] == 'path' else ''}"
            f"{' A header.' if one['in'] == 'header' else ''}",
        )
        for one in operation.get("parameters", ())
    ]
    return _fields("Parameters", rows)


def _request(document: Node, operation: Node) -> str:
    told = ""
    contents = operation.get("requestBody", {}).get("content", {})
    for media_type, content in contents.items():
        schema = content.get("schema", {})
        rows = list(_members(document, schema))
        told += _fields(f"Request members ({media_type})", rows)
        told += _examples("Example request", content)
    return told


def _answer(document: Node, operation: Node) -> str:
    told = ""
    for status, answer in operation["responses"].items():
        for media_type, content in answer.get("content", {}).items():
            if not status.startswith("2"):
                told += _examples(f"Example problem {status}", content)
                continue
            if status == "200" and "201" in operation["responses"]:
                continue  # a replay, equal to the 201
            rows = list(_members(document, content.get("schema", {})))
            if rows:
                table = _fields("", rows)
                told += f"<details><summary>Answer {status}: members</summary>{table}</details>"
            elif media_type != "application/json":
                told += f'<p class="soft">Also as <code>{escape(media_type)}</code>.</p>'
            told += _examples(f"Example answer {status}", content)
        if status.startswith("2") and answer.get("headers"):
            names = " ".join(f"<code>{escape(name)}</code>" for name in answer["headers"])
            told += f'<p class="soft">Headers of {escape(status)}: {names}</p>'
    return told


def _examples(heading: str, content: Node) -> str:
    given = [content["example"]] if "example" in content else []
    given += [one["value"] for one in content.get("examples", {}).values() if "value" in one]
    return "".join(
        f"<details><summary>{escape(heading)}</summary><pre>{escape(_text(one))}</pre></details>"
        for one in given
    )


def _text(example: object) -> str:
    return (
        example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
    )


def _fields(heading: str, rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    told = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td>"
        f"<td>{escape(note.strip())}</td></tr>"
        for name, kind, note in rows
    )
    title = f"<h3>{escape(heading)}</h3>" if heading else ""
    return f'{title}<table class="fields"><tbody>{told}</tbody></table>'


def _members(document: Node, schema: Node, before: str = "") -> Iterator[tuple[str, str, str]]:
    """Each member of an object, required ones first: its path, what it is, what is said of it."""
    schema = _resolved(document, schema)
    required = schema.get("required", ())
    properties = schema.get("properties", {})
    for name in sorted(properties, key=lambda name: name not in required):
        member = _resolved(document, properties[name])
        is_needed = ", required" if name in required else ""
        yield f"{before}{name}", _kind(document, member) + is_needed, member.get("description", "")
        if member.get("type") == "array":
            yield from _members(document, member.get("items", {}), f"{before}{name}[].")
        elif member.get("properties"):
            yield from _members(document, member, f"{before}{name}.")


def _resolved(document: Node, schema: Node) -> Node:
    if "$ref" not in schema:
        return schema
    kind: Node = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return kind


def _kind(document: Node, schema: Node) -> str:
    """A schema in a few words."""
    if "anyOf" in schema:
        return " or ".join(_kind(document, _resolved(document, one)) for one in schema["anyOf"])
    if "const" in schema:
        return str(schema["const"]).lower()
    if "enum" in schema and len(schema["enum"]) > _MOST_LISTED:
        return f"one of {len(schema['enum'])} codes, explained under Problems"
    if "enum" in schema:
        return " ".join(str(one) for one in schema["enum"])
    kind = str(schema.get("format") or schema.get("type") or "object")
    if kind == "string" and "pattern" in schema:
        pattern = str(schema["pattern"])
        kind = "minor units, a string of digits" if pattern.startswith("^(0|") else pattern
    if "maxLength" in schema:
        kind += f", at most {schema['maxLength']} characters"
    if "maxItems" in schema:
        kind += f", at most {schema['maxItems']}"
    if "maximum" in schema:
        kind += f", {schema.get('minimum', 0)} to {schema['maximum']}"
    return kind
