"""Another API process on the stack's servers, with settings or a module of a test's own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from hpts.local import ports
from hpts.local.credentials import SIGNING_KEY_ID, Credentials
from hpts.local.ledger import as_role
from schemas import topic_policy
from tests.faults.own_ledger import answer_of, spawn, until

READY_WITHIN_S: Final = 40
ROLES: Final = {
    "hpts_ingress": "HPTS_INGRESS_POSTGRES_DSN",
    "hpts_reader": "HPTS_READ_POSTGRES_DSN",
}


def settings_of(stack: Mapping[str, Any], stack_dir: Path, port: int) -> dict[str, str]:
    """What the stack's own API is told, for another port."""
    credentials = Credentials(stack_dir / "secrets")
    passwords = credentials.passwords()
    dsns = {
        name: as_role(stack["postgres_dsn"], role, passwords[role]) for role, name in ROLES.items()
    }
    return {
        "HPTS_HOST": ports.HOST,
        "HPTS_PORT": str(port),
        "HPTS_KAFKA_BOOTSTRAP": stack["kafka_bootstrap"],
        "HPTS_PAGE_TOKEN_SECRET_FILE": str(credentials.page_token_secret),
        "HPTS_SIGNING_KEY_ID": SIGNING_KEY_ID,
        "HPTS_PROFILE": topic_policy.LOCAL,
        "HPTS_TOKEN_ISSUER": stack["token_url"].removesuffix("/oauth/token"),
        "HPTS_TOKEN_AUDIENCE": "hpts",
        "HPTS_JWKS_URL": stack["jwks_url"],
        **dsns,
    }


@contextmanager
def own_api(
    stack: Mapping[str, Any], stack_dir: Path, *, module: str = "hpts.local.api", **more: str
) -> Iterator[str]:
    """The process, ready; its URL. Its log stands among the stack's."""
    port = ports.free_port()
    settings = settings_of(stack, stack_dir, port) | more
    service = spawn("api", module, stack_dir / "logs" / f"own-api-{port}.log", settings)
    url = f"http://{ports.HOST}:{port}"
    try:
        until(
            lambda: answer_of(f"{url}/v1/health/ready")[0] == 200,
            seconds=READY_WITHIN_S,
            told=service.said,
        )
        yield url
    finally:
        service.stop()
