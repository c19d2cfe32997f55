"""`hpts balance`, `hpts trial-balance`: figures of the books. Words for people."""

from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from hpts.using.connected import As, Where, amount, ledger
from hpts.using.posting import balance_table
from hpts.words import HERE, USAGE, AsJson, end, out
from hpts_client.queries import AccountBalanceOf, BalanceOf, TrialBalanceOf
from schemas.scopes import BALANCES_READ

AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="Up to and including this day.")
]
KnownAt = Annotated[
    str | None,
    typer.Option("--known-at", metavar="INSTANT", help="As it was known at this instant (UTC)."),
]
Currency = Annotated[str | None, typer.Option(help="Of this currency only.")]
Layer = Annotated[str | None, typer.Option(help="SETTLED, PENDING or ENCUMBRANCE.")]
WIDE: Final = Console(width=160, soft_wrap=True, highlight=False, markup=False)
"""For tables whose ids are copied from the screen: a terminal wraps them, nothing is cut off."""


def balance(
    what: Annotated[str, typer.Argument(help="A loan's UUID, or an account's code.")],
    *,
    currency: Annotated[str | None, typer.Option(help="Of an account: which currency.")] = None,
    layer: Layer = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    client: As = None,
    data_dir: Where = HERE,
    as_json: AsJson = False,
) -> None:
    """Show what a loan owes, or what an account holds; now, or on a day in the past."""
    if not what.isdecimal():
        loan = BalanceOf(loan_id=what, as_of_date=as_of, known_at=known_at)
        with ledger(data_dir, client, (BALANCES_READ,)) as api:
            owed = plain(api.get(loan))
        show_json(owed) if as_json else out.print(balance_table(owed))
        return
    if currency is None:
        end("an account holds each currency by itself: name one, --currency USD", USAGE)
    chosen: Any = layer
    account = AccountBalanceOf(
        account_code=what, currency=currency, layer=chosen, as_of_date=as_of, known_at=known_at
    )
    with ledger(data_dir, client, (BALANCES_READ,)) as api:
        held = api.get(account)
    if as_json:
        show_json(plain(held))
        return
    table = Table(f"{what} {held.account_name}", held.currency, box=None)
    table.columns[1].justify = "right"
    table.add_row("debits", amount(held.dr_balance_minor, held.currency))
    table.add_row("credits", amount(held.cr_balance_minor, held.currency))
    table.add_row("balance", amount(held.normal_balance_minor, held.currency))
    out.print(table)


def trial_balance(
    *,
    currency: Currency = None,
    layer: Layer = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    client: As = None,
    data_dir: Where = HERE,
    as_json: AsJson = False,
) -> None:
    """Show every account's debits and credits; exit status 1 when the sides are not equal."""
    chosen: Any = layer
    query = TrialBalanceOf(currency=currency, layer=chosen, as_of_date=as_of, known_at=known_at)
    with ledger(data_dir, client, (BALANCES_READ,)) as api:
        found = api.get(query)
    is_equal = all(one.dr_balance_minor == one.cr_balance_minor for one in found.totals)
    if as_json:
        show_json(plain(found))
    elif not found.items:
        out.print("hpts: the books are empty")
    else:
        table = Table("account", "name", box=None)
        for title in ("currency", "layer"):
            table.add_column(title)
        for title in ("debit", "credit"):
            table.add_column(title, justify="right")
        for row in found.items:
            table.add_row(row.account_code, row.account_name, row.currency, row.layer, *_sides(row))
        for total in found.totals:
            table.add_row("", "total", total.currency, total.layer, *_sides(total))
        WIDE.print(table)
    if not is_equal:
        end("debits and credits differ: run `hpts verify`", 1)


def _sides(row: Any) -> tuple[str, str]:
    sides = (row.dr_balance_minor, row.cr_balance_minor)
    debit, credit = (amount(side, row.currency) for side in sides)
    return debit, credit


def plain(value: Any) -> Any:
    """A result as JSON has it: money is a string again."""
    document = msgspec.to_builtins(value)
    return _spelled(document)


def _spelled(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _spelled(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_spelled(one) for one in value]
    is_money = isinstance(value, int) and name.endswith("_minor")
    return str(value) if is_money else value


def show_json(value: Any) -> None:
    """For scripts."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=1).decode())


__all__ = ["balance", "plain", "show_json", "trial_balance"]
