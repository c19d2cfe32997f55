"""`/loans/{id}`: one loan as a timeline, with running balances, T-accounts and waterfalls.

Two sliders ask the books about another day, and about what was known at another instant: the
figures are the API's (`as_of_date`, `known_at`), the timeline shows what they are made of.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from markupsafe import Markup
from nicegui import ui
from nicegui.events import GenericEventArguments

from console import history, money, words
from console.api import Api, Body
from console.fragments import (
    EMPTY,
    Column,
    amount,
    chip,
    entry,
    identifier,
    instant,
    join,
    link,
    nothing,
    pairs,
    table,
    tag,
)
from console.frame import Visit, draw, heading, page, panel, shielded
from console.history import Entry, Step

MOST_ENTRIES: Final = 2_000
_THROTTLE_S: Final = 0.15
_MOVED: Final = "(event) => emit(event.target.name, event.target.value)"
_COLUMNS: Final = (
    Column("Effective"),
    Column("Event"),
    Column("Entry"),
    Column("Moved", is_number=True),
    Column("Fees", is_number=True),
    Column("Interest", is_number=True),
    Column("Principal", is_number=True),
    Column("Exposure", is_number=True),
    Column("Suspense", is_number=True),
    Column("Posted (UTC)"),
)
_TILES: Final = (
    ("Principal", "principal_outstanding_minor"),
    ("Interest", "interest_receivable_minor"),
    ("Fees", "fees_receivable_minor"),
    ("Exposure", "total_exposure_minor"),
    ("Suspense", "suspense_minor"),
)


Look = Callable[[str, int], None]
"""Takes a slider's name and where it stands."""


@dataclass
class _Looking:
    """What the sliders say; None: as of today, as known now."""

    as_of: str | None = None
    known_at: str | None = None


@page("/loans/{loan_id}", title="Loan", section="/loans")
async def loan(visit: Visit) -> None:
    """The loan's state, then everything that follows the sliders."""
    api, loan_id = visit.session.api, visit.path["loan_id"]
    state = await api.get(f"/loans/{loan_id}")
    entries = await _entries(api, state["loan_id"])
    heading("Loan", join(tag("code", state["loan_id"]), " ", _chips(state)))
    looking = _Looking()
    balances = draw(EMPTY)
    with panel("Look at another day", "what the books say of a day, as known at an instant"):
        told = draw(EMPTY)
        sliders, look = _sliders(state, entries, looking)
    with panel("Timeline", "by effective date; each line ends in the balance after it"):
        timeline = draw(EMPTY)
    with panel("Waterfall of each payment", "fees, then interest, then principal, then suspense"):
        falls = draw(EMPTY)
    with panel("T-accounts", "the lines of this loan, as posted"):
        accounts = draw(EMPTY)
    with panel("About it"):
        draw(_about(state))

    async def refresh() -> None:
        currency = state["currency"]
        seen = history.believed(entries, as_of=looking.as_of, known_at=looking.known_at)
        told.content = str(_looking_at(looking))
        balances.content = str(await shielded(_balances(api, loan_id, looking)))
        timeline.content = str(_timeline(seen, len(entries), currency))
        falls.content = str(_waterfalls(seen, currency))
        accounts.content = str(_t_accounts(seen, currency))

    async def move(event: GenericEventArguments) -> None:
        name, at = event.args
        look(name, int(at))
        await refresh()

    sliders.on("input", move, js_handler=_MOVED, throttle=_THROTTLE_S)
    await refresh()


async def _entries(api: Api, loan_id: str) -> list[Body]:
    found: list[Body] = []
    async for one in api.items(f"/loans/{loan_id}/journal-entries"):
        found.append(one)
        if len(found) == MOST_ENTRIES:
            break
    return found


def _chips(state: Body) -> Markup:
    return join(chip(state["status"]), " ", chip("quarantined") if state["quarantined"] else None)


def _sliders(state: Body, entries: list[Body], looking: _Looking) -> tuple[ui.html, Look]:
    """One over the loan's days, one over the instants at which something of it was posted."""
    first = min([state["opened_on"], *(one["effective_at"] for one in entries)])
    last = max([datetime.now(UTC).date().isoformat(), *(one["effective_at"] for one in entries)])
    begun, days = date.fromisoformat(first), _days(first, last)
    instants = sorted({one["posted_at"] for one in entries})

    def look(name: str, at: int) -> None:
        if name == "as_of":
            looking.as_of = None if at == days else (begun + timedelta(days=at)).isoformat()
        else:
            looking.known_at = None if at == len(instants) else instants[at]

    drawn = join(
        _slider("as_of", "As of (effective date)", days),
        _slider("known_at", "Known at (posting time)", len(instants)),
    )
    return draw(drawn, classes="sliders"), look


def _slider(name: str, label: str, most: int) -> Markup:
    """The browser's own, so it knows Home, End and Page keys. It stands at the right end."""
    told = tag("span", label, class_="faint small")
    value = str(most)
    return tag(
        "label", told, tag("input", type="range", name=name, min="0", max=value, value=value)
    )


def _days(first: str, last: str) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)).days


def _looking_at(looking: _Looking) -> Markup:
    day = looking.as_of or "today (everything posted)"
    known = f"known at {words.instant(looking.known_at)}" if looking.known_at else "known now"
    return tag("p", tag("strong", day), ", as ", tag("strong", known), class_="looking")


async def _balances(api: Api, loan_id: str, looking: _Looking) -> Markup:
    """The API's own answer for what the sliders say."""
    found = await api.get(
        f"/loans/{loan_id}/balance", as_of_date=looking.as_of, known_at=looking.known_at
    )
    currency = found["currency"]
    tiles = [
        tag(
            "div",
            tag("div", name, class_="name"),
            tag("div", money.shown(found[member], currency),
                tag("span", currency, class_="unit"), class_="figure money"),
            class_="tile",
        )
        for name, member in _TILES
    ]  # fmt: skip
    return tag("div", *tiles, class_="tiles")


def _timeline(seen: list[Entry], total: int, currency: str) -> Markup:
    rows = [_row(step, currency) for step in history.running(history.by_effect(seen))]
    unseen = total - len(seen)
    told = (
        tag("p", f"{unseen} entries are later than what the sliders say.", class_="faint")
        if unseen
        else None
    )
    cut = (
        tag("p", f"Only the first {MOST_ENTRIES:,} entries are read here.", class_="trouble")
        if total == MOST_ENTRIES
        else None
    )
    empty = "Nothing was posted by then. Move the sliders to the right."
    return join(cut, table(_COLUMNS, rows, empty=empty, label="Timeline"), told)


def _row(step: Step, currency: str) -> tuple[str | Markup | None, ...]:
    one, after = step.entry, step.after
    is_reversed = join(" ", chip("reversed", "busy")) if one["reversed_by_entry_id"] else None
    reference = next((x["external_ref"] for x in one["lines"] if x["external_ref"]), None)
    about = tag("div", reference, class_="faint small wide") if reference else None
    moved_minor = sum(
        int(x["amount_minor"]) for x in one["lines"] if x["direction"] == "DR"
    ) or sum(int(x["amount_minor"]) for x in one["lines"])
    return (
        one["effective_at"],
        tag("div", words.event(one["event_type"]), is_reversed, about),
        entry(one["journal_entry_id"]),
        amount(moved_minor, currency),
        amount(after.fees_minor, currency),
        amount(after.interest_minor, currency),
        amount(after.principal_minor, currency),
        amount(after.exposure_minor, currency),
        amount(after.suspense_minor, currency),
        instant(one["posted_at"]),
    )


def _waterfalls(seen: list[Entry], currency: str) -> Markup:
    """Every payment in the order posted: what was owed is what stood when it was decided."""
    told = [
        _waterfall(step, applied, currency)
        for step in history.running(seen)
        if (applied := history.waterfall(step))
    ]
    if not told:
        return nothing(
            "No payment by then. A payment says here what went to fees, interest and so on."
        )
    return tag("div", *reversed(told), class_="falls")


def _waterfall(step: Step, applied: list[history.Applied], currency: str) -> Markup:
    one = step.entry
    paid_minor = sum(part.applied_minor for part in applied)
    items = []
    for part in applied:
        shown = money.shown(part.applied_minor, currency)
        if part.receivable == "suspense":
            if part.applied_minor == 0:
                continue
            told = f"{shown} kept: nothing was owed for it"
        else:
            told = f"{shown} of {money.shown(part.owed_minor, currency)} owed"
        left = f"{money.shown(part.left_minor, currency)} left"
        items.append(
            tag("li", tag("span", tag("strong", part.receivable), " ", told),
                tag("span", left, class_="faint"))
        )  # fmt: skip
    name = f"{words.event(one['event_type'])} of {money.with_currency(paid_minor, currency)}"
    title = tag("h3", link(name, f"/journal/{one['journal_entry_id']}"), " ",
                tag("span", one["effective_at"], class_="faint small"))  # fmt: skip
    return tag("div", title, tag("ol", *items), class_="fall")


def _t_accounts(seen: list[Entry], currency: str) -> Markup:
    found = history.t_accounts(seen)
    if not found:
        return nothing("No line was posted by then.")
    return tag("div", *(_t_account(one, currency) for one in found), class_="accounts")


def _t_account(account: history.TAccount, currency: str) -> Markup:
    def side(lines: tuple[tuple[str, str, int], ...], name: str) -> Markup:
        items = [
            tag("li", tag("span", day, title=words.event(event), class_="faint"),
                tag("span", money.shown(amount_minor, currency)))
            for day, event, amount_minor in lines
        ]  # fmt: skip
        return tag("ul", *items, aria_label=name)

    stands_minor = account.debit_minor - account.credit_minor
    which = "debit" if stands_minor > 0 else "credit" if stands_minor < 0 else "level"
    return tag(
        "div",
        tag("h3", words.account(account.code)),
        tag(
            "div", side(account.debits, "debits"), side(account.credits, "credits"), class_="sides"
        ),
        tag("div", f"{which} {money.shown(abs(stands_minor), currency)}", class_="balance"),
        class_="t",
    )


def _about(state: Body) -> Markup:
    currency = state["currency"]
    return pairs(
        {
            "Borrower": identifier(
                state["borrower_id"], f"/loans?borrower_id={state['borrower_id']}"
            ),
            "Currency": currency,
            "Opened": state["opened_on"],
            "Accrued through": state["accrued_through"] or "–",
            "Last activity": instant(state["last_activity_at"]),
            "Disbursed, not settled": amount(state["unsettled_minor"], currency),
            "Collected": join(
                *(
                    tag("div", money.shown(state[f"collected_{name}_minor"], currency), f" {name}")
                    for name in ("fees", "interest", "principal")
                )
            ),
            "Recovered": amount(state["recovered_minor"], currency),
        }
    )
