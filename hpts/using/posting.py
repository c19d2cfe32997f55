"""`hpts post`: any event, from NAME=VALUE or a JSON file. The API judges what it says."""

import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from hpts.using.connected import As, Where, amount, ledger
from hpts.words import HERE, USAGE, AsJson, end, out
from hpts_client import events

EVENTS: Final[dict[str, type[events.Command[Any]]]] = {
    "disbursement": events.Disbursement,
    "disbursement-settlement": events.DisbursementSettlement,
    "payment": events.Payment,
    "payment-allocation": events.PaymentAllocation,
    "payment-return": events.PaymentReturn,
    "accrual-batch": events.AccrualBatch,
    "fee": events.Fee,
    "fee-waiver": events.FeeWaiver,
    "charge-off": events.ChargeOff,
    "recovery": events.Recovery,
    "restructure": events.Restructure,
    "refinance": events.Refinance,
    "reversal": events.Reversal,
    "manual-adjustment": events.ManualAdjustment,
    "period-close": events.PeriodClose,
}
_IN_THE_PATH: Final = "period"


def post(
    event: Annotated[str, typer.Argument(help=f"One of: {', '.join(EVENTS)}.")],
    members: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=VALUE]...",
            help="Its members, as the contract names them; split.fees_minor=100 goes deeper.",
        ),
    ] = None,
    *,
    key: Annotated[
        str | None,
        typer.Option(help="Idempotency key: what the event is known by, in your own systems."),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", help="The body as JSON, too; - is standard input.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what it would do; post nothing.")
    ] = False,
    client: As = None,
    data_dir: Where = HERE,
    as_json: AsJson = False,
) -> None:
    """Post one event, and wait until it is in the books.

    hpts post payment loan_id=... borrower_id=... amount_minor=10822 currency=USD
    effective_at=2026-02-02 source_method=ach --key payment:loan_42:proc_txn_abc123

    The same command again posts nothing twice. Exit status 0 posted, 1 refused, 2 usage.
    """
    kind = EVENTS.get(event)
    if kind is None:
        end(f"{event} is no event; these are: {', '.join(EVENTS)}", USAGE)
    body = _from_file(file) | _from_words(kind, event, members or [])
    route = kind.route
    if _IN_THE_PATH in route:
        if _IN_THE_PATH not in body:
            end("name the month: period=2026-01", USAGE)
        route = route.format(period=body.pop(_IN_THE_PATH))
    if key is None and not dry_run:
        end(
            "name a --key, such as payment:loan_42:proc_txn_abc123: with it the same event, sent "
            "again after whatever happened, posts once",
            USAGE,
        )
    given = events.Given(to=route, members=body)
    with ledger(data_dir, client) as api:
        result = api.dry_run(given) if key is None or dry_run else api.post(given, key)
    if as_json:
        print(json.dumps(result, indent=1))
    else:
        _show(event, result)


def _from_file(file: str | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
        body = json.loads(text)
    except OSError as error:
        end(f"cannot read {file}: {error.strerror}", USAGE)
    except ValueError as error:
        end(f"{file} is not JSON: {error}", USAGE)
    if not isinstance(body, dict):
        end(f"{file} is not a JSON object: an event is its members", USAGE)
    return body


def _from_words(kind: type[events.Command[Any]], event: str, words: list[str]) -> dict[str, Any]:
    known = {one.name: str(one.type) for one in fields(kind)}
    body: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        top, *below = name.split(".")
        if not equals:
            end(f"{word!r} is not NAME=VALUE", USAGE)
        if top not in known:
            end(f"{event} has no member {top}; it has: {', '.join(known)}", USAGE)
        place = body
        for step in [top, *below][:-1]:
            place = place.setdefault(step, {})
        place[[top, *below][-1]] = _value(text, known[top] if not below else "str", name)
    return body


def _value(text: str, kind: str, name: str) -> Any:
    """A word as the member's type: money and all else is text, but flags and counts are not."""
    if "bool" in kind and text in ("true", "false"):
        return text == "true"
    if "int" in kind and not name.endswith("_minor") and text.isdecimal():
        return int(text)
    return text


def _show(event: str, result: dict[str, Any]) -> None:
    if result.get("dry_run"):
        out.print(f"hpts: {event} would post; nothing was posted")
    else:
        out.print(f"hpts: {event} posted")
        for name, value in result.items():
            if name.endswith(("_event_id", "_entry_id")) and value:
                out.print(f"  {name} {value}")
    currency = _currency(result)
    for name in ("allocation", "debited"):
        parts = result.get(name, {})
        words = [
            f"{part.removesuffix('_minor')} {amount(int(value), currency)}"
            for part, value in parts.items()
            if part.endswith("_minor")
        ]
        if words:
            out.print(f"  {name}: {', '.join(words)}")
    for one in result.get("balances") or filter(None, [result.get("balance")]):
        out.print(balance_table(one))


def _currency(result: dict[str, Any]) -> str:
    balance = result.get("balance") or {}
    return str(balance.get("currency", ""))


def balance_table(balance: dict[str, Any]) -> Table:
    """A loan's balance, for people."""
    currency = balance["currency"]
    table = Table("loan", balance["loan_id"], box=None)
    table.columns[1].justify = "right"
    table.add_row("status", balance["status"])
    for name in ("principal_outstanding", "interest_receivable", "fees_receivable"):
        table.add_row(name.replace("_", " "), amount(int(balance[f"{name}_minor"]), currency))
    table.add_row("suspense", amount(int(balance["suspense_minor"]), currency))
    exposure = amount(int(balance["total_exposure_minor"]), currency)
    table.add_row("total exposure", f"{currency} {exposure}")
    return table
