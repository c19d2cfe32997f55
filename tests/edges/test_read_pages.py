"""The contract and its pages: what the code answers, what they say, and what they show."""

import json
import re
from html import unescape
from typing import Any

import httpx
import pytest

from hpts import openapi
from read_api import pages
from schemas.event_types import EVENT_TYPES
from schemas.fault_codes import FAULTS
from schemas.problem_codes import CATALOGUE, REFUSALS
from tests.contracts.schema_check import faults_against
from tests.http import Client

Stack = dict[str, Any]


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


def contract() -> dict[str, Any]:
    return dict(json.loads(openapi.contract()))


def test_the_docs_page_lists_every_problem_of_the_catalogue_and_no_other() -> None:
    listed = re.findall(r'href="problems/(\w+)"', pages.contract_page(contract()))
    assert listed == list(CATALOGUE)


def test_the_docs_page_explains_every_fault_that_errors_may_name_and_no_other() -> None:
    page = pages.contract_page(contract())
    [table] = re.findall(r"<table class='faults'>(.*?)</table>", page)
    rows = re.findall(r"<tr><td><code>(\w+)</code></td><td>([^<]+)</td></tr>", table)
    assert {code: unescape(meaning) for code, meaning in rows} == FAULTS


def test_the_contract_names_every_code_and_event_type_that_there_is() -> None:
    schemas = contract()["components"]["schemas"]
    problem = schemas["Problem"]["properties"]
    assert problem["code"]["enum"] == list(CATALOGUE)
    assert problem["errors"]["items"]["properties"]["code"]["enum"] == list(FAULTS)
    for name in ("JournalEntry", "JournalEntryPart", "StatementEntry"):
        assert schemas[name]["properties"]["event_type"]["enum"] == list(EVENT_TYPES)
    for path in ("/v1/journal-entries", "/v1/loans/{loan_id}/journal-entries"):
        parameters = contract()["paths"][path]["get"]["parameters"]
        [taken] = [one["schema"] for one in parameters if one["name"] == "event_type"]
        assert taken["enum"] == list(EVENT_TYPES)
    page = contract()["paths"]["/problems/{code}"]["get"]["parameters"]
    assert page[0]["schema"]["enum"] == list(CATALOGUE)


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_problem_has_a_page_that_says_what_happened_and_what_to_do(code: str) -> None:
    kind = CATALOGUE[code]
    page = pages.problem_page(code) or ""
    assert kind.what_happened
    assert kind.what_to_do
    assert f"{kind.what_happened} {kind.what_to_do}" == kind.explanation
    for text in (kind.title, code, str(kind.status)):
        assert text in page
    assert ("answer is remembered" in page) == (code in REFUSALS)


def test_a_code_that_is_none_has_no_page() -> None:
    assert pages.problem_page("no_such_code") is None
    assert pages.problem_page("<script>") is None


def test_the_docs_page_shows_every_operation_with_scope_parameters_and_members() -> None:
    document = contract()
    page = pages.contract_page(document)
    sections = dict(re.findall(r'<section id="([^"]+)">(.*?)</section>', page, re.DOTALL))
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = f"{method}{path}".replace("{", "").replace("}", "").replace("/", "-")
            section = sections[name]
            for need in operation.get("security", ()):
                assert all(scope in section for scope in need["oauth2"])
            for parameter in operation.get("parameters", ()):
                assert f"<code>{parameter['name']}</code>" in section
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is not None and "$ref" in body["schema"]:
                schema = body["schema"]["$ref"].rpartition("/")[2]
                for member in document["components"]["schemas"][schema]["properties"]:
                    assert f"<code>{member}</code>" in section, (path, member)


def test_a_page_shows_the_examples_of_a_document_escaped() -> None:
    answer = {"schema": {}, "example": {"note": "<b>&"}}
    request = {"schema": {}, "examples": {"one": {"value": {"asked": "<i>"}}}}
    operation = {
        "summary": "x",
        "requestBody": {"content": {"application/json": request}},
        "responses": {"201": {"content": {"application/json": answer}}},
    }
    document = {
        "info": {"title": "t", "version": "1"},
        "paths": {"/x": {"post": operation}},
        "components": {"schemas": {}},
    }
    page = pages.contract_page(document)
    assert "&lt;b&gt;&amp;" in page
    assert "&lt;i&gt;" in page
    assert "<b>" not in page


def test_the_docs_page_shows_headers_problems_and_the_one_value_of_a_member() -> None:
    page = pages.contract_page(contract())
    sections = dict(re.findall(r'<section id="([^"]+)">(.*?)</section>', page, re.DOTALL))
    section = sections["post-v1-reversals"]
    assert "Headers of 202: " in section
    for header in ("Location", "Retry-After", "HPTS-Position"):
        assert f"<code>{header}</code>" in section
    assert "Example problem 409" in section
    assert "&quot;reversed_by_entry_id&quot;" in section
    assert "<td><code>dry_run</code></td><td>true</td>" in section


def test_the_pages_are_served_and_fetch_nothing(client: Client) -> None:
    assert client.http.get("/v1/openapi.json").json() == contract()
    docs = client.http.get("/v1/docs")
    problem = client.http.get("/v1/problems/already_reversed")
    assert problem.text == client.http.get("/problems/already_reversed").text
    for page in (docs, problem):
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        # An endpoint's address in an example is text, and the only one there is.
        told = page.text.replace("&quot;https://receiver.example/hpts&quot;", "")
        assert not re.search(r"src=|@import|url\(|https?://", told)
    described = contract()["paths"]
    for path in ("/v1/openapi.json", "/v1/docs", "/v1/problems/{code}", "/problems/{code}"):
        answer = client.http.get(path.format(code="already_reversed"))
        [media_type] = described[path]["get"]["responses"]["200"]["content"]
        assert answer.headers["content-type"].partition(";")[0] == media_type
    for code in ("nothing", "%3Cscript%3E"):
        assert client.http.get(f"/v1/problems/{code}").status_code == 404


def success_schemas(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every GET's 200 as JSON."""
    return [
        (path, methods["get"]["responses"]["200"]["content"]["application/json"])
        for path, methods in document["paths"].items()
        if "application/json"
        in methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
    ]


def test_every_example_is_as_its_schema_has_it() -> None:
    document = contract()
    examples = 0
    for path, content in success_schemas(document):
        if "example" in content:
            examples += 1
            assert faults_against(document, content["schema"], content["example"]) == [], path
    assert examples >= 12


def test_every_answer_is_as_the_contract_describes_it(client: Client) -> None:
    document = contract()
    loan = client.open_loan(amount_minor="100")
    entry_id = client.pay(loan, amount_minor="1")["journal_entry_id"]
    ids = {"loan_id": loan["loan_id"], "journal_entry_id": entry_id, "account_code": "1000"}
    read = 0
    for path, content in success_schemas(document):
        if not set(re.findall(r"\{(\w+)\}", path)) <= set(ids):
            continue
        query = "?currency=USD" if path.endswith("{account_code}/balance") else ""
        answer = client.get(path.format(**ids) + query)
        assert answer.status_code == 200, answer.text
        assert faults_against(document, content["schema"], answer.json()) == [], path
        read += 1
    assert read >= 12


def test_a_refusal_is_a_problem_as_the_contract_describes_it(client: Client) -> None:
    document = contract()
    refused: httpx.Response = client.get("/v1/loans?status=x")
    schema = {"$ref": "#/components/schemas/Problem"}
    assert faults_against(document, schema, refused.json()) == []
