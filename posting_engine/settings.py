"""The engine's settings, from HPTS_* variables, read once in `__main__`."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything the engine is told from outside. Faults are reported all at once."""

    model_config = SettingsConfigDict(
        env_prefix="HPTS_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    engine_postgres_dsn: SecretStr
    kafka_bootstrap: str
    signing_key_id: str
    engine_slot: int = Field(default=0, ge=0)
    batch_records: int = Field(default=500, ge=1, le=10_000)
    log_level: str = "INFO"
