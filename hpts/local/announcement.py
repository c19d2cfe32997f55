"""What `hpts up` prints once all is ready: the URLs, and a first disbursement to paste."""

import json
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

_TOKEN_OF: Final = """python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])'"""


def text(described: dict[str, Any], *, data_dir: str, durability: str | None) -> str:
    """The whole announcement, from local.json's content."""
    return "\n".join(
        [
            "HPTS is ready.",
            "",
            f"  API       {described['api_url']}/v1",
            f"  console   {described['console_sign_in_url']}",
            f"  partners  {described['partner_api_url']}/v1 (mutual TLS: docs/partners.md)",
            f"  tokens    {described['token_url']}",
            f"  Kafka     {described['kafka_bootstrap']}",
            f"  Postgres  {described['postgres_dsn']}",
            f"  data      {data_dir} (secrets of the clients: local.json)",
            "",
            "A first disbursement:",
            "",
            first_disbursement(described),
            "",
            _durability(durability),
        ]
    )


def first_disbursement(described: dict[str, Any]) -> str:
    """A command for bash that needs curl and python3: fetches a token and opens a loan."""
    client = described["clients"][0]
    body = {
        "loan_id": str(uuid4()),
        "borrower_id": str(uuid4()),
        "amount_minor": "100000",
        "currency": "USD",
        "effective_at": datetime.now(UTC).date().isoformat(),
        "method": "ach",
    }
    token = (
        f"curl -s -u {client['client_id']}:{client['client_secret']} "
        f"-d grant_type=client_credentials {described['token_url']} | {_TOKEN_OF}"
    )
    return " \\\n".join(
        [
            f"curl -i {described['api_url']}/v1/disbursements",
            f'  -H "Authorization: Bearer $({token})"',
            "  -H 'Content-Type: application/json'",
            f"  -H 'Idempotency-Key: disbursement:{uuid4()}'",
            f"  -d '{json.dumps(body)}'",
        ]
    )


def _durability(durability: str | None) -> str:
    """What an acknowledged command survives here."""
    if durability == "power":
        return "Every command is on the disk before it is acknowledged (HPTS_DURABILITY=power)."
    return (
        "One local replica: what is acknowledged survives killed processes, but not a power cut;\n"
        "HPTS_DURABILITY=power changes that, for about a quarter of the throughput."
    )
