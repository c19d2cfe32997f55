"""Where `hpts accrue` posts to, and as whom: HPTS_* variables, or the stack of a data folder."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from hpts.api_client import OperatorRefused, local_json
from hpts_client.http import BatchClient, Credentials
from hpts_client.producer import Settings
from schemas import topic_policy
from schemas.kafka_security import KafkaSecurity
from schemas.scopes import ACCRUALS_WRITE
from schemas.signing import SigningKey, resolve_secret

_MODEL: Final = SettingsConfigDict(
    env_prefix="HPTS_", frozen=True, extra="ignore", hide_input_in_errors=True
)
_Given = TypeVar("_Given", bound=BaseSettings)


class Unusable(Exception):
    """Nothing to post to can be made of what was given. The message says what is missing."""


class _OverHttp(BaseSettings):
    model_config = _MODEL

    api_url: str
    """Without /v1."""
    token_url: str
    client_id: str
    client_secret: SecretStr


class _OverKafka(KafkaSecurity):
    model_config = _MODEL

    kafka_bootstrap: str
    tenant_id: UUID
    client_id: str
    """Who is named as the actor of every entry."""
    signing_key_id: str
    signing_secret: str
    """As in the key ring: `file:PATH` or `env:NAME`."""
    profile: str = "production"
    durability: Literal["power", ""] = ""


def over_http(data_dir: Path, client_id: str | None, environment: Mapping[str, str]) -> BatchClient:
    """A client of the API; HPTS_API_URL decides that the variables are meant."""
    if environment.get("HPTS_API_URL"):
        given = _read(_OverHttp)
        secret = given.client_secret.get_secret_value()
        return BatchClient(given.api_url, Credentials(given.token_url, given.client_id, secret))
    stack = _stack(data_dir)
    registered = _registered(stack, client_id)
    return BatchClient(
        stack["api_url"],
        Credentials(stack["token_url"], registered["client_id"], registered["client_secret"]),
    )


def over_kafka(data_dir: Path, client_id: str | None, environment: Mapping[str, str]) -> Settings:
    """What the direct producer must know; HPTS_TENANT_ID decides that the variables are meant.

    Raises `signing.UnreadableSecret`, too.
    """
    if environment.get("HPTS_TENANT_ID"):
        given = _read(_OverKafka)
        return Settings(
            bootstrap=given.kafka_bootstrap,
            tenant_id=given.tenant_id,
            actor=given.client_id,
            signing_key=_key(given.signing_key_id, given.signing_secret, given.tenant_id),
            profile=given.profile,
            durability=given.durability or None,
            security=given.kafka_security,
        )
    stack = _stack(data_dir)
    registered = _registered(stack, client_id)
    tenant_id, producer = UUID(registered["tenant_id"]), stack["producer"]
    secret = f"file:{producer['signing_key_file']}"
    return Settings(
        bootstrap=stack["kafka_bootstrap"],
        tenant_id=tenant_id,
        actor=registered["client_id"],
        signing_key=_key(producer["signing_key_id"], secret, tenant_id),
        profile=topic_policy.LOCAL,
    )


def _key(key_id: str, reference: str, tenant_id: UUID) -> SigningKey:
    # From when until when it is valid, the key ring says, and the engine judges.
    secret = resolve_secret(reference)
    return SigningKey(
        key_id, secret, frozenset([tenant_id]), datetime.min.replace(tzinfo=UTC), None
    )


def _read(kind: type[_Given]) -> _Given:
    try:
        return kind()
    except ValidationError as error:
        faults = [f"HPTS_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors()]
        raise Unusable("; ".join(faults)) from None


def _stack(data_dir: Path) -> dict[str, Any]:
    try:
        return local_json(data_dir)
    except OperatorRefused as reason:
        raise Unusable(f"{reason}: start it (`hpts up`), or name its --data-dir") from None


def _registered(stack: Mapping[str, Any], client_id: str | None) -> Mapping[str, str]:
    """The client that was named, or the first that may post accruals."""
    may: list[dict[str, Any]]
    may = [c for c in stack["clients"] if ACCRUALS_WRITE in c["scopes"] and not c["partner"]]
    for registered in may:
        if client_id in (None, registered["client_id"]):
            return registered
    names = ", ".join(str(c["client_id"]) for c in may) or "none"
    raise Unusable(f"no client {client_id} of the stack may post accruals; these may: {names}")
