"""`hpts webhooks`: who is told of entries, what became of that, and telling it again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, Final
from uuid import uuid4

import typer
from rich.table import Table

from hpts.using.connected import As, Where, ledger
from hpts.using.reading import WIDE, plain, show_json
from hpts.words import HERE, USAGE, AsJson, end, out
from hpts_client.events import (
    NewWebhookEndpoint,
    NewWebhookSecret,
    WebhookEndpointRemoval,
    WebhookReplay,
)
from hpts_client.outcomes import Attempt, Delivery, WebhookEndpoint
from hpts_client.queries import DeliveriesOf, WebhookEndpoints
from schemas.scopes import WEBHOOKS_READ, WEBHOOKS_WRITE

webhooks: Final = typer.Typer(
    no_args_is_help=True, help="Endpoints that are told of every posted entry."
)
EndpointId = Annotated[
    str, typer.Argument(metavar="ENDPOINT", help="As `hpts webhooks list` names it.")
]


@webhooks.command("list")
def list_endpoints(*, client: As = None, data_dir: Where = HERE, as_json: AsJson = False) -> None:
    """Show the endpoints, and why one is disabled."""
    with ledger(data_dir, client, (WEBHOOKS_READ,)) as api:
        found = list(api.items(WebhookEndpoints()))
    if as_json:
        show_json({"items": [plain(one) for one in found]})
    elif not found:
        out.print("hpts: there is no endpoint; `hpts webhooks add URL` makes one")
    else:
        WIDE.print(_endpoint_table(found))


@webhooks.command()
def add(
    url: Annotated[str, typer.Argument(help="Where to POST to: https.")],
    *,
    event_types: Annotated[
        list[str] | None,
        typer.Option("--event", help="Of these only; give it again for more. [default: all]"),
    ] = None,
    description: Annotated[str | None, typer.Option(help="For people.")] = None,
    client: As = None,
    data_dir: Where = HERE,
    as_json: AsJson = False,
) -> None:
    """Add an endpoint. The secret that signs what it is told is shown this once."""
    wanted = NewWebhookEndpoint(url=url, event_types=event_types or None, description=description)
    _change(wanted, f"endpoint for {url} added", client, data_dir, as_json=as_json)


@webhooks.command()
def rotate(
    endpoint: EndpointId, *, client: As = None, data_dir: Where = HERE, as_json: AsJson = False
) -> None:
    """Make a new secret; the one before signs, too, for a day. It is shown this once."""
    wanted = NewWebhookSecret(webhook_endpoint_id=endpoint)
    _change(wanted, "the secret is changed", client, data_dir, as_json=as_json)


@webhooks.command()
def remove(
    endpoint: EndpointId, *, client: As = None, data_dir: Where = HERE, as_json: AsJson = False
) -> None:
    """Remove an endpoint; it is told nothing more."""
    wanted = WebhookEndpointRemoval(webhook_endpoint_id=endpoint)
    _change(wanted, "the endpoint is removed", client, data_dir, as_json=as_json)


@webhooks.command()
def replay(
    endpoint: EndpointId,
    *,
    since: Annotated[
        str, typer.Option("--from", metavar="INSTANT", help="Such as 2026-01-31T00:00:00Z.")
    ],
    client: As = None,
    data_dir: Where = HERE,
    as_json: AsJson = False,
) -> None:
    """Tell an endpoint everything again that was posted since an instant."""
    wanted = WebhookReplay(webhook_endpoint_id=endpoint, since=_instant(since))
    _change(wanted, f"what was posted since {since} is told again", client, data_dir,
            as_json=as_json)  # fmt: skip


@webhooks.command()
def deliveries(
    endpoint: EndpointId,
    *,
    most: Annotated[int, typer.Option("--most", min=1, help="How many, the last first.")] = 50,
    client: As = None,
    data_dir: Where = HERE,
    as_json: AsJson = False,
) -> None:
    """Show what an endpoint was told, or is to be, with how its last attempt ended."""
    with ledger(data_dir, client, (WEBHOOKS_READ,)) as api:
        listing = DeliveriesOf(webhook_endpoint_id=endpoint, order="desc")
        found = list(islice(api.items(listing), most))
    if as_json:
        show_json({"items": [plain(one) for one in found]})
    elif not found:
        out.print("hpts: it was told nothing yet")
    else:
        WIDE.print(_delivery_table(found))


def _change(wanted: Any, done: str, client: As, data_dir: Where, *, as_json: bool) -> None:
    """Once for each run: a key of its own, sent again with it while nothing answers."""
    with ledger(data_dir, client, (WEBHOOKS_WRITE,)) as api:
        result = api.post(wanted, f"hpts-webhooks:{uuid4()}")
    if as_json:
        show_json(plain(result))
        return
    out.print(f"hpts: {done}")
    for name in ("webhook_endpoint_id", "secret", "previous_secret_until"):
        if (value := getattr(result, name, None)) is not None:
            out.print(f"  {name} {value}")


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        end(f"{text} is no instant; one is 2026-01-31T00:00:00Z", USAGE)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _endpoint_table(found: Sequence[WebhookEndpoint]) -> Table:
    table = Table("endpoint", "url", "events", "status", "description", box=None)
    for one in found:
        status = one.status + (f": {one.disabled_because}" if one.disabled_because else "")
        events = ", ".join(one.event_types or ["all"])
        table.add_row(str(one.webhook_endpoint_id), one.url, events, status, one.description or "")
    return table


def _delivery_table(found: Sequence[Delivery]) -> Table:
    table = Table("occurred", "entry", "event", "status", "attempts", "the last", box=None)
    for one in found:
        last = _ended(one.attempts[-1]) if one.attempts else ""
        occurred = f"{one.occurred_at:%Y-%m-%d %H:%M:%S}"
        entry_id = str(one.journal_entry_id)
        table.add_row(occurred, entry_id, one.event_type, one.status, str(len(one.attempts)), last)
    return table


def _ended(attempt: Attempt) -> str:
    return f"{attempt.status_code or attempt.error} in {attempt.duration_ms} ms"
