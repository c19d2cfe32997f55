"""The settings of the console, from `HPTS_*` variables; read once in `__main__`."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything that the process is told from outside. Faults are reported all at once."""

    model_config = SettingsConfigDict(
        env_prefix="HPTS_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    console_api_url: str = Field(min_length=1)
    """The API as this process reaches it, without `/v1`."""
    console_token_url: str = Field(min_length=1)
    """Where client credentials are exchanged for a token."""
    console_clients_file: Path | None = None
    """Clients to choose from (a local run's own), for whoever shows the key in the other file."""
    console_key_file: Path | None = None
    console_is_https: bool = False
    """People reach it by https: its cookies are marked so."""
    host: str = "127.0.0.1"
    port: int = Field(default=8090, ge=0, le=65535)
