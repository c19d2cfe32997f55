"""`/trial-balance`: both sides of every account, to any day and as known at any instant."""

from typing import Any, Final

from markupsafe import Markup

from console.fragments import Column, amount, chip, link, table
from console.frame import Visit, draw, heading, page, panel
from console.lists import address, choice, filters, text

_COLUMNS: Final = (
    Column("Account"),
    Column("Debit", is_number=True),
    Column("Credit", is_number=True),
    Column("Debit balance", is_number=True),
    Column("Credit balance", is_number=True),
)
_LAYERS: Final = [(name, name) for name in ("SETTLED", "PENDING", "ENCUMBRANCE")]


@page("/trial-balance", title="Trial balance", section="/trial-balance")
async def trial_balance(visit: Visit) -> None:
    """One table per currency and layer."""
    query = visit.query
    heading(
        "Trial balance",
        "By booking date. Both sides of each currency and layer are equal, whatever the day.",
    )
    with panel("As of"):
        draw(
            filters(
                "/trial-balance",
                text("Booked through", "as_of_date", query, type="date"),
                text("Known at (UTC)", "known_at", query, placeholder="2026-01-31T23:59:59Z"),
                text("Currency", "currency", query, size="5", maxlength="3", pattern="[A-Z]{3}"),
                choice("Layer", "layer", query, _LAYERS),
            )
        )
    found = await visit.session.api.get(
        "/trial-balance",
        **{name: query.get(name) for name in ("as_of_date", "known_at", "currency", "layer")},
    )
    if not found["totals"]:
        with panel("Nothing is posted"):
            draw(
                table(_COLUMNS, [], empty="There is no entry to sum up to here.", label="Accounts")
            )
    for total in found["totals"]:
        is_equal = total["dr_balance_minor"] == total["cr_balance_minor"]
        state = chip("balanced" if is_equal else "unbalanced")
        with panel(f"{total['currency']}, {total['layer']}", state):
            draw(_accounts(found, total))


def _accounts(found: dict[str, Any], total: dict[str, Any]) -> Markup:
    currency, layer = total["currency"], total["layer"]
    rows = []
    for one in found["items"]:
        if (one["currency"], one["layer"]) != (currency, layer):
            continue
        debit_minor, credit_minor = int(one["dr_balance_minor"]), int(one["cr_balance_minor"])
        stands_minor = debit_minor - credit_minor
        href = address("/journal", {"account_code": one["account_code"]})
        rows.append(
            (
                link(f"{one['account_code']} {one['account_name']}", href),
                amount(debit_minor, currency),
                amount(credit_minor, currency),
                amount(stands_minor, currency) if stands_minor > 0 else "",
                amount(-stands_minor, currency) if stands_minor < 0 else "",
            )
        )
    sides = (total["dr_balance_minor"], total["cr_balance_minor"])
    return table(
        _COLUMNS,
        rows,
        empty="",
        label=f"Accounts in {currency}, {layer}",
        total=("Total", *(amount(side, currency) for side in sides), "", ""),
    )
