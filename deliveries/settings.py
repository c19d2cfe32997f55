"""The deliveries' settings, from HPTS_* variables, read once in `__main__`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from schemas.kafka_security import KafkaSecurity
from schemas.observing import ObservingSettings


class Settings(KafkaSecurity, ObservingSettings):
    """Everything the deliveries are told from outside. Faults are reported all at once."""

    deliveries_postgres_dsn: SecretStr
    kafka_bootstrap: str
    host: str = "127.0.0.1"
    deliveries_port: int = Field(default=8082, ge=0, le=65535)
    """Where health is told."""
    profile: str = "production"
    """`local` takes topics of one replica; every other word demands three, or `durability`."""
    durability: Literal["power", ""] = ""
    log_level: str = "INFO"
    webhook_allowed: str = ""
    """Hosts, with or without a port, separated by commas, that webhooks may go to though they are
    not public, or by http. A host that tenants can choose must not stand here."""
    webhook_ca_file: Path | None = None
    """Certificates of the authorities to be trusted, in PEM; without, the system's."""
    webhook_retry_seconds: tuple[float, ...] = (
        *(0, 5, 5 * 60, 30 * 60, 2 * 3600),
        *(5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600),
    )
    """How long after the attempt before it each attempt is made; their number is how many."""
    webhook_timeout_seconds: float = Field(default=15.0, gt=0, le=30)
    webhook_most_at_once: int = Field(default=1_000, ge=1, le=10_000)
    webhook_most_per_endpoint: int = Field(default=8, ge=1, le=100)
    webhook_kept_days: int = Field(default=90, ge=1)
    """How long what was told, and every attempt, can be read."""
