"""The settings of the write edge, from `HPTS_*` variables; read once in `__main__`."""

from typing import Literal

from pydantic import Field, SecretStr

from schemas.kafka_security import KafkaSecurity
from schemas.observing import ObservingSettings
from schemas.partners.settings import PartnerSettings


class Settings(PartnerSettings, KafkaSecurity, ObservingSettings):
    """Everything that the process is told from outside."""

    kafka_bootstrap: str
    ingress_postgres_dsn: SecretStr
    signing_key_id: str
    token_issuer: str
    token_audience: str
    jwks_url: str
    token_algorithm: str = "RS256"
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    instance: str | None = None
    """Tells processes apart; decides the outcomes partition. Default: host name and process id."""
    max_in_flight: int = Field(default=2_000, ge=1)
    max_in_flight_per_tenant: int = Field(default=1_000, ge=1)
    max_requests_per_second_per_tenant: int = Field(default=10_000, ge=1)
    """In this process; beyond it 429. A second's worth may come at once."""
    max_batch_streams: int = Field(default=2, ge=1)
    """Batches that are read from NDJSON at once; one of 5,000,000 loans takes some 400 MB."""
    max_batch_streams_per_tenant: int = Field(default=1, ge=1)
    postgres_connections: int = Field(default=8, ge=2)
    webhook_allowed: str = ""
    """As the deliveries have it: hosts that webhooks may go to though they are not public."""
    delivery_timeout_ms: int = Field(default=10_000, ge=100)
    profile: str = "production"
    """`local` takes topics of one replica; every other word demands three, or `durability`."""
    durability: Literal["power", ""] = ""
    """`power`: one replica will do where every command is flushed before it is acknowledged."""
