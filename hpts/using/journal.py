"""`hpts journal`, `hpts tail`: entries and their lines, as posted and while they are posted."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from itertools import islice
from typing import Annotated, Any, Final

import typer
from rich.console import JustifyMethod
from rich.table import Table

from hpts.using.connected import PATIENCE, As, Where, amount, found, ledger, told
from hpts.using.reading import WIDE, plain, show_json
from hpts.words import HERE, USAGE, AsJson, end, out
from hpts_client import AsyncClient, Client, Connection
from hpts_client.queries import EntryOf, Journal, JournalOf, LinesOf
from hpts_client.results import Entry, JournalEntryPart, Line
from schemas.scopes import LEDGER_READ

_MOST_LINES: Final = 20
_JUSTIFIED: Final[tuple[JustifyMethod, ...]] = ("left", "right", "right", "left", "left")


def journal(
    *,
    loan: Annotated[str | None, typer.Option("--loan", help="Of this loan.")] = None,
    entry: Annotated[
        str | None, typer.Option("--entry", help="This entry, with all of its lines.")
    ] = None,
    from_date: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Effective from this day.")
    ] = None,
    to_date: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Effective up to this day.")
    ] = None,
    event_type: Annotated[
        str | None, typer.Option("--type", help="Of this kind, such as payment_received.")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", help="That touch this account; not with --loan.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many entries.")] = 50,
    newest: Annotated[bool, typer.Option("--newest", help="The newest first.")] = False,
    client: As = None,
    data_dir: Where = HERE,
    as_json: AsJson = False,
) -> None:
    """Show journal entries: of a loan, one of them, or the whole tenant's."""
    if loan and entry:
        end("give one of --loan and --entry", USAGE)
    if account and (loan or entry):
        end("--account is for the whole tenant's journal", USAGE)
    order: Any = "desc" if newest else "asc"
    listed: JournalOf | Journal
    days = {"from_date": from_date, "to_date": to_date, "event_type": event_type}
    page: Any = {**days, "order": order, "page_size": min(limit, 500)}
    with ledger(data_dir, client, (LEDGER_READ,)) as api:
        if entry is not None:
            _show_entry(api, entry, as_json=as_json)
            return
        listed = JournalOf(loan_id=loan, **page) if loan else Journal(account_code=account, **page)
        entries: list[Entry] = list(islice(api.items(listed), limit))
    if as_json:
        show_json({"items": [plain(one) for one in entries]})
    elif not entries:
        out.print("hpts: no entries")
    else:
        for one in entries:
            show(one)


def tail(
    *,
    before: Annotated[
        int, typer.Option("--lines", min=0, max=500, help="First, so many of the newest.")
    ] = 10,
    count: Annotated[
        int, typer.Option("--count", min=0, help="End after so many; 0: with Ctrl-C.")
    ] = 0,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0, help="End after so long; 0: with Ctrl-C.")
    ] = 0,
    client: As = None,
    data_dir: Where = HERE,
    as_json: AsJson = False,
) -> None:
    """Show entries while they are posted, until Ctrl-C.

    Follows the API's stream of events; when that is cut, it goes on where it was.
    """
    where = found(data_dir, client, (LEDGER_READ,))
    tell = _tell_compact if as_json else show
    with told(), suppress(KeyboardInterrupt):
        asyncio.run(_follow(where, tell, before=before, count=count, seconds=seconds))


def show(entry: Entry) -> None:
    """One entry, its debits before its credits."""
    reverses = f", reverses {entry.reverses_entry_id}" if entry.reverses_entry_id else ""
    undone = f", reversed by {entry.reversed_by_entry_id}" if entry.reversed_by_entry_id else ""
    out.print(f"{entry.effective_at} {entry.event_type} {entry.journal_entry_id}{reverses}{undone}")
    WIDE.print(_table(entry.lines[:_MOST_LINES]))
    if len(entry.lines) > _MOST_LINES:
        out.print(f"  and more lines: hpts journal --entry {entry.journal_entry_id}")


def _show_entry(api: Client, entry_id: str, *, as_json: bool) -> None:
    entry = api.get(EntryOf(journal_entry_id=entry_id))
    lines = list(api.items(LinesOf(journal_entry_id=entry_id)))
    if as_json:
        document = {**plain(entry), "lines": [plain(line) for line in lines]}
        document.pop("next_page_token")
        show_json(document)
        return
    show(entry)
    if len(lines) > _MOST_LINES:
        WIDE.print(_table(lines[_MOST_LINES:]))


def _table(lines: list[Line]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2))
    for justify in _JUSTIFIED:
        table.add_column(justify=justify, no_wrap=True)
    for line in lines:
        value = f"{line.currency} {amount(line.amount_minor, line.currency)}"
        is_debit = line.direction == "DR"
        sides = (value, "") if is_debit else ("", value)
        layer = "" if line.layer == "SETTLED" else line.layer
        table.add_row(line.account_code, *sides, str(line.loan_id or ""), layer)
    return table


def _tell_compact(entry: Entry) -> None:
    print(json.dumps(plain(entry)), flush=True)


async def _follow(
    where: Connection, tell: Callable[[Entry], None], *, before: int, count: int, seconds: float
) -> None:
    """Tell entries until so many were told (0: no end), or for so long (0: no end)."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds or None), AsyncClient.of(where, PATIENCE) as api:
            number = 0
            async with aclosing(_entries(api, before)) as entries:
                async for entry in entries:
                    tell(entry)
                    number += 1
                    if number == count:
                        return


async def _entries(api: AsyncClient, before: int) -> AsyncGenerator[JournalEntryPart, None]:
    """The newest entries, then every later one, each once."""
    async with api.follow() as stream:
        # What is posted while the newest are read is in both: so nothing is in neither.
        await stream.begin()
        newest: list[JournalEntryPart] = []
        if before:
            async for entry in api.items(Journal(order="desc", page_size=before)):
                newest.append(entry)
                if len(newest) == before:
                    break
        for entry in reversed(newest):
            yield entry
        known = {_place(entry) for entry in newest}
        async for entry in stream:
            if _place(entry) not in known:
                yield entry


def _place(entry: JournalEntryPart) -> tuple[Any, int]:
    return entry.journal_entry_id, entry.part
