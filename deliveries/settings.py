"""The deliveries' settings, from HPTS_* variables, read once in `__main__`."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything the deliveries are told from outside. Faults are reported all at once."""

    model_config = SettingsConfigDict(
        env_prefix="HPTS_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    deliveries_postgres_dsn: SecretStr
    kafka_bootstrap: str
    host: str = "127.0.0.1"
    deliveries_port: int = Field(default=8082, ge=0, le=65535)
    """Where health is told."""
    profile: str = "production"
    """`local` takes topics of one replica; every other word demands three, or `durability`."""
    durability: Literal["power", ""] = ""
    log_level: str = "INFO"
