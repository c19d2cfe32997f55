"""The settings of the read edge, from `HPTS_*` variables; read once in `__main__`."""

from pathlib import Path

from pydantic import Field, SecretStr

from schemas.observing import ObservingSettings


class Settings(ObservingSettings):
    """Everything that the process is told from outside. Faults are reported all at once."""

    read_postgres_dsn: SecretStr
    page_token_secret_file: Path
    token_issuer: str
    token_audience: str
    jwks_url: str
    token_algorithm: str = "RS256"
    host: str = "127.0.0.1"
    port: int = Field(default=8081, ge=0, le=65535)
    postgres_connections: int = Field(default=8, ge=1)
    most_lag_s: float = Field(default=30.0, gt=0)
    """A partition that has not been applied up to this long ago makes the service not ready."""
    log_level: str = "INFO"
