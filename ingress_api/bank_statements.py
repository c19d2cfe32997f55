"""`POST /bank-statements`: what a bank says moved, kept to be matched with account 1000.

It posts nothing. A statement comes as checked lines: files of banks (CSV, camt.053) are read by
`hpts bank import`, so no parser of theirs is open to the network (docs/decisions/0053).
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from ingress_api import fields, unposted
from ingress_api.caller import Caller, Deps
from ingress_api.described_answers import named, problem, success
from ingress_api.exchange import Answer, Exchange
from ingress_api.fields import Body, Faults, Member
from ingress_api.result_schemas import COUNT, ID, MONEY, TEXT, object_of, ref
from ingress_api.store import Run
from ingress_api.unposted import Done
from schemas import http_headers, scopes
from schemas.money import format_minor
from schemas.problems import FieldError, Problem, ProblemError

PATH: Final = "/v1/bank-statements"
SCOPE: Final = scopes.RECONCILIATION_WRITE
MOST_LINES: Final = 5_000
_DIRECTIONS: Final = ("in", "out")
_LINE: Final = (
    Member("booked_on", fields.EFFECTIVE_DATE, description="When the bank booked it."),
    Member("direction", fields.one_of(*_DIRECTIONS), description="Into the account, or out of it."),
    Member("amount_minor", fields.AMOUNT),
    Member(
        "reference",
        fields.TEXT,
        required=False,
        description="What ties it to an entry: the `external_ref` of its line of account 1000.",
    ),
    Member("description", fields.TEXT, required=False),
)


def _adds_up(values: Mapping[str, Any], faults: Faults) -> None:
    """Lines lie within the statement's days, and sum to what it says it holds."""
    lines = values.get("lines")
    if faults.errors or not isinstance(lines, list):
        return
    first_on, last_on = values["from_date"], values["to_date"]
    if last_on < first_on:
        faults.add("/to_date", "out_of_range", "must not be before from_date")
    for index, line in enumerate(lines):
        if not first_on <= line["booked_on"] <= last_on:
            faults.add(f"/lines/{index}/booked_on", "out_of_range", "is no day of the statement")
    for direction in _DIRECTIONS:
        total_minor = _total(lines, direction)
        name = f"expected_{direction}_minor"
        if values.get(name, total_minor) != total_minor:
            faults.add(f"/{name}", "manifest_mismatch", f"the lines sum to {total_minor}")


BODY: Final = Body(
    (
        Member("bank_account_ref", fields.TEXT, description="Your name of the bank account."),
        Member("statement_ref", fields.TEXT, description="The bank's name of the statement."),
        Member("currency", fields.CURRENCY),
        Member("from_date", fields.EFFECTIVE_DATE),
        Member("to_date", fields.EFFECTIVE_DATE),
        *(
            Member(f"expected_{direction}_minor", fields.TOTAL_OR_ZERO, required=False)
            for direction in _DIRECTIONS
        ),
        Member("lines", fields.list_of(_LINE, least=0, most=MOST_LINES)),
    ),
    rule=_adds_up,
)


async def take(deps: Deps, exchange: Exchange, caller: Caller) -> Answer:
    """Keep a statement; once for each bank account and statement."""

    async def do(run: Run, values: Mapping[str, Any]) -> Done:
        statement_id = uuid4()
        whose = {"tenant_id": caller.tenant_id, "bank_statement_id": statement_id}
        names = ("bank_account_ref", "statement_ref", "currency", "from_date", "to_date")
        given = {name: values[name] for name in names}
        if not await run("insert_bank_statement", {**whose, **given}):
            why = "this statement of the bank account was imported before"
            fault = FieldError("/statement_ref", "invalid_value", why)
            raise ProblemError(Problem(code="validation_failed", errors=(fault,)))
        lines = values["lines"]
        columns = {member.name: [line.get(member.name) for line in lines] for member in _LINE}
        await run("insert_bank_statement_lines", {**whose, **given, **columns})
        result = {
            "bank_statement_id": str(statement_id),
            "bank_account_ref": values["bank_account_ref"],
            "statement_ref": values["statement_ref"],
            "line_count": len(lines),
            "total_in_minor": format_minor(_total(lines, "in")),
            "total_out_minor": format_minor(_total(lines, "out")),
        }
        return Done(result, f"{PATH}/unmatched")

    store = deps.intake.store
    return await unposted.answer(store, exchange, caller, scope=SCOPE, body=BODY, do=do)


def _total(lines: list[dict[str, Any]], direction: str) -> int:
    return sum(line["amount_minor"] for line in lines if line["direction"] == direction)


EXAMPLE: Final = {
    "bank_account_ref": "operating-usd",
    "statement_ref": "2026-02-02",
    "currency": "USD",
    "from_date": "2026-02-02",
    "to_date": "2026-02-02",
    "expected_in_minor": "10822",
    "expected_out_minor": "2500",
    "lines": [
        {
            "booked_on": "2026-02-02",
            "direction": "in",
            "amount_minor": "10822",
            "reference": "ACH-77",
        },
        {
            "booked_on": "2026-02-02",
            "direction": "out",
            "amount_minor": "2500",
            "description": "account fee",
        },
    ],
}
EXAMPLE_ANSWER: Final = {
    "bank_statement_id": "0c1a8a52-8f57-4f0e-9a51-2f6d5b0c7e11",
    "bank_account_ref": "operating-usd",
    "statement_ref": "2026-02-02",
    "line_count": 2,
    "total_in_minor": "10822",
    "total_out_minor": "2500",
}
SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "BankStatementRequest": BODY.schema(),
    "BankStatementResult": object_of(
        {
            "bank_statement_id": ID,
            "bank_account_ref": TEXT,
            "statement_ref": TEXT,
            "line_count": COUNT,
            "total_in_minor": MONEY,
            "total_out_minor": MONEY,
        }
    ),
}
_PROBLEMS: Final = ("400", "401", "403", "413", "415", "422", "429", "503")


def described() -> dict[str, Any]:
    """The operation as the OpenAPI has it."""
    answers = {
        "200": success("BankStatementResult", ("Idempotency-Replayed",)),
        "201": success("BankStatementResult", ("Location",), {"imported": EXAMPLE_ANSWER}),
    }
    answers["200"]["description"] = "As it was answered before"
    answers["201"]["description"] = "Imported"
    content = {"schema": ref("BankStatementRequest"), **named({"day": EXAMPLE})}
    headers = http_headers.parameters("Idempotency-Key", "traceparent", "X-Trace-Id")
    return {
        "post": {
            "summary": "Import a bank's statement, to be matched with account 1000",
            "operationId": "postBankStatement",
            "security": [{"oauth2": [SCOPE]}],
            "parameters": headers,
            "requestBody": {"required": True, "content": {"application/json": content}},
            "responses": answers | {status: problem(status, {}) for status in _PROBLEMS},
        }
    }
